"""Shaped parts of the reward: each a function of a rollout, 0 at best and -1 at worst."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from talecraft.learning.features import distinct2, words_of
from talecraft.learning.rollouts import Rollout


def finished(rollout: Rollout) -> float:
    """-1 for a turn the model did not end itself, or without a plan and prose ("EOS trick")."""
    return 0.0 if rollout.finished else -1.0


def repetition(rollout: Rollout, human: float) -> float:
    """How much more the passage repeats word pairs than people do (`human`: their share)."""
    return -max(0.0, 1 - distinct2(words_of(rollout.prose)) - human)


def parts(human_repetition: float) -> Mapping[str, Callable[[Rollout], float]]:
    """The parts by the names that settings give them."""
    return {
        "finished": finished,
        "repetition": lambda rollout: repetition(rollout, human_repetition),
    }


def human_repetition(passages: list[str]) -> float:
    """The share of repeated word pairs in people's prose."""
    return sum(1 - distinct2(words_of(text)) for text in passages) / max(1, len(passages))
