"""A turn that the model ended itself, with a plan and prose in it (the "EOS trick")."""

from __future__ import annotations

from talecraft.learning.rewards.part import Ground, Part
from talecraft.learning.rollouts import Rollout


def finished(rollout: Rollout) -> float:
    """0, or -1 for a turn that was cut off or lacks a plan or prose."""
    return 0.0 if rollout.finished else -1.0


def build(_ground: Ground) -> Part:
    return Part.each(finished)
