"""Prose, against mere dialogue."""

from __future__ import annotations

import re
from collections.abc import Sequence

from talecraft.learning.rewards.part import Ground, Part
from talecraft.learning.rollouts import Rollout

_SPEECH = re.compile(r"“[^“”\n]*(?:”|$)|\"[^\"\n]*(?:\"|$)", re.MULTILINE)
_DASHED = re.compile(r"^\s*[—–-]\s?\S.*$", re.MULTILINE)  # “— Come in, said the fox.”
_PLAYED = re.compile(r"^\s*[A-Z][\w .'’]{0,30}:\s+\S.*$", re.MULTILINE)  # “FOX: Come in.”
LEAST_SPREAD = 0.05


def dialogue_share(prose: str) -> float:
    """Which share of the letters is spoken: in quotation marks (an open one ends with its
    paragraph), behind a dash, or after a speaker's name as in a play."""
    marked = [False] * len(prose)
    for pattern in (_SPEECH, _DASHED, _PLAYED):
        for found in pattern.finditer(prose):
            marked[found.start() : found.end()] = [True] * (found.end() - found.start())
    letters = [spoken for one, spoken in zip(prose, marked, strict=True) if not one.isspace()]
    return sum(letters) / len(letters) if letters else 0.0


def form(rollout: Rollout, human: float) -> float:
    """0 up to `human`, the share of dialogue in people's stories, falling evenly to -1 for a turn
    of nothing else; -1 also for a turn without a word."""
    if not rollout.prose.strip():
        return -1.0
    return -max(0.0, dialogue_share(rollout.prose) - human) / (1 - human)


def human_share(passages: Sequence[str]) -> float:
    """The mean share of dialogue in people's passages, at most 0.9."""
    shares = [dialogue_share(text) for text in passages]
    return min(0.9, sum(shares) / max(1, len(shares)))


def build(ground: Ground) -> Part:
    human = human_share(ground.human)
    return Part.each(lambda rollout: form(rollout, human), LEAST_SPREAD)
