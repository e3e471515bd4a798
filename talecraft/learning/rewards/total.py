"""R = clip(clip(z(taste), -3, 3) + sum_k w_k z_k(S_k), -3, 3), frozen on samples of the reference.

Outlines that the writer judged apart are worth clip(z(taste of outlines), -3, 3) beside it.
The z of the taste is by median and quartiles, those of the shaped parts by mean and deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from talecraft.learning.rollouts import Rollout
from talecraft.story.traits import words_of

LIMIT = 3.0
# A part that hardly varies under the reference must not be blown up by its own z-score.
LEAST_SPREAD = 0.1
NORMAL_QUARTILES = 1.349  # standard deviations between the quartiles of a normal distribution

Taste = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Valued:
    """`total` (N,), what the `outline` is worth beside it (N,), and the mean contribution of each
    part, in reference standard deviations."""

    total: Tensor
    outline: Tensor
    parts: dict[str, float]


@dataclass(frozen=True, slots=True)
class Outlines:
    """The taste in outlines, and features (N, F) of outlines that the reference wrote."""

    taste: Taste
    features: Tensor


class Reward:
    """The total reward of rollouts, in standard deviations of what the reference writes."""

    def __init__(
        self,
        taste: Taste,
        shaped: Mapping[str, Callable[[Rollout], float]],
        weights: Mapping[str, float],
        reference: Sequence[Rollout],
        features: Tensor,
        outlines: Outlines | None = None,
    ) -> None:
        """`reference` are samples of the root and `features` (N, F) their features."""
        self._outlines = outlines
        if outlines is not None:
            self._outline_scale = _robust(outlines.taste(outlines.features))
        self._taste = taste
        self._shaped = {name: (shaped[name], weight) for name, weight in weights.items()}
        learned = taste(features)
        self._taste_scale = _robust(learned)
        self._scales = {}
        for name, (part, _) in self._shaped.items():
            values = _evaluate(part, reference)
            self._scales[name] = (values.mean(), values.std().clamp(min=LEAST_SPREAD))

    def taste(self, features: Tensor) -> Tensor:
        """The learned part alone (N,), within the limits of the whole."""
        centre, spread = self._taste_scale
        return ((self._taste(features) - centre) / spread).clamp(-LIMIT, LIMIT)

    @property
    def judges_outlines(self) -> bool:
        return self._outlines is not None

    def __call__(
        self, rollouts: Sequence[Rollout], features: Tensor, outlines: Tensor | None = None
    ) -> Valued:
        """A passage without a word is worth the least there is, whatever its parts say: no head
        has an opinion of it. `outlines` (N, F) are features too, where outlines are judged."""
        contributions = {"taste": self.taste(features)}
        for name, (part, weight) in self._shaped.items():
            centre, spread = self._scales[name]
            contributions[name] = weight * (_evaluate(part, rollouts) - centre) / spread
        total = torch.stack(list(contributions.values())).sum(0).clamp(-LIMIT, LIMIT)
        silent = torch.tensor([not words_of(one.prose) for one in rollouts])
        total = torch.where(silent, -LIMIT, total)
        of_outlines = self._outline(outlines, len(rollouts))
        if self.judges_outlines:
            contributions["outline"] = of_outlines
        means = {name: float(values.mean()) for name, values in contributions.items()}
        return Valued(total.float(), of_outlines.float(), means)

    def _outline(self, features: Tensor | None, count: int) -> Tensor:
        if self._outlines is None:
            return torch.zeros(count, dtype=torch.float64)
        assert features is not None
        centre, spread = self._outline_scale
        return ((self._outlines.taste(features) - centre) / spread).clamp(-LIMIT, LIMIT)


def _robust(values: Tensor) -> tuple[Tensor, Tensor]:
    """Median, and the standard deviation that the quartiles tell: a few odd passages among the
    samples must not make every other difference small."""
    low, middle, high = torch.quantile(values, torch.tensor([0.25, 0.5, 0.75], dtype=values.dtype))
    return middle, ((high - low) / NORMAL_QUARTILES).clamp(min=1e-6)


def _evaluate(part: Callable[[Rollout], float], rollouts: Sequence[Rollout]) -> Tensor:
    return torch.tensor([part(one) for one in rollouts], dtype=torch.float64)
