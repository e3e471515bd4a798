"""R = clip(w clip(z(taste), -c, c) + sum_k w_k z_k(S_k), -c, c), frozen on the reference's samples.

Outlines that the writer judged apart are worth clip(z(taste of outlines), -c, c) beside it.
The z of the taste is by median and quartiles, those of the other parts by mean and deviation;
c is 3, or more where the reference itself writes what stands out by more. Without a taste what
is left is the second sum: a reward without a writer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from talecraft.learning.rewards.part import Part
from talecraft.learning.rollouts import Rollout
from talecraft.story.rewards import TASTE
from talecraft.story.traits import words_of

LIMIT = 3.0
WIDEST = 5.0  # a limit may be
OFTEN = 0.05  # of the reference's samples: what so many reach is no freak
LEAST_TASTE = 1e-6
NORMAL_QUARTILES = 1.349  # standard deviations between the quartiles of a normal distribution

Taste = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Valued:
    """`total` (N,), what the `outline` is worth beside it (N,), and what each part contributes
    (N,), in reference standard deviations. So much of the total is `early` (N,): decided where the
    plan ends, and earned by its tokens."""

    total: Tensor
    outline: Tensor
    parts: dict[str, Tensor]
    early: Tensor

    @property
    def at_plan(self) -> Tensor:
        """What is earned where the plan ends (N,)."""
        return self.outline + self.early

    @property
    def at_end(self) -> Tensor:
        """What is earned where the turn ends (N,)."""
        return self.total - self.early

    @property
    def means(self) -> dict[str, float]:
        """The mean contribution of each part."""
        return {name: float(values.mean()) for name, values in self.parts.items()}

    def shares(self, row: int) -> dict[str, float]:
        """What each part contributes to one of them."""
        return {name: float(values[row]) for name, values in self.parts.items()}


@dataclass(frozen=True, slots=True)
class Outlines:
    """The taste in outlines, and features (N, F) of outlines that the reference wrote."""

    taste: Taste
    features: Tensor


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a value stands among the reference's, in standard deviations from `low` to `high`."""

    centre: float
    spread: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Tensor) -> Standing:
        """By the median and the quartiles of `values` (N,): a few odd passages among the samples
        must not make every other difference small.

        Beyond LIMIT the head guesses about what it has not seen, unless the reference itself writes
        such passages more than OFTEN: a word that is loved, and rare, stands out by far, and is
        what this taste is about.
        """
        at = torch.tensor([OFTEN, 0.25, 0.5, 0.75, 1 - OFTEN], dtype=values.dtype)
        least, low, middle, high, most = torch.quantile(values, at).tolist()
        spread = (high - low) / NORMAL_QUARTILES
        if spread < LEAST_TASTE:  # most are alike: what differs is no more than odd
            return cls(middle, LEAST_TASTE, -LIMIT, LIMIT)
        down, up = ((one - middle) / spread for one in (least, most))
        return cls(middle, spread, max(-WIDEST, min(-LIMIT, down)), min(WIDEST, max(LIMIT, up)))

    def __call__(self, values: Tensor) -> Tensor:
        return ((values - self.centre) / self.spread).clamp(self.low, self.high)


NOWHERE = Standing(0.0, 1.0, -LIMIT, LIMIT)  # the limits where there is no taste


class Reward:
    """The total reward of rollouts, in standard deviations of what the reference writes."""

    def __init__(
        self,
        taste: Taste | None,
        parts: Mapping[str, Part],
        weights: Mapping[str, float],
        reference: Sequence[Rollout],
        features: Tensor | None = None,
        outlines: Outlines | None = None,
    ) -> None:
        """`parts` and, where its name is among the `weights`, the `taste`; what is not among them
        weighs nothing. `reference` are samples of the root and `features` (N, F) theirs, for the
        taste."""
        self._outlines = outlines
        if outlines is not None:
            self._outline_standing = Standing.of(outlines.taste(outlines.features))
        self._taste, self._standing = taste, NOWHERE
        self._weights = weights
        if taste is not None:
            assert features is not None
            self._standing = Standing.of(taste(features))
        self._parts = {name: part for name, part in parts.items() if name in weights}
        self._scales = {}
        self._usual_plan = {}
        for name, part in self._parts.items():
            values = part.of(reference)
            self._scales[name] = (values.mean(), values.std().clamp(min=part.least_spread))
            if part.of_plan is not None:
                self._usual_plan[name] = part.of_plan(reference).mean()

    def taste(self, features: Tensor) -> Tensor:
        """The learned part alone (N,), within the limits of the whole."""
        assert self._taste is not None
        return self._weights.get(TASTE, 1.0) * self._standing(self._taste(features))

    @property
    def has_taste(self) -> bool:
        """Whether features are asked for."""
        return self._taste is not None

    @property
    def judges_outlines(self) -> bool:
        return self._outlines is not None

    def __call__(
        self,
        rollouts: Sequence[Rollout],
        features: Tensor | None = None,
        outlines: Tensor | None = None,
    ) -> Valued:
        """A passage without a word is worth the least there is, whatever its parts say: no head
        has an opinion of it. `outlines` (N, F) are features too, where outlines are judged."""
        contributions: dict[str, Tensor] = {}
        if self._taste is not None:
            assert features is not None
            contributions[TASTE] = self.taste(features)
        for name, values in self.raw(rollouts).items():
            centre, spread = self._scales[name]
            contributions[name] = self._weights[name] * (values - centre) / spread
        low, high = self._standing.low, self._standing.high
        total = torch.stack(list(contributions.values())).sum(0).clamp(low, high)
        silent = torch.tensor([not words_of(one.prose) for one in rollouts])
        total = torch.where(silent, low, total)
        of_outlines = self._outline(outlines, len(rollouts))
        if self.judges_outlines:
            contributions["outline"] = of_outlines
        early = self._early(rollouts)
        return Valued(total.float(), of_outlines.float(), contributions, early.float())

    def _early(self, rollouts: Sequence[Rollout]) -> Tensor:
        """How much of the contributions the plans decide (N,), as it differs from the reference's
        mean."""
        early = torch.zeros(len(rollouts), dtype=torch.float64)
        for name, part in self._parts.items():
            if part.of_plan is not None:
                _, spread = self._scales[name]
                decided = part.of_plan(rollouts) - self._usual_plan[name]
                early += self._weights[name] * decided / spread
        return early

    def raw(self, rollouts: Sequence[Rollout]) -> dict[str, Tensor]:
        """What each part but the taste says of them (N,), in its own unit."""
        return {name: part.of(rollouts) for name, part in self._parts.items()}

    def _outline(self, features: Tensor | None, count: int) -> Tensor:
        if self._outlines is None:
            return torch.zeros(count, dtype=torch.float64)
        assert features is not None
        return self._outline_standing(self._outlines.taste(features))
