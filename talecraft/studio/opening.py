"""Where a story can begin: three lines to choose from."""

from __future__ import annotations

import random

from talecraft.config.assets import reference


def opening_lines(count: int = 3, seed: int | None = None) -> list[str]:
    """Some of the shipped prompts, different ones each time unless seeded."""
    return random.Random(seed).sample(reference("prompt"), count)
