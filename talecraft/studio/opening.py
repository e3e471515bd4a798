"""Where a story can begin: three lines to choose from."""

from __future__ import annotations

import random
from functools import cache

from talecraft.config.assets import reference


def opening_lines(count: int = 3, seed: int | None = None) -> list[str]:
    """Some of the shipped prompts, different ones each time unless seeded."""
    return random.Random(seed).sample(reference("prompt"), count)


@cache
def _shipped() -> frozenset[str]:
    return frozenset(" ".join(line.split()) for line in reference("prompt"))


def is_shipped(premise: str) -> bool:
    """Whether a story's first line is one of those that are offered, and not the writer's own."""
    return " ".join(premise.split()) in _shipped()
