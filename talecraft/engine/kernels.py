"""Machine code for few rows (numba): a product of one, and a step of a token in one sequence or
several, in two families' shapes.

In a small model the operations of a step cost more than what they compute; here there is one. It
runs on one core, with weights of 8 bits, activations and sums in float32. The code is compiled for
this processor the first time and kept beside this file, or in the user's cache.

All kernels stand in this one file: numba keeps a caller although a callee in another has changed.
Keys and values are kept in 16 bits, which is exact enough (3e-5 of a row's largest) and half to
read. d is a head's width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np

F = np.float32
WHOLE = 32_767  # of a row in int16 its largest number
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


class Held(NamedTuple):
    """Keys and values of all layers: `data` int16 (L, B, 2, K, capacity, d), of which a row is
    `worth` (L, B, 2, K, capacity) times as much."""

    data: Array
    worth: Array


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
    """x (R, K) by the matrix of a layer, into out (R, N). R is 1 or a multiple of four.

    One row is bound by reading the weights: from four places at once they come twice as fast from
    memory. Of several rows a weight that is there as a number is used four times, and a number of
    theirs for two weights: to load them is as dear as to multiply.
    """
    weight, scale, bias = matrix.weight[layer], matrix.scale[layer], matrix.bias[layer]
    rows, columns = weight.shape
    part = rows // 4
    alone = len(x) == 1
    if alone:
        for row in range(part):
            one, two, three, four = F(0), F(0), F(0), F(0)
            for at in range(columns):
                one += x[0, at] * F(weight[row, at])
                two += x[0, at] * F(weight[row + part, at])
                three += x[0, at] * F(weight[row + 2 * part, at])
                four += x[0, at] * F(weight[row + 3 * part, at])
            out[0, row], out[0, row + part] = one, two
            out[0, row + 2 * part], out[0, row + 3 * part] = three, four
        for row in range(4 * part, rows):
            one = F(0)
            for at in range(columns):
                one += x[0, at] * F(weight[row, at])
            out[0, row] = one
        for row in range(rows):
            out[0, row] = out[0, row] * scale[row] + bias[row]
    half = (rows + 1) // 2  # of an odd number the middle one is done twice
    for row in range(0 if alone else half):
        other = rows - half + row
        for first in range(0, len(x), 4):
            one, two, three, four = F(0), F(0), F(0), F(0)
            five, six, seven, eight = F(0), F(0), F(0), F(0)
            for at in range(columns):
                number, more = F(weight[row, at]), F(weight[other, at])
                one += x[first, at] * number
                two += x[first + 1, at] * number
                three += x[first + 2, at] * number
                four += x[first + 3, at] * number
                five += x[first, at] * more
                six += x[first + 1, at] * more
                seven += x[first + 2, at] * more
                eight += x[first + 3, at] * more
            out[first, row] = one * scale[row] + bias[row]
            out[first + 1, row] = two * scale[row] + bias[row]
            out[first + 2, row] = three * scale[row] + bias[row]
            out[first + 3, row] = four * scale[row] + bias[row]
            out[first, other] = five * scale[other] + bias[other]
            out[first + 1, other] = six * scale[other] + bias[other]
            out[first + 2, other] = seven * scale[other] + bias[other]
            out[first + 3, other] = eight * scale[other] + bias[other]


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
def attend(
    query: Array,
    keys: Array,
    keys_worth: Array,
    values: Array,
    values_worth: Array,
    count: int,
    mask: Array,
    out: Array,
) -> None:
    """A scaled query (d,) on the first `count` keys and values, into out (d,); of these only on
    those whose `mask` (count,) is not 0, where there is one at all. Keys and values are int16, and
    each row is worth so much.

    Four rows at a time, from four places at once: so they come quickest from memory, and the query
    is loaded, and what is summed is stored, a quarter as often.
    """
    width = len(query)
    weights = np.empty(count, F)
    part = count // 4
    for at in range(part):
        one, two, three, four = F(0), F(0), F(0), F(0)
        for j in range(width):
            one += query[j] * F(keys[at, j])
            two += query[j] * F(keys[at + part, j])
            three += query[j] * F(keys[at + 2 * part, j])
            four += query[j] * F(keys[at + 3 * part, j])
        weights[at], weights[at + part] = one, two
        weights[at + 2 * part], weights[at + 3 * part] = three, four
    for at in range(4 * part, count):
        one = F(0)
        for j in range(width):
            one += query[j] * F(keys[at, j])
        weights[at] = one
    for at in range(count):
        weights[at] *= keys_worth[at]
    if len(mask) > 0:
        for at in range(count):
            if mask[at] == 0:
                weights[at] = F(-1e30)
    most = weights[0]
    for at in range(count):
        most = max(most, weights[at])
    for at in range(count):
        weights[at] -= most
    exponentials(weights)
    total = F(0)
    for at in range(count):
        total += weights[at]
        weights[at] *= values_worth[at]
    for j in range(width):
        out[j] = F(0)
    for at in range(part):
        one, two = weights[at], weights[at + part]
        three, four = weights[at + 2 * part], weights[at + 3 * part]
        for j in range(width):
            out[j] += (
                one * F(values[at, j])
                + two * F(values[at + part, j])
                + three * F(values[at + 2 * part, j])
                + four * F(values[at + 3 * part, j])
            )
    for at in range(4 * part, count):
        for j in range(width):
            out[j] += weights[at] * F(values[at, j])
    for j in range(width):
        out[j] /= total


@_compiled
def keep(row: Array, held: Array, worth: Array, at: int) -> None:
    """A row (d,) as number `at` of `held` (capacity, d), int16, and what it is `worth`
    (capacity,)."""
    most = F(1e-12)
    for j in range(len(row)):
        most = max(most, abs(row[j]))
    worth[at] = most / F(WHOLE)
    for j in range(len(row)):
        held[at, j] = np.int16(np.rint(row[j] * (F(WHOLE) / most)))


@_compiled
def keep_and_attend(
    qkv: Array, held: Array, worth: Array, at: int, mask: Array, out: Array
) -> None:
    """Queries, keys and values (R, H * d + 2 * K * d) of position `at`: these go into a store's
    layer, `held` (B, 2, K, capacity, d) and `worth` (B, 2, K, capacity), those look at all up to
    it; into out (R, H * d)."""
    rows, _, heads, _, width = held.shape
    queries = qkv.shape[1] // width - 2 * heads
    each = queries // heads
    for row in range(rows):
        seen = mask[row] if len(mask) > 0 else mask.reshape(-1)
        for head in range(heads):
            for kind in range(2):
                begin = (queries + kind * heads + head) * width
                keep(
                    qkv[row, begin : begin + width],
                    held[row, kind, head],
                    worth[row, kind, head],
                    at,
                )
        for query in range(queries):
            begin, head = query * width, query // each
            attend(
                qkv[row, begin : begin + width],
                held[row, 0, head],
                worth[row, 0, head],
                held[row, 1, head],
                worth[row, 1, head],
                at + 1,
                seen,
                out[row, begin : begin + width],
            )


@_compiled
def sigmoids(x: Array, out: Array) -> None:
    """1 / (1 + e^-x) of x (n,), into out."""
    for at in range(len(x)):
        out[at] = -x[at]
    exponentials(out)
    for at in range(len(x)):
        out[at] = F(1) / (F(1) + out[at])


@_compiled
def add(x: Array, more: Array) -> None:
    for row in range(len(x)):
        for at in range(x.shape[1]):
            x[row, at] += more[row, at]


@_compiled
def rms_norm(x: Array, gain: Array, epsilon: np.float32, out: Array) -> None:
    """x (R, W) by a gain (W,), into out."""
    width = x.shape[1]
    for row in range(len(x)):
        total = F(0)
        for at in range(width):
            total += x[row, at] * x[row, at]
        scale = F(1) / np.sqrt(total / F(width) + epsilon)
        for at in range(width):
            out[row, at] = x[row, at] * scale * gain[at]


@_compiled
def layer_norm(x: Array, norm: Norm, layer: int, epsilon: np.float32, out: Array) -> None:
    """x (R, W) by a layer's gain and shift, into out."""
    width = x.shape[1]
    gain, shift = norm.gain[layer], norm.shift[layer]
    for row in range(len(x)):
        mean = F(0)
        for at in range(width):
            mean += x[row, at]
        mean /= F(width)
        spread = F(0)
        for at in range(width):
            spread += (x[row, at] - mean) * (x[row, at] - mean)
        scale = F(1) / np.sqrt(spread / F(width) + epsilon)
        for at in range(width):
            out[row, at] = (x[row, at] - mean) * scale * gain[at] + shift[at]


@_compiled
def turn(x: Array, angles: Array) -> None:
    """A head's row x (d,) to its position, whose cosines and sines are `angles` (2, d)."""
    half = len(x) // 2
    for at in range(half):
        left, right = x[at], x[at + half]
        x[at] = left * angles[0, at] - right * angles[1, at]
        x[at + half] = right * angles[0, at + half] + left * angles[1, at + half]


@_compiled
def llama_step(
    x: Array, at: int, angles: Array, mask: Array, held: Held, weights: LlamaWeights
) -> Array:
    """The logits (R, V) of one token in each of B sequences, after the `at` that a store holds.

    x (R, W) are their embeddings, used up; R is 1 where B is, else the next multiple of four.
    `angles` (B, 2, d) are the cosines and sines of their positions. Of the at + 1 tokens those
    count whose `mask` (B, at + 1) is not 0; with (0, 0) all do. In what is `held` there is room for
    one more.
    """
    layers, rows, _, heads, _, width = held.data.shape
    small = np.zeros(x.shape, F)
    wide = np.zeros((len(x), weights.qkv.weight.shape[1]), F)
    seen = np.zeros((len(x), weights.out.weight.shape[2]), F)
    both = np.zeros((len(x), weights.gate_up.weight.shape[1]), F)
    inner = both.shape[1] // 2
    gate = np.zeros((len(x), inner), F)
    for layer in range(layers):
        rms_norm(x, weights.norm[layer], weights.epsilon, small)
        multiply(small, weights.qkv, layer, wide)
        for row in range(rows):
            for head in range(wide.shape[1] // width - heads):  # of queries and of keys
                turn(wide[row, head * width : (head + 1) * width], angles[row])
        keep_and_attend(wide, held.data[layer], held.worth[layer], at, mask, seen)
        multiply(seen, weights.out, layer, small)
        add(x, small)
        rms_norm(x, weights.norm_mlp[layer], weights.epsilon, small)
        multiply(small, weights.gate_up, layer, both)
        for row in range(rows):
            sigmoids(both[row, :inner], gate[row])
            for j in range(inner):
                gate[row, j] *= both[row, j] * both[row, inner + j]
        multiply(gate, weights.down, layer, small)
        add(x, small)
    rms_norm(x, weights.last[0], weights.epsilon, small)
    logits = np.empty((len(x), weights.head.weight.shape[1]), F)
    multiply(small, weights.head, 0, logits)
    return logits


@_compiled
def gpt2_step(x: Array, at: int, mask: Array, held: Held, weights: Gpt2Weights) -> Array:
    """As `llama_step`; x (R, W) are the tokens' embeddings with those of their places."""
    rows = held.data.shape[1]
    small = np.zeros(x.shape, F)
    wide = np.zeros((len(x), weights.qkv.weight.shape[1]), F)
    seen = np.zeros((len(x), weights.out.weight.shape[2]), F)
    inner = np.zeros((len(x), weights.up.weight.shape[1]), F)
    gate = np.zeros(inner.shape[1], F)
    for layer in range(len(held.data)):
        layer_norm(x, weights.norm, layer, weights.epsilon, small)
        multiply(small, weights.qkv, layer, wide)
        keep_and_attend(wide, held.data[layer], held.worth[layer], at, mask, seen)
        multiply(seen, weights.out, layer, small)
        add(x, small)
        layer_norm(x, weights.norm_mlp, layer, weights.epsilon, small)
        multiply(small, weights.up, layer, inner)
        # GELU by tanh is x * sigmoid(sqrt(8 / pi) * (x + 0.044715 x^3)) (Hendrycks and Gimpel).
        for row in range(rows):
            for j in range(len(gate)):
                value = inner[row, j]
                gate[j] = F(1.59576912) * (value + F(0.044715) * value * value * value)
            sigmoids(gate, gate)
            for j in range(len(gate)):
                inner[row, j] *= gate[j]
        multiply(inner, weights.down, layer, small)
        add(x, small)
    layer_norm(x, weights.last, 0, weights.epsilon, small)
    logits = np.empty((len(x), weights.head.weight.shape[1]), F)
    multiply(small, weights.head, 0, logits)
    return logits
