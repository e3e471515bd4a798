"""An open library, and a generation with a value in every field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from talecraft.library import Library
from talecraft.story.turns import Generation, Sampling


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "library.db"


@pytest.fixture
def library(path: Path) -> Iterator[Library]:
    opened = Library(path)
    yield opened
    opened.close()


@pytest.fixture
def generation() -> Generation:
    return Generation(
        model_id="m",
        revision="r1",
        quantisation="nf4",
        adapter_id="abc",
        engine_mode="eager-cpu-float32",
        sampling=Sampling(0.7, 0.9, 0.05, 1.1, 2**31 - 1, 40, 88),
        prompt_ids=[0, 1, 128_255, 2**32 - 1],
        response_ids=[5, 6, 7],
        forced=[True, False, True],
        prose_start=1,
        prose_end=2,
        raw_logprobs=[-0.5, -12.25, float("-inf")],
        sampled_logprobs=[0.0, -0.125, -3.0],
        stop_reason="length",
        seconds=0.1 + 0.2,
    )
