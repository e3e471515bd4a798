"""The pattern's form: a plan in lines, closed by the model itself, then prose and nothing else."""

from __future__ import annotations

import re

from talecraft.learning.rewards.part import Ground, Part
from talecraft.learning.rollouts import Rollout

FEWEST_BEATS, MOST_BEATS = 1, 8
LONGEST_BEAT = 30  # words: what is longer is told, not planned
_TAG = re.compile(r"</?[A-Za-z_]{2,20}>|\[/?[A-Z]{2,10}\]")
_MARKDOWN = re.compile(r"^\s*(?:#{1,6}\s|[-*•]\s|```)", re.MULTILINE)


def format_(rollout: Rollout) -> float:
    """How much of the form is kept, less 1: a quarter each for a plan that the model closed, for
    one of some short lines, for prose there is, and for prose without tags, headings or bullets."""
    kept = (
        bool(rollout.prose.strip()),
        bool(rollout.prose.strip())
        and not _TAG.search(rollout.outline + rollout.prose)
        and not _MARKDOWN.search(rollout.prose),
    )
    return of_plan(rollout) + sum(kept) / 4 - 1


def of_plan(rollout: Rollout) -> float:
    """The two quarters that are for the plan."""
    beats = beats_of(rollout.outline)
    in_beats = FEWEST_BEATS <= len(beats) <= MOST_BEATS and all(
        len(beat.split()) <= LONGEST_BEAT for beat in beats
    )
    return (closed(rollout) + in_beats) / 4


def closed(rollout: Rollout) -> bool:
    """Did the model end the plan itself? What the program forces there is the tag that opens the
    prose; the plan's own opening is forced, too, but stands before all that was written."""
    plan = rollout.forced[: rollout.prose_start]
    first = next((at for at, forced in enumerate(plan) if not forced), len(plan))
    return first < len(plan) and not any(plan[first:])


def beats_of(outline: str) -> list[str]:
    """The plan's lines, without their marks."""
    lines = (line.strip().lstrip("-*•").strip() for line in outline.splitlines())
    return [line for line in lines if line]


def build(_ground: Ground) -> Part:
    return Part.each(format_, of_plan=of_plan)
