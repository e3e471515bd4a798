"""Machine code for one row (numba): a product, and a whole token's step in two families' shapes.

In a small model the operations of a step cost more than what they compute; here there is one. It
runs on one core, with weights of 8 bits, activations and sums in float32. The code is compiled for
this processor the first time and kept beside this file, or in the user's cache.

All kernels stand in this one file: numba keeps a caller although a callee in another has changed.
Where d is a head's width and n the tokens held, keys and values are (n, d) of a store's layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np

F = np.float32
Array = np.ndarray[Any, Any]
_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    """To machine code. Sums may be taken in any order; nothing here makes or tells apart NaN."""
    made = numba.njit(cache=True, fastmath=True, nogil=True, error_model="numpy")
    return cast(_Function, made(function))


class Matrix(NamedTuple):
    """Matrices of all layers: `weight` int8 (L, N, K), of which a row is worth `scale` (L, N)
    times as much; `bias` (L, N)."""

    weight: Array
    scale: Array
    bias: Array


class LlamaWeights(NamedTuple):
    """Gains (L, W) and matrices of all layers, those of the last norm and the head as of one."""

    norm: Array
    qkv: Matrix  # queries scaled already
    out: Matrix
    norm_mlp: Array
    gate_up: Matrix
    down: Matrix
    last: Array
    head: Matrix
    epsilon: np.float32


class Norm(NamedTuple):
    gain: Array  # (L, W)
    shift: Array


class Gpt2Weights(NamedTuple):
    norm: Norm
    qkv: Matrix  # queries scaled already
    out: Matrix
    norm_mlp: Norm
    up: Matrix
    down: Matrix
    last: Norm
    head: Matrix
    epsilon: np.float32


@_compiled
def row_product(x: Array, weight: Array, out: Array) -> None:
    """x (K,) by a weight (N, K), all float32, into out (N,)."""
    rows, columns = weight.shape
    for row in range(rows):
        total = F(0)
        for at in range(columns):
            total += x[at] * weight[row, at]
        out[row] = total


@_compiled
def multiply(x: Array, matrix: Matrix, layer: int, out: Array) -> None:
    """x (K,) by the matrix of a layer, into out (N,)."""
    weight, scale, bias = matrix.weight[layer], matrix.scale[layer], matrix.bias[layer]
    rows, columns = weight.shape
    for row in range(rows):
        total = F(0)
        for at in range(columns):
            total += x[at] * F(weight[row, at])
        out[row] = total * scale[row] + bias[row]


@_compiled
def exponentials(x: Array) -> None:
    """e to each of x, in place, to float32's last bits: the polynomial of Cephes' expf (Moshier),
    which is done for many at once where the library's is called for each. Below -87 it is e^-87."""
    powers = np.empty(len(x), np.int32)
    for at in range(len(x)):
        value = min(max(x[at], F(-87)), F(88))
        power = np.floor(value * F(1.44269504) + F(0.5))  # log2(e)
        rest = value - power * F(0.693359375) + power * F(2.12194440e-4)  # ln(2) in two parts
        series = F(1.9875691500e-4)
        series = series * rest + F(1.3981999507e-3)
        series = series * rest + F(8.3334519073e-3)
        series = series * rest + F(4.1665795894e-2)
        series = series * rest + F(1.6666665459e-1)
        series = series * rest + F(5.0000001201e-1)
        x[at] = series * rest * rest + rest + F(1)
        powers[at] = (np.int32(power) + np.int32(127)) << np.int32(23)  # the bits of 2 ** power
    scales = powers.view(np.float32)
    for at in range(len(x)):
        x[at] *= scales[at]


@_compiled
def attend(query: Array, keys: Array, values: Array, count: int, out: Array) -> None:
    """A scaled query (d,) on the first `count` keys and values, into out (d,).

    Four rows at a time: the query is loaded, and what is summed is stored, a quarter as often.
    """
    width = len(query)
    weights = np.empty(count, F)
    fours = count - count % 4
    for at in range(0, fours, 4):
        one, two, three, four = F(0), F(0), F(0), F(0)
        for j in range(width):
            one += query[j] * keys[at, j]
            two += query[j] * keys[at + 1, j]
            three += query[j] * keys[at + 2, j]
            four += query[j] * keys[at + 3, j]
        weights[at], weights[at + 1] = one, two
        weights[at + 2], weights[at + 3] = three, four
    for at in range(fours, count):
        one = F(0)
        for j in range(width):
            one += query[j] * keys[at, j]
        weights[at] = one
    most = weights[0]
    for at in range(count):
        most = max(most, weights[at])
    for at in range(count):
        weights[at] -= most
    exponentials(weights)
    total = F(0)
    for at in range(count):
        total += weights[at]
    for j in range(width):
        out[j] = F(0)
    for at in range(0, fours, 4):
        one, two, three, four = weights[at], weights[at + 1], weights[at + 2], weights[at + 3]
        for j in range(width):
            out[j] += (
                one * values[at, j]
                + two * values[at + 1, j]
                + three * values[at + 2, j]
                + four * values[at + 3, j]
            )
    for at in range(fours, count):
        for j in range(width):
            out[j] += weights[at] * values[at, j]
    for j in range(width):
        out[j] /= total


@_compiled
def keep_and_attend(qkv: Array, held: Array, at: int, out: Array) -> None:
    """Queries, keys and values (H * d + 2 * K * d,) of position `at`: these go into a store's layer
    `held` (2 K, capacity, d), those look at all up to it; into out (H * d,)."""
    groups, _, width = held.shape
    heads = groups // 2
    queries = len(qkv) // width - groups
    for head in range(groups):
        begin = (queries + head) * width
        held[head, at] = qkv[begin : begin + width]
    each = queries // heads
    for query in range(queries):
        begin, head = query * width, query // each
        attend(
            qkv[begin : begin + width],
            held[head],
            held[heads + head],
            at + 1,
            out[begin : begin + width],
        )


@_compiled
def sigmoids(x: Array, out: Array) -> None:
    """1 / (1 + e^-x) of x, into out."""
    for at in range(len(x)):
        out[at] = -x[at]
    exponentials(out)
    for at in range(len(x)):
        out[at] = F(1) / (F(1) + out[at])


@_compiled
def add(x: Array, more: Array) -> None:
    for at in range(len(x)):
        x[at] += more[at]


@_compiled
def rms_norm(x: Array, gain: Array, epsilon: np.float32, out: Array) -> None:
    total = F(0)
    for at in range(len(x)):
        total += x[at] * x[at]
    scale = F(1) / np.sqrt(total / F(len(x)) + epsilon)
    for at in range(len(x)):
        out[at] = x[at] * scale * gain[at]


@_compiled
def layer_norm(x: Array, gain: Array, shift: Array, epsilon: np.float32, out: Array) -> None:
    mean = F(0)
    for at in range(len(x)):
        mean += x[at]
    mean /= F(len(x))
    spread = F(0)
    for at in range(len(x)):
        spread += (x[at] - mean) * (x[at] - mean)
    scale = F(1) / np.sqrt(spread / F(len(x)) + epsilon)
    for at in range(len(x)):
        out[at] = (x[at] - mean) * scale * gain[at] + shift[at]


@_compiled
def llama_step(x: Array, at: int, turn: Array, data: Array, weights: LlamaWeights) -> Array:
    """The logits (V,) of the token whose embedding is x (W,) at position `at`.

    `turn` (2, d) has the position's cosines and sines, `data` is the store's, in which there is
    room. x is used up.
    """
    layers, groups, _, width = data.shape
    small = np.empty(len(x), F)
    wide = np.empty(weights.qkv.weight.shape[1], F)
    seen = np.empty(weights.out.weight.shape[2], F)
    both = np.empty(weights.gate_up.weight.shape[1], F)
    inner = len(both) // 2
    gate = np.empty(inner, F)
    turned, half = len(wide) // width - groups // 2, width // 2  # queries and keys are turned
    for layer in range(layers):
        rms_norm(x, weights.norm[layer], weights.epsilon, small)
        multiply(small, weights.qkv, layer, wide)
        for head in range(turned):
            begin = head * width
            for j in range(begin, begin + half):
                left, right = wide[j], wide[j + half]
                wide[j] = left * turn[0, j - begin] - right * turn[1, j - begin]
                wide[j + half] = (
                    right * turn[0, j - begin + half] + left * turn[1, j - begin + half]
                )
        keep_and_attend(wide, data[layer], at, seen)
        multiply(seen, weights.out, layer, small)
        add(x, small)
        rms_norm(x, weights.norm_mlp[layer], weights.epsilon, small)
        multiply(small, weights.gate_up, layer, both)
        sigmoids(both[:inner], gate)
        for j in range(inner):
            gate[j] *= both[j] * both[inner + j]
        multiply(gate, weights.down, layer, small)
        add(x, small)
    rms_norm(x, weights.last[0], weights.epsilon, small)
    logits = np.empty(weights.head.weight.shape[1], F)
    multiply(small, weights.head, 0, logits)
    return logits


@_compiled
def gpt2_step(x: Array, at: int, data: Array, weights: Gpt2Weights) -> Array:
    """The logits (V,) of the token whose embedding, its place added, is x (W,) at position `at`.

    `data` is the store's, in which there is room. x is used up.
    """
    small = np.empty(len(x), F)
    wide = np.empty(weights.qkv.weight.shape[1], F)
    seen = np.empty(weights.out.weight.shape[2], F)
    inner = np.empty(weights.up.weight.shape[1], F)
    gate = np.empty(len(inner), F)
    for layer in range(len(data)):
        norm = weights.norm
        layer_norm(x, norm.gain[layer], norm.shift[layer], weights.epsilon, small)
        multiply(small, weights.qkv, layer, wide)
        keep_and_attend(wide, data[layer], at, seen)
        multiply(seen, weights.out, layer, small)
        add(x, small)
        norm = weights.norm_mlp
        layer_norm(x, norm.gain[layer], norm.shift[layer], weights.epsilon, small)
        multiply(small, weights.up, layer, inner)
        # GELU by tanh is x * sigmoid(sqrt(8 / pi) * (x + 0.044715 x^3)) (Hendrycks and Gimpel).
        for j in range(len(inner)):
            cube = inner[j] * inner[j] * inner[j]
            gate[j] = F(1.59576912) * (inner[j] + F(0.044715) * cube)
        sigmoids(gate, gate)
        for j in range(len(inner)):
            inner[j] *= gate[j]
        multiply(inner, weights.down, layer, small)
        add(x, small)
    layer_norm(x, weights.last.gain[0], weights.last.shift[0], weights.epsilon, small)
    logits = np.empty(weights.head.weight.shape[1], F)
    multiply(small, weights.head, 0, logits)
    return logits
