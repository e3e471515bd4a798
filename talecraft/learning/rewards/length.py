"""Flexible length: as long as the model writes, or as the writer's best scores ask for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from talecraft.learning.rewards.part import Ground, Part
from talecraft.learning.rollouts import Rollout
from talecraft.story.traits import words_of

LENGTH_ROOM = 0.3  # of the target, either way
MOST_FOLLOWED = 2.0  # times the usual length, and its inverse: further no target goes
FEWEST_LIKED = 5  # passages, whose length is a target


def length(rollout: Rollout, target: float, wanted: int) -> float:
    """0 within LENGTH_ROOM of the target number of words, falling to -1 beyond it as a Gaussian
    does. Where the scores ask for longer (`wanted` +1) or shorter (-1) passages, that side is
    free."""
    off = len(words_of(rollout.prose)) / target - 1
    if off * wanted > 0:
        return 0.0
    beyond = max(0.0, abs(off) - LENGTH_ROOM)
    return math.exp(-(beyond**2) / (2 * LENGTH_ROOM**2)) - 1


def target(usual: float, wanted: int, liked: Sequence[str]) -> float:
    """The usual number of words; where the scores surely ask for more or fewer, the median of
    what was scored high, if that is on this side."""
    lengths = [len(words_of(text)) for text in liked]
    if not wanted or len(lengths) < FEWEST_LIKED:
        return usual
    found = min(max(float(median(lengths)), usual / MOST_FOLLOWED), usual * MOST_FOLLOWED)
    return found if (found - usual) * wanted > 0 else usual


def build(ground: Ground) -> Part:
    aim = target(ground.usual_words, ground.wants_length, ground.liked)
    return Part.each(lambda rollout: length(rollout, aim, ground.wants_length))
