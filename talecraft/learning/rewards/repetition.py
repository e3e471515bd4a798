"""Word pairs that come again, beyond what people do."""

from __future__ import annotations

from collections.abc import Sequence

from talecraft.learning.rewards.part import Ground, Part
from talecraft.learning.rollouts import Rollout
from talecraft.story.traits import distinct2, words_of


def repetition(rollout: Rollout, human: float) -> float:
    """-max(0, repeated share of word pairs - `human`): 0 at best, -1 at worst (LEARNING 1.3)."""
    return -max(0.0, 1 - distinct2(words_of(rollout.prose)) - human)


def human_repetition(passages: Sequence[str]) -> float:
    """The share of repeated word pairs in people's prose."""
    return sum(1 - distinct2(words_of(text)) for text in passages) / max(1, len(passages))


def build(ground: Ground) -> Part:
    human = human_repetition(ground.human)
    return Part.each(lambda rollout: repetition(rollout, human))
