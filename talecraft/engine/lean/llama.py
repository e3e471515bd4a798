"""Lean steps in Llama's shape: RMS norms, rotary positions, grouped queries, a gated MLP."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from talecraft.engine.lean.products import Product, Shapes, Way
from talecraft.engine.lean.steps import LeanSteps, attend
from talecraft.engine.lean.store import Store
from talecraft.engine.lean.weights import Pair, Unfit, joined, matrix, scaled, shape, table

# Frequencies that depend on how long the text is: there is no one table of them.
CHANGING = ("dynamic", "longrope")


class _Layer(NamedTuple):
    norm: Tensor
    qkv: Product
    out: Product
    norm_mlp: Tensor
    gate_up: Product
    down: Product


class LlamaSteps(LeanSteps):
    """LlamaForCausalLM, MistralForCausalLM."""

    def __init__(self, base: Any, way: Way) -> None:
        """Raises Unfit for layers that are not linear ones with LoRA or none."""
        config = base.config
        attention = base.model.layers[0].self_attn
        width = int(attention.head_dim)
        heads, groups = int(config.num_key_value_heads), int(attention.num_key_value_groups)
        store = Store(config, len(base.model.layers), heads, width)
        super().__init__(way, store)
        self._embedding = table(base.model.embed_tokens)
        self._epsilon = float(base.model.norm.variance_epsilon)
        self._activate = base.model.layers[0].mlp.act_fn.forward
        self._layers = [self._layer(layer) for layer in base.model.layers]
        self._norm = _gain(base.model.norm)
        self._head = self._product(*matrix(base.lm_head))
        self._rotary = base.model.rotary_emb
        self._cosines = self._sines = torch.empty(0, width)
        # x @ rotation is x * cos + rotate_half(x) * sin; these are its two parts without angles.
        self._straight = torch.eye(width)
        self._turned = self._straight.roll(width // 2, 0)
        self._turned[width // 2 :] *= -1
        # A layer's queries, keys and values lie here for a moment, seen in all the ways needed.
        turned = heads * (groups + 1)
        self._zero = torch.zeros(1)
        self._qkv = torch.empty(1, (turned + heads) * width)
        rows = self._qkv.view(-1, width)
        self._queries_keys, self._value = rows[:turned], rows[turned:]
        self._rotated = torch.empty(turned, width)
        self._queries = self._rotated[: heads * groups].view(heads, groups, width)
        self._key = self._rotated[heads * groups :]

    @classmethod
    def shapes(cls, base: Any, window: int) -> Shapes:
        """The matrices that a step multiplies by, (N, K) each. Raises Unfit for a model that does
        something else, within `window` tokens."""
        config, found = base.config, []
        sliding = getattr(config, "sliding_window", None)
        if sliding is not None and sliding < window:
            raise Unfit(f"it forgets after {sliding} tokens")
        if config.rope_parameters.get("rope_type") in CHANGING:
            raise Unfit("its rotary frequencies change with the text's length")
        table(base.model.embed_tokens)
        for layer in base.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            queries = shape(attention.q_proj)
            keys, values = shape(attention.k_proj), shape(attention.v_proj)
            found.append((queries[0] + keys[0] + values[0], queries[1]))
            found.append(shape(attention.o_proj))
            gate, up = shape(mlp.gate_proj), shape(mlp.up_proj)
            found += [(gate[0] + up[0], gate[1]), shape(mlp.down_proj)]
        return (*found, shape(base.lm_head))

    def _layer(self, layer: Any) -> _Layer:
        mlp = layer.mlp
        return _Layer(
            _gain(layer.input_layernorm),
            self._product(*qkv(layer)),
            self._product(*matrix(layer.self_attn.o_proj)),
            _gain(layer.post_attention_layernorm),
            self._product(*joined(mlp.gate_proj, mlp.up_proj)),
            self._product(*matrix(mlp.down_proj)),
        )

    def _forward(self, token: int, at: int) -> Tensor:
        views = self.store.views(at)
        rotation = self._rotation(at)
        x = self._embedding[token : token + 1].to(torch.float32, copy=True)
        for layer, key, value, keys, values in zip(self._layers, *views, strict=True):
            self._qkv.copy_(layer.qkv(self._scaled(x, layer.norm)))
            torch.mm(self._queries_keys, rotation, out=self._rotated)
            key.copy_(self._key)
            value.copy_(self._value)
            x += layer.out(attend(self._queries, keys, values))
            gate, up = layer.gate_up(self._scaled(x, layer.norm_mlp)).chunk(2, 1)
            x += layer.down(self._activate(gate).mul_(up))
        return self._head(self._scaled(x, self._norm))

    def _rotation(self, at: int) -> Tensor:
        """The matrix (D, D) that turns a head's row to position `at`."""
        if at >= len(self._cosines):
            self._cosines, self._sines = angles(self._rotary, self.store.capacity)
        return torch.addcmul(self._turned * self._sines[at], self._straight, self._cosines[at])

    def _scaled(self, x: Tensor, gain: Tensor) -> Tensor:
        """RMS norm of (1, N); torch's own takes three times as long for one row."""
        norm = float(torch.linalg.vector_norm(x))
        scale = (norm * norm / x.shape[1] + self._epsilon) ** -0.5
        return torch.addcmul(self._zero, x, gain, value=scale)


def _gain(norm: Any) -> Tensor:
    gain: Tensor = norm.weight.detach().float()
    return gain


def qkv(layer: Any) -> Pair:
    """The matrix to queries, keys and values, the queries scaled."""
    attention = layer.self_attn
    weight, bias = joined(attention.q_proj, attention.k_proj, attention.v_proj)
    return scaled(weight, bias, shape(attention.q_proj)[0], attention.scaling)


def angles(rotary: Any, count: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines (count, D) of the first positions."""
    cosines, sines = rotary(torch.empty(0, dtype=torch.float32), torch.arange(count)[None])
    return cosines[0], sines[0]
