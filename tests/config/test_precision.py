"""What precision a model gets where its entry leaves that to the machine."""

from __future__ import annotations

import pytest

from talecraft.config.precision import precision


@pytest.mark.parametrize(
    ("asked", "device", "weights", "native", "expected"),
    [
        ("none", "cpu", 4e6, True, "float32"),
        ("none", "cpu", 124e6, True, "bfloat16"),
        ("none", "cpu", 124e6, False, "float32"),
        ("none", "cpu", 8e9, False, "bfloat16"),
        ("none", "cuda", 4e6, False, "bfloat16"),
        ("nf4", "cpu", 124e6, False, "float32"),
        ("int8", "cpu", 8e9, True, "bfloat16"),
        ("nf4", "cuda", 8e9, False, "bfloat16"),
        ("bf16", "cpu", 4e6, False, "bfloat16"),
        ("fp32", "cpu", 8e9, True, "float32"),
        ("fp32", "cuda", 8e9, True, "float32"),
    ],
)
def test_the_precision(
    asked: str, device: str, weights: float, native: bool, expected: str
) -> None:
    assert precision(asked, device, weights, native) == expected
