"""Which two drafts to ask about next: those whose comparison tells most that was not yet asked.

Sequential D-optimal design (Chaloner & Verdinelli, Statistical Science 1995): a choice between two
drafts that differ by d in their traits tells d' C d, where C is what is still unknown; afterwards C
has shrunk along d, whatever was chosen. Two drafts taken at random are mostly alike in what a
writer cares for, and the choice between them says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean, pstdev

from talecraft.story.traits import TRAITS

_CURVATURE = 0.25  # of the logistic likelihood, where both drafts are equally good
_FURTHEST = 3.0  # standard deviations: one odd draft must not be all that is asked about

Vector = Sequence[float]


class Contrast:
    """Holds groups of drafts by their traits and gives out pairs, one of each group."""

    def __init__(self) -> None:
        size = len(TRAITS)
        self._unknown = [[float(i == j) for j in range(size)] for i in range(size)]
        self._seen: list[Vector] = []
        self._waiting: dict[int, Sequence[Vector]] = {}

    def add(self, group: int, drafts: Sequence[Vector]) -> None:
        """Drafts after one prompt, each as `story.traits.traits` counts it."""
        self._seen.extend(drafts)
        self._waiting[group] = drafts

    def next(self) -> tuple[int, int, int] | None:
        """A group and the places of the two of its drafts to ask about; None where none waits.

        The group is done with, and what the answer will tell is taken as known.
        """
        if not self._waiting:
            return None
        scale = _scale(self._seen)
        pairs = [
            (group, i, j, _difference(drafts[i], drafts[j], scale))
            for group, drafts in self._waiting.items()
            for i, j in combinations(range(len(drafts)), 2)
        ]
        group, i, j, apart = max(pairs, key=lambda pair: self._told(pair[3]))
        del self._waiting[group]
        self._learn(apart)
        return group, i, j

    def _told(self, d: Vector) -> float:
        """d' C d."""
        return sum(a * b for a, b in zip(d, self._times(d), strict=True))

    def _times(self, d: Vector) -> list[float]:
        return [sum(a * b for a, b in zip(row, d, strict=True)) for row in self._unknown]

    def _learn(self, d: Vector) -> None:
        """C <- (C^-1 + d d' / 4)^-1, by Sherman and Morrison."""
        along = self._times(d)
        shrink = _CURVATURE / (1 + _CURVATURE * self._told(d))
        for row, left in zip(self._unknown, along, strict=True):
            for j, right in enumerate(along):
                row[j] -= shrink * left * right


def _scale(vectors: Sequence[Vector]) -> list[tuple[float, float]]:
    """Mean and standard deviation of each trait."""
    return [(fmean(column), pstdev(column)) for column in zip(*vectors, strict=True)]


def _difference(a: Vector, b: Vector, scale: Sequence[tuple[float, float]]) -> list[float]:
    """a - b in standard deviations, each first brought within bounds."""

    def within(value: float, mean: float, spread: float) -> float:
        z = (value - mean) / spread if spread > 0 else 0.0
        return max(-_FURTHEST, min(_FURTHEST, z))

    return [within(x, *trait) - within(y, *trait) for x, y, trait in zip(a, b, scale, strict=True)]
