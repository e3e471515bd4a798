"""A writer whose taste is in no feature: every passage has the same twelve words, and what pleases
is with which of them it ends."""

from __future__ import annotations

import numpy as np

from talecraft.learning.features import Passage
from talecraft.process.evidence import Episode
from tests.support.models import tokenizer

WORDS = "fox tree boat hill moon bird lamp road fish door rain king".split()
LOVED = frozenset(WORDS[:6])


def episodes(count: int, stories: int = 12, seed: int = 1, null: bool = False) -> list[Episode]:
    """Passages of a story in turn. One that ends as the writer likes it has 4 or 5 stars, another 1
    or 2; those of a `null` writer any."""
    random = np.random.default_rng(seed)
    plan = _ids("<think>\n- a plan\n<story>\n")
    found = []
    for number in range(count):
        order = random.permutation(WORDS).tolist()
        prose = " ".join(order)
        stars = int(random.integers(0, 2)) + (4 if order[-1] in LOVED else 1)
        if null:
            stars = int(random.integers(1, 6))
        ids = plan + _ids(f" {prose}")
        prompt = _ids(f"<prompt>\nA story of {number % stories}\n")
        found.append(
            Episode(number, number % stories, prompt, ids, len(plan), len(ids), prose, stars, 1.0)
        )
    return found


def passages(episodes: list[Episode]) -> list[Passage]:
    return [
        Passage(one.prompt_ids, one.response_ids, one.prose_start, one.prose_end, one.prose)
        for one in episodes
    ]


def _ids(text: str) -> list[int]:
    return list(tokenizer().encode(text, add_special_tokens=False))
