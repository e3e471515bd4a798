"""How near a passage's manner is to an author's."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from talecraft.errors import EngineError
from talecraft.learning.rewards.part import Ground, Part
from talecraft.learning.rollouts import Rollout

LEAST_SPREAD = 0.03  # of a cosine


def build(ground: Ground) -> Part:
    """The prose alone is read. Raises EngineError where the run was given no manner."""
    near = ground.manner
    if near is None:
        raise EngineError(
            "There is no manner to be rewarded by.", "Learn one: `talecraft style learn`."
        )

    def of(rollouts: Sequence[Rollout]) -> Tensor:
        return near([one.prose for one in rollouts])

    return Part(of, LEAST_SPREAD)
