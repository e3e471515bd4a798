"""An adapted layer as one matrix, for training.

peft computes x W' + s (x A') B' : two narrow products, a scaling and a sum beside the wide product,
and as much again in the backward pass. W + s B A is one matrix while the weights stand still, that
is for a whole minibatch; the gradients of A and B need only narrow products.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from talecraft.engine.products import product


class _FoldedProduct(torch.autograd.Function):
    """x (..., K) by `folded` = W + scale * up @ down (N, K), with gradients for x, down, up."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        folded: Tensor,
        bias: Tensor | None,
        down: Tensor,
        up: Tensor,
        scale: float,
    ) -> Tensor:
        ctx.save_for_backward(x, folded, down, up)
        ctx.scale = scale
        return product(x, folded, bias)

    @staticmethod
    def backward(
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, None, None, Tensor, Tensor, None]:
        x, folded, down, up = ctx.saved_tensors
        rows = x.reshape(-1, x.shape[-1])
        out = gradient.reshape(-1, gradient.shape[-1])
        onto_down = ctx.scale * (out @ up).t() @ rows
        onto_up = (ctx.scale * (rows @ down.t()).t() @ out).t()
        onto_x = product(gradient, folded.t()) if ctx.needs_input_grad[0] else None
        return onto_x, None, None, onto_down, onto_up, None


@contextmanager
def folded(layers: Sequence[Any], adapter: str, beneath: Sequence[str] = ()) -> Iterator[None]:
    """Inside, these peft layers multiply once, with `adapter` on top of the frozen ones `beneath`
    it. Neither weights nor adapters may change inside."""
    for layer in layers:
        base = layer.get_base_layer()
        with torch.no_grad():
            weight = base.weight + layer.get_delta_weight(adapter)
            for one in beneath:
                weight = weight + layer.get_delta_weight(one)
        layer.forward = partial(
            _forward,
            layer,
            [*beneath, adapter],
            weight.t() if layer.fan_in_fan_out else weight,
            base.bias,
            layer.lora_A[adapter].weight,
            layer.lora_B[adapter].weight,
            layer.scaling[adapter],
        )
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _forward(
    layer: Any,
    adapters: Sequence[str],
    weight: Tensor,
    bias: Tensor | None,
    down: Tensor,
    up: Tensor,
    scale: float,
    x: Tensor,
) -> Tensor:
    made: Tensor
    if layer.disable_adapters or layer.active_adapters != adapters:
        made = type(layer).forward(layer, x)
    elif torch.is_grad_enabled():
        made = _FoldedProduct.apply(x, weight, bias, down, up, scale)  # type: ignore[no-untyped-call]
    else:
        made = product(x, weight, bias)
    return made
