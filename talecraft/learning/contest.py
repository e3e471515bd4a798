"""Head against reward model: who orders passages of unseen stories more as the writer did?

Both are asked about exactly the same pairs, those within one part of the stories, which the reward
model was trained without; the head's guess at each passage is that of its own cross-validation,
for which it had learned from more of the other stories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from talecraft.learning import taste
from talecraft.learning.labels import Scored
from talecraft.learning.taste import BOOTSTRAPS, LEAST_CONCORDANCE, SURE
from talecraft.process.run_events import TasteLearned


@dataclass(frozen=True, slots=True)
class Contest:
    """Shares of the same so many `pairs` that `head` and `adapter` order rightly; `own` is the
    adapter's 90 % interval, `gain` that of what it has more than the head."""

    head: float
    adapter: float
    own: tuple[float, float]
    gain: tuple[float, float]
    pairs: int

    @property
    def kept(self) -> bool:
        """Is the adapter surely better than the head, and may a model be trained by it? The latter
        by the head's own conditions."""
        return self.gain[0] > 0 and self.adapter >= LEAST_CONCORDANCE and self.own[0] > 0.5

    @property
    def words(self) -> str:
        """What came of it, for the writer."""
        end = (
            "It surely knows your taste better, and takes the head's place."
            if self.kept
            else "That is not surely enough to take the head's place."
        )
        return (
            f"A reward model was tried: of the same {self.pairs:,} unseen pairs it ordered"
            f" {self.adapter:.0%} as you did, the taste head {self.head:.0%}. {end}"
        )

    def event(self, told: TasteLearned) -> TasteLearned:
        """What was `told` of the head, and what came of the trial."""
        told = msgspec.structs.replace(
            told, tried=self.words, head=self.head, adapter=self.adapter, gain_low=self.gain[0],
            gain_high=self.gain[1], kept=self.kept,
        )  # fmt: skip
        if not self.kept:
            return told
        low, high = self.own
        return msgspec.structs.replace(
            told, concordance=self.adapter, low=low, high=high, pairs=self.pairs, passed=True,
            refusal="",
        )  # fmt: skip


def parts(data: Scored, most: int, seed: int) -> list[np.ndarray]:
    """Rows of at most `most` parts of the stories: the head's own folds, some together."""
    folds = taste.folds(data.folds_by, seed)
    count = min(most, len(folds))
    return [np.sort(np.concatenate(folds[at::count])) for at in range(count)]


def decide(
    head: np.ndarray, adapter: np.ndarray, data: Scored, held: Sequence[np.ndarray], seed: int
) -> Contest:
    """What came of it; `head` and `adapter` (N,) are guesses at passages by who has not seen their
    part, one of `held`.

    The intervals are bootstraps over stories, paired: both are asked about the same draws. They are
    no narrower than those of so many pairs that have nothing to do with each other (Wilson 1927;
    for the difference, McNemar 1947).
    """
    asked = _Asked.of(data, held)
    if not len(asked):
        return Contest(0.5, 0.5, (0.0, 1.0), (-1.0, 1.0), 0)
    ours, theirs = asked.right(adapter), asked.right(head)
    random = np.random.default_rng([seed, 6])
    count = asked.stories
    drawn = random.multinomial(count, np.full(count, 1 / count), size=BOOTSTRAPS).astype(float)
    every = np.ones((1, count))
    share, other = (float(asked.shares(one, every)[0]) for one in (ours, theirs))
    resampled, others = (asked.shares(one, drawn) for one in (ours, theirs))
    low, high = np.percentile(resampled - others, [5, 95]).tolist()
    gain = share - other
    unlike = float(asked.shares((ours - theirs) ** 2, every)[0])
    half = SURE * (max(0.0, unlike - gain**2) / len(asked)) ** 0.5
    own = taste.interval(resampled.tolist(), share, len(asked))
    return Contest(other, share, own, (min(low, gain - half), max(high, gain + half)), len(asked))


@dataclass(frozen=True, slots=True)
class _Asked:
    """Pairs (P,) within one part: row `better` above row `worse`, a `said` preference or two
    grades, each of some `weights`. `groups` (N,) numbers the passages' stories, so many in all."""

    better: np.ndarray
    worse: np.ndarray
    weights: np.ndarray
    said: np.ndarray
    groups: np.ndarray
    stories: int

    @classmethod
    def of(cls, data: Scored, held: Sequence[np.ndarray]) -> _Asked:
        part = np.zeros(len(data), dtype=int)
        for number, rows in enumerate(held):
            part[rows] = number
        stars, strict = data.stars.numpy(), data.pairs.strict
        together = part[strict.better] == part[strict.worse]
        better, worse, weights = (
            one[together] for one in (strict.better, strict.worse, strict.weights)
        )
        graded = []
        for rows in held:
            rows = rows[stars[rows] > 0]
            at, other = np.nonzero(stars[rows][:, None] > stars[rows][None, :])
            graded.append((rows[at], rows[other]))
        above, below = (np.concatenate(one) for one in zip(*graded, strict=True))
        names, groups = np.unique(data.folds_by, return_inverse=True)
        return cls(
            np.concatenate([better, above]),
            np.concatenate([worse, below]),
            np.concatenate([weights, np.ones(len(above))]),
            np.arange(len(better) + len(above)) < len(better),
            groups,
            len(names),
        )

    def __len__(self) -> int:
        return len(self.better)

    def right(self, values: np.ndarray) -> np.ndarray:
        """1 (P,) for a pair that `values` (N,) order rightly, 0.5 where they are the same."""
        found: np.ndarray = 0.5 + 0.5 * np.sign(values[self.better] - values[self.worse])
        return found

    def shares(self, right: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """The mean (B,) of `right` (P,) where story g comes drawn[b, g] times (B, G); 0.5 for none.

        Two graded passages meet as often as the copies of their stories do; a preference is there
        as often as its story.
        """
        totals = [self._sum(one, drawn) for one in (self.weights * right, self.weights)]
        there = totals[1] > 0
        found: np.ndarray = np.where(there, totals[0] / np.where(there, totals[1], 1.0), 0.5)
        return found

    def _sum(self, values: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        size, one, other = self.stories, self.groups[self.better], self.groups[self.worse]
        said, graded = self.said, ~self.said
        alone = np.bincount(one[said], values[said], size)
        at = one[graded] * size + other[graded]
        meeting = np.bincount(at, values[graded], size * size).reshape(size, size)
        found: np.ndarray = drawn @ alone + ((drawn @ meeting) * drawn).sum(1)
        return found
