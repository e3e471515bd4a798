"""A step's matrix products: one row by a weight matrix, in the ways that there are on a CPU.

One row is bound by reading the weights, so the fewer bytes the better, where the processor has an
instruction for them. Which way is quickest differs from one to the next and is measured here.
torch's `quantized.linear_dynamic` is not among them: it rounds the activations of all rows by one
scale, and its tensors announce their removal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from talecraft.engine.afresh import afresh
from talecraft.engine.frugal import trim
from talecraft.engine.lean.weights import rounded

Product = Callable[[Tensor], Tensor]  # float32 (1, K) to float32 (1, N)
Shapes = tuple[tuple[int, int], ...]

SAMPLE = 12_000_000  # weights that are multiplied by to find the quickest way
EVICTED = 64_000_000  # bytes read in between, where a model is larger: it comes from memory then
PASSES, ROUNDS = 2, 4


def _float32(weight: Tensor, bias: Tensor | None) -> Product:
    """Transposed: MKL multiplies one row by a matrix that lies so 1.3 to 1.5 times as fast."""
    columns = weight.t().contiguous()
    if bias is None:
        return lambda x: torch.mm(x, columns)
    return lambda x: torch.addmm(bias, x, columns)


def _float16(weight: Tensor, bias: Tensor | None) -> Product:
    """Weights of 16 bits, activations and sums of 32 (FBGEMM). Raises RuntimeError without it."""
    packed = torch.ops.quantized.linear_prepack_fp16(weight.contiguous(), bias)
    multiply = torch.ops.quantized.linear_dynamic_fp16.default
    return lambda x: multiply(x, packed)


def _int8(weight: Tensor, bias: Tensor | None) -> Product:
    """Weights of 8 bits, a scale for each output, activations in bfloat16, sums in float32."""
    whole, scale = rounded(weight)
    scale = scale.bfloat16()
    multiply = torch._weight_int8pack_mm
    if bias is None:
        return lambda x: multiply(x.bfloat16(), whole, scale).float()
    return lambda x: multiply(x.bfloat16(), whole, scale).float().add_(bias)


def _compiled(weight: Tensor, bias: Tensor | None) -> Product:
    """Weights of 8 bits, a scale for each output, all else in float32: the kernel of compiled
    steps, by itself. Raises ImportError without numba."""
    from talecraft.engine.kernels import multiply
    from talecraft.engine.lean.packing import packed

    matrix = packed(1, [(weight, bias)])

    def product(x: Tensor) -> Tensor:
        made = torch.empty(1, len(weight))
        multiply(x.numpy(), matrix, 0, made.numpy())
        return made

    afresh(lambda: product(torch.zeros(1, weight.shape[1])))
    return product


class Way(NamedTuple):
    """A way to multiply; `make` takes a float32 weight (N, K) and a bias (N,) or None."""

    name: str
    size: int  # bytes of a weight
    make: Callable[[Tensor, Tensor | None], Product]
    worth: float = 1.0  # it is taken where it is so many times as fast as a finer one
    fused: bool = False  # a step of it is one function, not some twenty operations a layer


# 16 bits cost 1e-7 nats a token, 8 bits up to 1e-3. Where their activations are rounded, too, the
# last bit of what was read before decides what a seed draws: they have to be worth it.
WAYS = (
    Way("fp32", 4, _float32),
    Way("fp16", 2, _float16, 1.05),
    Way("compiled", 1, _compiled, 1.2, fused=True),
    Way("int8", 1, _int8, 1.3),
)
# What a layer does beside its four products are some fifteen operations on a row, but where all
# are one function.
BESIDE = 4


@cache
def ranked(shapes: Shapes, most: float) -> tuple[Way, ...]:
    """The ways in which matrices of these shapes (N, K) take at most `most` bytes, the one to use
    first. Measured once in a process, some 0.4 s."""
    weights = sum(rows * columns for rows, columns in shapes)
    best: dict[Way, float] = {}
    for _ in range(PASSES):  # what else the machine does now is not done to one way alone
        for way in WAYS:
            if weights * way.size <= most:
                # Not every build of torch has every way, nor every processor, disk or numba: each
                # fails in its own manner, and one that does is not there.
                with suppress(Exception):
                    spent = _seconds(way, _sample(shapes), weights > SAMPLE)
                    best[way] = min(spent, best.get(way, spent))
    trim()
    return order([(spent, way) for way, spent in best.items()])


def order(spent: Sequence[tuple[float, Way]]) -> tuple[Way, ...]:
    """Seconds and ways, the finest first, in the order in which they are worth using."""
    left, found = list(spent), []
    while left:
        best = left[0]
        for one in left[1:]:
            if one[0] * one[1].worth <= best[0]:
                best = one
        found.append(best[1])
        left.remove(best)
    return tuple(found)


def _sample(shapes: Shapes) -> list[tuple[int, int]]:
    """As many of the shapes, from the first on, as have SAMPLE weights; at least one."""
    found, held = [], 0
    for rows, columns in shapes:
        rows = min(rows, max(1, (SAMPLE - held) // columns))
        found.append((rows, columns))
        held += rows * columns
        if held >= SAMPLE:
            break
    return found


def _seconds(way: Way, shapes: Sequence[tuple[int, int]], evict: bool) -> float:
    """The shortest of a few times through matrices of these shapes, and what is beside them."""
    products = [
        (way.make(torch.full((rows, columns), 0.01), None), torch.ones(1, columns))
        for rows, columns in shapes
    ]
    beside = 0 if way.fused else BESIDE
    other = torch.ones(EVICTED // 4 if evict else 0)
    best = float("inf")
    for _ in range(ROUNDS):
        other.sum()
        began = time.perf_counter()
        for product, x in products:
            product(x)
            for _ in range(beside):
                torch.add(x, x)
        best = min(best, time.perf_counter() - began)
    return best
