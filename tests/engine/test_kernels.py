"""The kernels' own arithmetic; whole steps are compared with models in test_lean."""

import numpy as np
import pytest
import torch

from talecraft.engine.kernels import (
    Matrix,
    Norm,
    attend,
    exponentials,
    keep,
    layer_norm,
    multiply,
    rms_norm,
    sigmoids,
)

F = np.float32


def kept(rows):
    """In int16, and what each row is worth."""
    held, worth = np.empty(rows.shape, np.int16), np.empty(len(rows), F)
    for at, row in enumerate(rows):
        keep(row, held, worth, at)
    return held, worth


def test_a_row_is_kept_in_sixteen_bits():
    row = np.array([[0.5, -2.0, 0.25, 0.0], [0.0, 0.0, 0.0, 0.0]], F)
    held, worth = kept(row)
    np.testing.assert_allclose(held * worth[:, None], row, atol=2 / 32_767 / 2)
    assert held[0].tolist() == [8192, -32767, 4096, 0]


@pytest.mark.parametrize("rows", [1, 4, 8])
@pytest.mark.parametrize("outputs", [1, 2, 3, 5, 12, 31])
def test_a_product_is_numpys(rows, outputs):
    """Weights are read from several places at once, of which some may be left over."""
    draw = np.random.default_rng(rows + outputs)
    weight = draw.integers(-127, 128, (2, outputs, 40), np.int8)
    scale, bias = (draw.normal(size=(2, outputs)).astype(F) for _ in range(2))
    x, out = draw.normal(size=(rows, 40)).astype(F), np.full((rows, outputs), np.nan, F)
    multiply(x, Matrix(weight, scale, bias), 1, out)
    expected = x @ (weight[1] * scale[1][:, None]).T + bias[1]
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-3)


def test_exponentials_are_those_of_the_library():
    x = np.linspace(-87, 88, 20_001).astype(F)
    found = x.copy()
    exponentials(found)
    np.testing.assert_allclose(found, np.exp(x.astype(np.float64)), rtol=3e-7)


def test_what_is_too_small_for_a_number_is_next_to_nothing():
    found = np.array([-1e4, -300.0, 0.0], F)
    exponentials(found)
    np.testing.assert_allclose(found, [0, 0, 1], atol=1e-37)


def test_sigmoids_by_hand():
    out = np.empty(4, F)
    sigmoids(np.array([0.0, np.log(3.0), -np.log(3.0), 40.0], F), out)
    np.testing.assert_allclose(out, [0.5, 0.75, 0.25, 1.0], rtol=1e-6)


def test_norms_by_hand():
    x, gain, shift = np.array([[3.0, 4.0]], F), np.array([[1, 2]], F), np.array([[0, 1]], F)
    out = np.empty((1, 2), F)
    rms_norm(x, gain[0], F(0), out)
    np.testing.assert_allclose(out[0], [3 / 12.5**0.5, 8 / 12.5**0.5], rtol=1e-6)
    layer_norm(x, Norm(gain, shift), 0, F(0), out)
    np.testing.assert_allclose(out[0], [-1.0, 3.0], rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 63, 64, 130])
def test_attention_is_torchs(count):
    """Four rows at a time, and those that are left."""
    draw = np.random.default_rng(count)
    query = draw.normal(size=16).astype(F)
    keys, values = (draw.normal(size=(140, 16)).astype(F) for _ in range(2))
    out = np.empty(16, F)
    attend(query, *kept(keys), *kept(values), count, np.ones(0, np.int64), out)
    theirs = torch.nn.functional.scaled_dot_product_attention(
        *(torch.from_numpy(one)[None] for one in (query[None], keys[:count], values[:count])),
        scale=1.0,
    )
    np.testing.assert_allclose(out, theirs[0, 0].numpy(), rtol=1e-3, atol=3e-4)


def test_what_is_masked_is_not_attended_to():
    draw = np.random.default_rng(0)
    query, out, other = draw.normal(size=8).astype(F), np.empty(8, F), np.empty(8, F)
    keys, values = (draw.normal(size=(6, 8)).astype(F) for _ in range(2))
    attend(query, *kept(keys), *kept(values), 6, np.array([0, 0, 1, 1, 0, 1]), out)
    some = kept(keys[[2, 3, 5]]), kept(values[[2, 3, 5]])
    attend(query, *some[0], *some[1], 3, np.ones(0, np.int64), other)
    np.testing.assert_allclose(out, other, rtol=1e-5)
