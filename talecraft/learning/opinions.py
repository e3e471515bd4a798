"""What was said of passages, as data for methods that learn from it directly: pairs, marks, texts.

Opinions are about the prose; what stands before it, the plan too, is read and not learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from talecraft.learning import taste
from talecraft.learning.features import Passage
from talecraft.learning.labels import Scored
from talecraft.process.evidence import Episode
from talecraft.story.feedback import DISLIKED, LIKED

FEWEST_PAIRS = 8
FEWEST_MARKS = 4  # of either kind
FEWEST_TEXTS = 8
LEAST_BALANCE, MOST_BALANCE = 1.0, 4 / 3  # of what KTO's two sides weigh (arXiv 2402.01306, eq. 8)


@dataclass(frozen=True, slots=True)
class Response:
    """A passage to learn from: ids (L,), of which those from `start` to `end` are its prose."""

    ids: tuple[int, ...]
    start: int
    end: int

    @classmethod
    def of(cls, passage: Passage) -> Response:
        before = len(passage.prompt)
        ids = (*passage.prompt, *passage.response[: passage.end])
        return cls(tuple(map(int, ids)), before + passage.start, before + passage.end)

    def after(self, other: Response) -> Response:
        """The other's prose after what stands before this one's."""
        prose = other.ids[other.start : other.end]
        return Response((*self.ids[: self.start], *prose), self.start, self.start + len(prose))


@dataclass(frozen=True, slots=True)
class Pair:
    """`chosen` was preferred to `rejected`, which goes on from the same."""

    chosen: Response
    rejected: Response


@dataclass(frozen=True, slots=True)
class Mark:
    """A passage that was found `good`, or bad."""

    response: Response
    good: bool


def pairs(passages: Sequence[Passage], said: Scored) -> list[Pair]:
    """What was preferred after the same prompt, by a choice, an edit, a discard or a star or more.
    `said` (N) is of these passages (N)."""
    found = taste.comparable(said)
    made = [Response.of(one) for one in passages]
    return [Pair(made[a], made[b]) for a, b in zip(found.better, found.worse, strict=True)]


def marks(passages: Sequence[Passage], said: Scored) -> list[Mark]:
    """Passages of LIKED stars or more and of DISLIKED or fewer; of those without a grade, what was
    preferred to something and what something was preferred to, if it was always one of both."""
    stars = said.stars.numpy()
    strict = said.pairs.strict
    better, worse = set(strict.better.tolist()), set(strict.worse.tolist())
    found = []
    for at, passage in enumerate(passages):
        good = stars[at] >= LIKED if stars[at] else at in better
        bad = 0 < stars[at] <= DISLIKED if stars[at] else at in worse
        if good != bad:
            found.append(Mark(Response.of(passage), bool(good)))
    return found


def texts(passages: Sequence[Passage], episodes: Sequence[Episode]) -> list[Response]:
    """What the writer made of passages, and those of five stars."""
    chosen = zip(passages, episodes, strict=True)
    return [Response.of(one) for one, of in chosen if of.loved]


def balance(found: Sequence[Mark]) -> tuple[float, float]:
    """The weights of KTO's good and bad sides: the rarer one's is raised until
    weight_good * good / (weight_bad * bad) is in [1, 4/3]."""
    good = sum(one.good for one in found)
    bad = len(found) - good
    ratio = good / bad
    if ratio < LEAST_BALANCE:
        return LEAST_BALANCE / ratio, 1.0
    if ratio > MOST_BALANCE:
        return 1.0, ratio / MOST_BALANCE
    return 1.0, 1.0


def order(count: int, epochs: int, batch: int, seed: int) -> np.ndarray:
    """Which of `count` examples come when (S,): each epoch has every one once, in an order of its
    own; S is a multiple of `batch`, the last step filled up from the beginning."""
    random = np.random.default_rng([seed, 30])
    every = np.concatenate([random.permutation(count) for _ in range(epochs)])
    return np.resize(every, -(-len(every) // batch) * batch)
