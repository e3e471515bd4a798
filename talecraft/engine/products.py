"""Matrix products of float32 layers on the CPU, by oneDNN; of one row by a kernel of our own.

torch gives float32 products to MKL, which on some CPUs leaves half of their width unused: on an
AMD with AVX512 oneDNN is 1.5 to 2.5 times as fast from eight rows up, in the same precision. A
single row is bound by reading the weights, of which MKL, on one core, reads half as many a second
as a plain loop does (engine/kernels.py). Without AVX512 MKL is the quicker one at every size: on
an AMD with AVX2 oneDNN takes 1.06 times as long for 2,000 rows and 1.5 times for 32 of a small
layer; there layers stay torch's, one row and all. Layers keep their weights and their class's name;
only who multiplies changes.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers.activations import NewGELUActivation
from transformers.pytorch_utils import Conv1D

from talecraft.engine.afresh import afresh

FEWEST_ROWS = 8


def _onednn() -> Any:
    """oneDNN's linear layer, or None where this torch or this machine has no use for it."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return None
    if not torch.backends.mkldnn.is_available() or not _wide():
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


def _wide() -> bool:
    return torch.backends.cpu.get_cpu_capability().startswith("AVX512")


_LINEAR = _onednn()


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x (..., K) times weight (N, K), transposed, plus bias (N,). Without a gradient.

    What can be done no faster, torch does.
    """
    one = x.numel() == x.shape[-1] == weight.shape[1] and _plain(x) and _plain(weight)
    if one and torch.get_num_threads() == 1:
        kernel = _row_kernel()
        if kernel is not None:
            made = torch.empty(*x.shape[:-1], len(weight))
            kernel(x.detach().reshape(-1).numpy(), weight.detach().numpy(), made.view(-1).numpy())
            return made if bias is None else made.add_(bias)
    wide = x.numel() >= FEWEST_ROWS * x.shape[-1] and weight.numel() > 0
    if _LINEAR is None or not wide or x.dtype != torch.float32 or x.device.type != "cpu":
        return nn.functional.linear(x, weight, bias)
    wide_product: Tensor = _LINEAR(x.contiguous(), weight, bias, "none", [], "")
    return wide_product


def _plain(tensor: Tensor) -> bool:
    """Is it what a kernel can read where it lies?"""
    on_cpu = tensor.device.type == "cpu" and tensor.dtype == torch.float32
    return on_cpu and type(tensor) in (Tensor, nn.Parameter) and tensor.is_contiguous()


@cache
def _row_kernel() -> Callable[..., None] | None:
    """The kernel, compiled or taken from where it was kept; None where that fails, in whatever
    manner: there is no numba for this machine, or no room for its code."""
    try:
        from talecraft.engine.kernels import row_product

        given = [torch.ones(*shape).numpy() for shape in ((2,), (3, 2), (3,))]
        afresh(lambda: row_product(*given))
    except Exception:
        logging.getLogger(__name__).exception("rows are multiplied by torch")
        return None
    return row_product


class _FrozenProduct(torch.autograd.Function):
    """`product` with a gradient for x alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(weight)
        return product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        return product(gradient, weight.t()), None, None


def _multiply(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
    """The product, or None where the weights themselves want a gradient."""
    if not torch.is_grad_enabled():
        return product(x, weight, bias)
    if weight.requires_grad or (bias is not None and bias.requires_grad):
        return None
    made: Tensor = _FrozenProduct.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return made


class QuickLinear(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (the base's name for it)
        made = _multiply(input, self.weight, self.bias)
        return super().forward(input) if made is None else made


class QuickConv1D(Conv1D):  # type: ignore[misc]
    """GPT-2's linear layer: its weight lies transposed."""

    def forward(self, x: Tensor) -> Tensor:
        made = _multiply(x, self.weight.t(), self.bias)
        if made is None:
            slow: Tensor = super().forward(x)
            return slow
        return made


_QUICK: dict[type, type] = {nn.Linear: QuickLinear, Conv1D: QuickConv1D}


def quicken(model: Any) -> None:
    """Let the float32 layers of `model` on the CPU multiply by oneDNN.

    Activations that are written out in several steps get their fused twin, and the output head its
    rows side by side, on any device.
    """
    for module in list(model.modules()):
        quick = _QUICK.get(type(module))
        if quick is not None and _LINEAR is not None:
            weight = module.weight
            if weight.dtype == torch.float32 and weight.device.type == "cpu":
                module.__class__ = quick
        for name, child in module.named_children():
            if type(child) is NewGELUActivation:
                setattr(module, name, nn.GELU(approximate="tanh"))
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if isinstance(head, nn.Linear):
        head.register_forward_pre_hook(_side_by_side)


def _side_by_side(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The last positions of several sequences are a view with gaps, for which torch copies the
    weights once a row: in GPT-2's bfloat16 head 4.2 s and 1.2 GB for 20 rows instead of 0.02 s."""
    return tuple(one.contiguous() for one in given)
