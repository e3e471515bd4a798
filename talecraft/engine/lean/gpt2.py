"""Lean steps in GPT-2's shape: learned positions, layer norms, biases, transposed weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from talecraft.engine.lean.products import Product, Shapes, Way
from talecraft.engine.lean.steps import LeanSteps, attend
from talecraft.engine.lean.store import Store
from talecraft.engine.lean.weights import Pair, Unfit, matrix, scaled, shape, table


class _Norm(NamedTuple):
    width: list[int]
    gain: Tensor
    shift: Tensor
    epsilon: float

    @classmethod
    def of(cls, norm: Any) -> _Norm:
        gain, shift = norm.weight.detach().float(), norm.bias.detach().float()
        return cls([len(gain)], gain, shift, float(norm.eps))

    def __call__(self, x: Tensor) -> Tensor:
        return torch.layer_norm(x, *self)


class _Layer(NamedTuple):
    norm: _Norm
    qkv: Product
    out: Product
    norm_mlp: _Norm
    up: Product
    down: Product


class Gpt2Steps(LeanSteps):
    """GPT2LMHeadModel."""

    def __init__(self, base: Any, way: Way) -> None:
        """Raises Unfit for layers that are not linear ones with LoRA or none."""
        blocks = base.transformer.h
        heads, width = int(blocks[0].attn.num_heads), int(blocks[0].attn.head_dim)
        super().__init__(way, Store(base.config, len(blocks), heads, width))
        self._embedding = table(base.transformer.wte)
        self._places = table(base.transformer.wpe)
        self._activate = blocks[0].mlp.act.forward
        self._layers = [self._layer(block) for block in blocks]
        self._norm = _Norm.of(base.transformer.ln_f)
        self._head = self._product(*matrix(base.lm_head))
        self._qkv = torch.empty(1, 3 * heads * width)
        queries, self._key, self._value = self._qkv.view(3, heads, width).unbind()
        self._queries = queries[:, None]

    @classmethod
    def shapes(cls, base: Any, window: int) -> Shapes:
        """The matrices that a step multiplies by, (N, K) each. Raises Unfit for a model that does
        something else, within `window` tokens."""
        if base.config.add_cross_attention:
            raise Unfit("it looks at another text, too")
        for embedding in (base.transformer.wte, base.transformer.wpe):
            table(embedding)
        found = []
        for block in base.transformer.h:
            found += [shape(block.attn.c_attn), shape(block.attn.c_proj)]
            found += [shape(block.mlp.c_fc), shape(block.mlp.c_proj)]
        return (*found, shape(base.lm_head))

    def _layer(self, block: Any) -> _Layer:
        return _Layer(
            _Norm.of(block.ln_1),
            self._product(*qkv(block)),
            self._product(*matrix(block.attn.c_proj)),
            _Norm.of(block.ln_2),
            self._product(*matrix(block.mlp.c_fc)),
            self._product(*matrix(block.mlp.c_proj)),
        )

    def _forward(self, token: int, at: int) -> Tensor:
        views = self.store.views(at)
        x = self._embedding[token : token + 1].float() + self._places[at : at + 1].float()
        for layer, key, value, keys, values in zip(self._layers, *views, strict=True):
            self._qkv.copy_(layer.qkv(layer.norm(x)))
            key.copy_(self._key)
            value.copy_(self._value)
            x += layer.out(attend(self._queries, keys, values))
            x += layer.down(self._activate(layer.up(layer.norm_mlp(x))))
        return self._head(self._norm(x))


def qkv(block: Any) -> Pair:
    """The matrix to queries, keys and values, the queries scaled."""
    attention = block.attn
    return scaled(*matrix(attention.c_attn), attention.embed_dim, attention.scaling)
