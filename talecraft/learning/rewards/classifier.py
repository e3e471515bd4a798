"""What a classifier of feedback takes for good."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from talecraft.errors import EngineError
from talecraft.learning.rewards.part import Ground, Part
from talecraft.learning.rollouts import Rollout


def build(ground: Ground) -> Part:
    """The log-odds that the prose is good, the prose alone read. Raises EngineError where the run
    was given no classifier."""
    classify = ground.classify
    if classify is None:
        raise EngineError(
            "There is no classifier to be rewarded by.", "Fit one: `talecraft classifier fit`."
        )

    def of(rollouts: Sequence[Rollout]) -> Tensor:
        return classify([one.prose for one in rollouts])

    return Part(of)
