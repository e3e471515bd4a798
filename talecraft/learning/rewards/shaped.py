"""Shaped parts of the reward: each a function of a rollout, 0 at best and -1 at worst."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from talecraft.learning.rollouts import Rollout
from talecraft.story.traits import distinct2, words_of

LENGTH_ROOM = 0.3  # of the usual length, either way


def finished(rollout: Rollout) -> float:
    """-1 for a turn the model did not end itself, or without a plan and prose ("EOS trick")."""
    return 0.0 if rollout.finished else -1.0


def repetition(rollout: Rollout, human: float) -> float:
    """How much more the passage repeats word pairs than people do (`human`: their share)."""
    return -max(0.0, 1 - distinct2(words_of(rollout.prose)) - human)


def length(rollout: Rollout, usual: float, wanted: int) -> float:
    """Flexible length: 0 within `LENGTH_ROOM` of the usual number of words, falling to -1 beyond
    it as a Gaussian does. Where the scores ask for longer (`wanted` +1) or shorter (-1) passages,
    that side is free."""
    off = len(words_of(rollout.prose)) / usual - 1
    if off * wanted > 0:
        return 0.0
    beyond = max(0.0, abs(off) - LENGTH_ROOM)
    return math.exp(-(beyond**2) / (2 * LENGTH_ROOM**2)) - 1


def parts(
    human_repetition: float, usual_words: float, wants_length: int
) -> Mapping[str, Callable[[Rollout], float]]:
    """The parts by the names that settings give them."""
    return {
        "finished": finished,
        "repetition": lambda rollout: repetition(rollout, human_repetition),
        "length": lambda rollout: length(rollout, max(1.0, usual_words), wants_length),
    }


def usual_words(reference: Sequence[Rollout]) -> float:
    """Mean number of words of the reference's passages."""
    return sum(len(words_of(one.prose)) for one in reference) / max(1, len(reference))


def human_repetition(passages: list[str]) -> float:
    """The share of repeated word pairs in people's prose."""
    return sum(1 - distinct2(words_of(text)) for text in passages) / max(1, len(passages))
