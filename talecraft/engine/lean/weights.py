"""The matrices of a model as they compute now, its adapter merged into a copy of each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

Pair = tuple[Tensor, Tensor | None]  # a weight (N, K) and its bias (N,)


class Unfit(Exception):
    """A model whose steps cannot be done leanly, and why."""


def base_of(model: Any) -> Any:
    """The transformers model that `model` is, or that peft's wrapper holds."""
    return model.get_base_model() if type(model).__module__.startswith("peft.") else model


@torch.no_grad()
def matrix(layer: Any) -> Pair:
    """The weight (N, K) of a linear layer and its bias (N,) or None, float32.

    With LoRA it is W + scale * B @ A, made from the pristine W: the layer stays as it is. Raises
    Unfit for a layer of another kind.
    """
    base = layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer
    if not isinstance(base, nn.Linear | Conv1D) or not base.weight.is_floating_point():
        raise Unfit(f"a layer is a {type(base).__name__}")
    weight = base.weight.detach().float()
    if layer is not base:
        weight = weight + _delta(layer)
    bias = base.bias.detach().float() if base.bias is not None else None
    return (weight.t() if isinstance(base, Conv1D) else weight), bias


def _delta(layer: Any) -> Tensor | float:
    """What the active adapters add to the weight, as it lies."""
    if not hasattr(layer, "get_delta_weight") or getattr(layer, "merged", False):
        raise Unfit(f"an adapter's layer is a {type(layer).__name__}")
    if layer.disable_adapters:
        return 0.0
    names = [name for name in layer.active_adapters if name in layer.lora_A]
    if any(layer.lora_variant.get(name) or layer.lora_bias.get(name) for name in names):
        raise Unfit("the adapter is more than A and B")
    added: Tensor | float = 0.0
    for name in names:
        added = added + layer.get_delta_weight(name).float()
    return added


def joined(*layers: Any) -> Pair:
    """Layers over the same input as one: their rows, and biases where all have them, below each
    other. Raises Unfit."""
    made = [matrix(layer) for layer in layers]
    biases = [bias for _, bias in made if bias is not None]
    if biases and len(biases) < len(made):
        raise Unfit("some layers beside each other have a bias and some have none")
    weight = torch.cat([weight for weight, _ in made])
    return weight, torch.cat(biases) if biases else None


def scaled(weight: Tensor, bias: Tensor | None, rows: int, scale: float) -> Pair:
    """Copies in which the first `rows` outputs are multiplied by `scale`."""
    factor = torch.ones(len(weight))
    factor[:rows] = scale
    return weight * factor[:, None], bias * factor if bias is not None else None


def rounded(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A weight (N, K) in int8, and what each of its rows is worth, (N,)."""
    scale = weight.abs().amax(1).clamp_(min=1e-12).div_(127)
    return (weight / scale[:, None]).round_().to(torch.int8).contiguous(), scale


def table(layer: Any) -> Tensor:
    """An embedding's rows, as they are held. Raises Unfit where an adapter changes them."""
    if type(layer) is not nn.Embedding:
        raise Unfit(f"an embedding is a {type(layer).__name__}")
    return layer.weight.detach()


def shape(layer: Any) -> tuple[int, int]:
    """(N, K) of a linear layer, adapted or not. Raises Unfit."""
    base = layer.get_base_layer() if hasattr(layer, "get_base_layer") else layer
    if not isinstance(base, nn.Linear | Conv1D):
        raise Unfit(f"a layer is a {type(base).__name__}")
    rows, columns = base.weight.shape
    return (columns, rows) if isinstance(base, Conv1D) else (rows, columns)
