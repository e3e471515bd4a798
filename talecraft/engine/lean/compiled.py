"""Compiled steps: a family's weights packed for its kernel (engine/kernels.py), a call a token."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talecraft.config import lean
from talecraft.engine.kernels import (
    Array,
    Gpt2Weights,
    Held,
    LlamaWeights,
    Matrix,
    Norm,
    gpt2_step,
    llama_step,
)
from talecraft.engine.lean import gpt2, llama
from talecraft.engine.lean.packing import packed, stacked
from talecraft.engine.lean.products import Way
from talecraft.engine.lean.steps import LeanSteps
from talecraft.engine.lean.store import ShortStore
from talecraft.engine.lean.weights import Unfit, joined, matrix, table

TANH = ("gelu_new", "gelu_pytorch_tanh")
_ALL = np.empty((0, 0), np.int64)  # the mask of sequences of which every token counts


class CompiledSteps(LeanSteps):
    """One call a token, for one sequence or a batch of them."""

    store: ShortStore
    _weights: LlamaWeights | Gpt2Weights
    _seen: tuple[Tensor, Held] | None = None  # the store's tensor, and how kernels see it

    def for_all(self) -> CompiledSteps | None:
        """None for a model that is more than small where torch has several cores to share out
        several rows to, and these have one."""
        matrices = (one for one in self._weights if isinstance(one, Matrix))
        size = sum(one.weight.size for one in matrices)
        if torch.get_num_threads() > lean.FEW_CORES and size > lean.SMALL:
            return None
        other = copy.copy(self)
        other.store = self.store.like()
        return other

    @torch.inference_mode()
    def step_all(self, tokens: Tensor, places: Tensor, mask: Tensor) -> Tensor:
        """Append an id (B,) at its place (B,) to each sequence of the cache; returns their logits
        (B, V). Of all columns, with the new one, those count whose `mask` (B, n) is not 0."""
        at = self.store.length
        if self.store.sequences != len(tokens) or mask.shape != (len(tokens), at + 1):
            raise RuntimeError("other rows than the cache holds")  # the kernels do not look
        self.store.reserve(at + 1)
        logits = self._rows(tokens.tolist(), places.tolist(), at, mask.contiguous().numpy())
        self.store.reach(at + 1)
        return logits

    @property
    def _held(self) -> Held:
        data = self.store.data
        if self._seen is None or self._seen[0] is not data:  # it has grown, or has other rows
            self._seen = data, Held(data.numpy(), self.store.worth[..., 0].numpy())
        return self._seen[1]

    def _forward(self, token: int, at: int) -> Tensor:
        return self._rows([token], [at], at, _ALL)

    @abstractmethod
    def _rows(self, tokens: Sequence[int], places: Sequence[int], at: int, mask: Array) -> Tensor:
        """The logits (B, V) of the tokens at these places, in column `at` of the store."""


def _reader(embedding: Tensor) -> Callable[[Sequence[int]], Array]:
    """What copies rows (n, W) of an embedding, in float32; torch takes nine microseconds to."""
    if embedding.dtype != torch.float32:
        return lambda ids: embedding[ids].float().numpy()
    rows: Array = embedding.numpy()
    return lambda ids: rows[ids]


def _padded(rows: Array) -> Array:
    """(B, W) as the kernels take it: one row, or a multiple of four."""
    count = len(rows)
    if count % 4 == 0 or count == 1:
        return rows
    return np.concatenate([rows, np.zeros((-count % 4, rows.shape[1]), np.float32)])


def _first(logits: Array, count: int) -> Tensor:
    made = torch.from_numpy(logits)
    return made if len(made) == count else made[:count]


class CompiledLlama(CompiledSteps):
    """LlamaForCausalLM, MistralForCausalLM."""

    _weights: LlamaWeights

    def __init__(self, base: Any, way: Way) -> None:
        """Raises Unfit for what is not LoRA on linear layers, and other activations than SiLU."""
        config, layers = base.config, base.model.layers
        if config.hidden_act != "silu":
            raise Unfit(f"its activation is {config.hidden_act}")
        width = int(layers[0].self_attn.head_dim)
        heads = int(config.num_key_value_heads)
        super().__init__(way, ShortStore(config, len(layers), heads, width))
        self._embedding = _reader(table(base.model.embed_tokens))
        self._rotary = base.model.rotary_emb
        self._angles = np.empty((0, 2, width), np.float32)
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

    def _rows(self, tokens: Sequence[int], places: Sequence[int], at: int, mask: Array) -> Tensor:
        if at >= len(self._angles):
            both = torch.stack(llama.angles(self._rotary, self.store.capacity), 1)
            self._angles = both.float().contiguous().numpy()
        x = _padded(self._embedding(tokens))
        logits = llama_step(x, at, self._angles[places], mask, self._held, self._weights)
        return _first(logits, len(tokens))


class CompiledGpt2(CompiledSteps):
    """GPT2LMHeadModel."""

    _weights: Gpt2Weights

    def __init__(self, base: Any, way: Way) -> None:
        """Raises Unfit for what is not LoRA on linear layers, and activations other than GELU by
        its tanh."""
        config, body = base.config, base.transformer
        blocks = body.h
        if config.activation_function not in TANH:
            raise Unfit(f"its activation is {config.activation_function}")
        attention, count = blocks[0].attn, len(blocks)
        heads, width = int(attention.num_heads), int(attention.head_dim)
        super().__init__(way, ShortStore(config, count, heads, width))
        self._embedding, self._places = _reader(table(body.wte)), _reader(table(body.wpe))
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

    def _rows(self, tokens: Sequence[int], places: Sequence[int], at: int, mask: Array) -> Tensor:
        """Raises IndexError beyond the model's positions."""
        x = _padded(self._embedding(tokens) + self._places(places))
        logits = gpt2_step(x, at, mask, self._held, self._weights)
        return _first(logits, len(tokens))


def _norms(norms: list[Any]) -> Norm:
    return Norm(stacked([one.weight for one in norms]), stacked([one.bias for one in norms]))
