"""What a writer says of a passage, and what it is worth as a signal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

from talecraft.errors import UsageError

Kind = Literal["stars", "thumb", "choice", "edit"]
Aspect = Literal["outline", "prose", "both"]

STARS = range(1, 6)
# A thumb says less than five stars do: it counts as an extreme score with less weight
# (LEARNING 1.3: thumbs are 5 or 1 at weight 0.7).
THUMB_WEIGHT = 0.7


class Feedback(msgspec.Struct, frozen=True):
    """One line of the append-only log.

    `value`: stars 1-5; thumb +1 or -1; edit 1; choice 1, or 0 where neither was better. None
    withdraws what was said before. `others` are the siblings a choice was made against; `text` is
    what an edit made of the turn.
    """

    id: int
    turn_id: int
    kind: Kind
    value: float | None
    aspect: Aspect = "both"
    tags: tuple[str, ...] = ()
    note: str = ""
    others: tuple[int, ...] = ()
    text: str = ""
    created_at: str = ""


class Score(msgspec.Struct, frozen=True):
    """A graded opinion: `stars` 1-5 and the `weight` it has in fitting."""

    stars: int
    weight: float


def check(kind: str, value: float | None) -> None:
    """Raise UsageError unless `value` is one that `kind` can take (None withdraws)."""
    if kind not in get_args(Kind):
        raise UsageError(
            f"'{kind}' is not a kind of feedback.", f"Kinds: {', '.join(get_args(Kind))}."
        )
    if value is None:
        return
    allowed: dict[str, tuple[float, ...]] = {
        "stars": tuple(STARS), "thumb": (-1, 1), "choice": (0, 1),
    }  # fmt: skip
    if value not in allowed.get(kind, (1,)):
        raise UsageError(
            f"{value:g} is not a score.",
            "Stars go from 1 to 5, a thumb is 1 or -1, a choice 1 or (for a tie) 0."
            if kind in allowed
            else "It must be 1.",
        )


def reward(feedback: Feedback) -> float:
    """What one line implies, in [-1, 1]; 0 for a withdrawn one."""
    if feedback.value is None:
        return 0.0
    if feedback.kind == "stars":
        return (feedback.value - 3) / 2
    return max(-1.0, min(1.0, feedback.value))


def current(log: Iterable[Feedback]) -> list[Feedback]:
    """What the log says now: the latest line of each kind and aspect per turn, in log order."""
    latest: dict[tuple[int, str, str], Feedback] = {}
    for line in sorted(log, key=lambda line: line.id):
        latest[line.turn_id, line.kind, line.aspect] = line
    return sorted(
        (line for line in latest.values() if line.value is not None), key=lambda line: line.id
    )


def score(lines: Iterable[Feedback]) -> Score | None:
    """One grade for a turn from its current lines: stars before a thumb, else None."""
    by_kind = {line.kind: line for line in lines if line.value is not None}
    if stars := by_kind.get("stars"):
        return Score(round(stars.value or 0), 1.0)
    if thumb := by_kind.get("thumb"):
        return Score(5 if (thumb.value or 0) > 0 else 1, THUMB_WEIGHT)
    return None


def histogram(scores: Iterable[Score]) -> list[int]:
    """How many of each grade, 1 to 5."""
    counts = [0] * len(STARS)
    for one in scores:
        counts[one.stars - 1] += 1
    return counts
