"""Compiled steps: a family's weights packed for its kernel (engine/kernels.py), a call a token."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from talecraft.engine.kernels import (
    Gpt2Weights,
    LlamaWeights,
    Norm,
    gpt2_step,
    llama_step,
)
from talecraft.engine.lean import gpt2, llama
from talecraft.engine.lean.packing import packed, stacked
from talecraft.engine.lean.products import Way
from talecraft.engine.lean.steps import LeanSteps
from talecraft.engine.lean.store import Store
from talecraft.engine.lean.weights import Unfit, joined, matrix, table

TANH = ("gelu_new", "gelu_pytorch_tanh")


class CompiledLlama(LeanSteps):
    """LlamaForCausalLM, MistralForCausalLM."""

    def __init__(self, base: Any, way: Way) -> None:
        """Raises Unfit for what is not LoRA on linear layers, and other activations than SiLU."""
        config, layers = base.config, base.model.layers
        if config.hidden_act != "silu":
            raise Unfit(f"its activation is {config.hidden_act}")
        width = int(layers[0].self_attn.head_dim)
        super().__init__(way, Store(config, len(layers), int(config.num_key_value_heads), width))
        self._embedding = table(base.model.embed_tokens)
        self._rotary = base.model.rotary_emb
        self._turns = np.empty((0, 2, width), np.float32)
        mlps, count = [layer.mlp for layer in layers], len(layers)
        self._weights = LlamaWeights(
            stacked([layer.input_layernorm.weight for layer in layers]),
            packed(count, map(llama.qkv, layers)),
            packed(count, (matrix(layer.self_attn.o_proj) for layer in layers)),
            stacked([layer.post_attention_layernorm.weight for layer in layers]),
            packed(count, (joined(mlp.gate_proj, mlp.up_proj) for mlp in mlps)),
            packed(count, (matrix(mlp.down_proj) for mlp in mlps)),
            stacked([base.model.norm.weight]),
            packed(1, [matrix(base.lm_head)]),
            np.float32(base.model.norm.variance_epsilon),
        )

    def _forward(self, token: int, at: int) -> Tensor:
        if at >= len(self._turns):
            turns = torch.stack(llama.angles(self._rotary, self.store.capacity), 1)
            self._turns = turns.float().contiguous().numpy()
        x = self._embedding[token].to(torch.float32, copy=True).numpy()
        data = self.store.data.numpy()
        return torch.from_numpy(llama_step(x, at, self._turns[at], data, self._weights))[None]


class CompiledGpt2(LeanSteps):
    """GPT2LMHeadModel."""

    def __init__(self, base: Any, way: Way) -> None:
        """Raises Unfit for what is not LoRA on linear layers, and activations other than GELU by
        its tanh."""
        config, body = base.config, base.transformer
        blocks = body.h
        if config.activation_function not in TANH:
            raise Unfit(f"its activation is {config.activation_function}")
        attention, count = blocks[0].attn, len(blocks)
        heads, width = int(attention.num_heads), int(attention.head_dim)
        super().__init__(way, Store(config, count, heads, width))
        self._embedding, self._places = table(body.wte), table(body.wpe)
        self._weights = Gpt2Weights(
            _norms([block.ln_1 for block in blocks]),
            packed(count, map(gpt2.qkv, blocks)),
            packed(count, (matrix(block.attn.c_proj) for block in blocks)),
            _norms([block.ln_2 for block in blocks]),
            packed(count, (matrix(block.mlp.c_fc) for block in blocks)),
            packed(count, (matrix(block.mlp.c_proj) for block in blocks)),
            _norms([body.ln_f]),
            packed(1, [matrix(base.lm_head)]),
            np.float32(body.ln_f.eps),
        )

    def _forward(self, token: int, at: int) -> Tensor:
        """Raises IndexError beyond the model's positions."""
        x = (self._embedding[token].float() + self._places[at].float()).numpy()
        logits = gpt2_step(x, at, self.store.data.numpy(), self._weights)
        return torch.from_numpy(logits)[None]


def _norms(norms: list[Any]) -> Norm:
    return Norm(stacked([one.weight for one in norms]), stacked([one.bias for one in norms]))
