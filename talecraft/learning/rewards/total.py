"""R = clip(z(taste) + sum_k w_k z_k(S_k), -3, 3), every z frozen on samples of the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from talecraft.learning.rollouts import Rollout

LIMIT = 3.0
# A part that hardly varies under the reference must not be blown up by its own z-score.
LEAST_SPREAD = 0.1

Taste = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Valued:
    """`total` (N,) and the mean contribution of each part, in reference standard deviations."""

    total: Tensor
    parts: dict[str, float]


class Reward:
    """The total reward of rollouts, in standard deviations of what the reference writes."""

    def __init__(
        self,
        taste: Taste,
        shaped: Mapping[str, Callable[[Rollout], float]],
        weights: Mapping[str, float],
        reference: Sequence[Rollout],
        features: Tensor,
    ) -> None:
        """`reference` are samples of the root and `features` (N, F) their features."""
        self._taste = taste
        self._shaped = {name: (shaped[name], weight) for name, weight in weights.items()}
        learned = taste(features)
        self._taste_scale = (learned.mean(), learned.std().clamp(min=1e-6))
        self._scales = {}
        for name, (part, _) in self._shaped.items():
            values = _evaluate(part, reference)
            self._scales[name] = (values.mean(), values.std().clamp(min=LEAST_SPREAD))

    def __call__(self, rollouts: Sequence[Rollout], features: Tensor) -> Valued:
        mean, scale = self._taste_scale
        contributions = {"taste": (self._taste(features) - mean) / scale}
        for name, (part, weight) in self._shaped.items():
            centre, spread = self._scales[name]
            contributions[name] = weight * (_evaluate(part, rollouts) - centre) / spread
        total = torch.stack(list(contributions.values())).sum(0).clamp(-LIMIT, LIMIT)
        return Valued(
            total.float(), {name: float(values.mean()) for name, values in contributions.items()}
        )


def _evaluate(part: Callable[[Rollout], float], rollouts: Sequence[Rollout]) -> Tensor:
    return torch.tensor([part(one) for one in rollouts], dtype=torch.float64)
