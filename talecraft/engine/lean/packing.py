"""Matrices of 8 bits, as the compiled steps take them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from talecraft.engine.kernels import Array, Matrix
from talecraft.engine.lean.weights import Pair, Unfit, rounded

ROWS = 4096


def packed(layers: int, matrices: Iterable[Pair]) -> Matrix:
    """One matrix of each of so many layers, rounded as it comes. Raises Unfit where they differ in
    shape."""
    made: Matrix | None = None
    for layer, (weight, bias) in enumerate(matrices):
        if made is None:
            sides = (layers, len(weight))
            made = Matrix(
                np.empty((*sides, weight.shape[1]), np.int8),
                np.empty(sides, np.float32),
                np.zeros(sides, np.float32),
            )
        if made.weight.shape[1:] != tuple(weight.shape):
            raise Unfit("its layers are not of one shape")
        for at in range(0, len(weight), ROWS):  # an output head is large
            whole, scale = rounded(weight[at : at + ROWS])
            made.weight[layer, at : at + ROWS] = whole.numpy()
            made.scale[layer, at : at + ROWS] = scale.numpy()
        if bias is not None:
            made.bias[layer] = bias.numpy()
    if made is None:
        raise Unfit("it has no layers")
    return made


def stacked(rows: Sequence[Tensor]) -> Array:
    made: Array = torch.stack([one.detach().float() for one in rows]).numpy()
    return made
