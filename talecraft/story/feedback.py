"""What a writer says of a passage, and what it is worth as a signal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

from talecraft.errors import UsageError

Kind = Literal["stars", "thumb", "choice", "edit", "discard"]
Aspect = Literal["outline", "prose", "both"]

STARS = range(1, 6)
LIKED, DISLIKED = 4, 2  # stars: from here on a passage is good, and down to here bad
# A thumb says less than five stars do: it counts as an extreme score with less weight
# (LEARNING 1.3: thumbs are 5 or 1 at weight 0.7).
THUMB_WEIGHT = 0.7
# A grade of some words of a passage is one of the passage where it has none of its own, with less
# weight: the rest was not spoken of.
SPAN_WEIGHT = 0.5
SPAN = "span"  # the tag of a grade that is of the words in its `note`, not of the whole passage
# From this share of changed words on, an edit says all that an edit can (LEARNING 1.3).
WHOLE_EDIT = 0.3


class Feedback(msgspec.Struct, frozen=True):
    """One line of the append-only log.

    `value`: stars 1-5; thumb +1 or -1; choice 1, or 0 for a tie; edit and discard 1. None withdraws
    what was said before. `others` are the siblings a choice was made against; `text` is what an
    edit made of the turn. A grade tagged SPAN is of the words in its `note` alone.
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


def of_a_span(line: Feedback) -> bool:
    """Whether this is a grade of some words of a passage, not of all of it."""
    return SPAN in line.tags and line.kind in ("stars", "thumb")


def is_grade(line: Feedback) -> bool:
    """Whether this grades all of a passage, or of its plan."""
    return line.kind in ("stars", "thumb") and SPAN not in line.tags


class Choice(msgspec.Struct, frozen=True):
    """Turn `better` was preferred to turn `worse`; with `tie` neither was."""

    better: int
    worse: int
    tie: bool
    outline: bool


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


def current(log: Iterable[Feedback]) -> list[Feedback]:
    """What the log says now: the latest line of each kind and aspect per turn, and of each span
    that was graded by itself, in log order."""
    latest: dict[tuple[int, str, str], Feedback] = {}
    for line in sorted(log, key=lambda line: line.id):
        kind = f"{SPAN} {line.note}" if of_a_span(line) else line.kind
        latest[line.turn_id, kind, line.aspect] = line
    return sorted(
        (line for line in latest.values() if line.value is not None), key=lambda line: line.id
    )


def by_turn(log: Iterable[Feedback]) -> dict[int, list[Feedback]]:
    """The lines of each turn, in log order."""
    found: dict[int, list[Feedback]] = {}
    for line in log:
        found.setdefault(line.turn_id, []).append(line)
    return found


def score(lines: Iterable[Feedback], outline: bool = False) -> Score | None:
    """One grade for a turn's prose, or its outline, from its current lines; None without one.

    Stars come before a thumb; what was said of the prose before what was said of the whole. An
    outline has the grades it was given itself: a passage is mostly judged by its prose. Where only
    spans of it were graded, their mean stands for it, with SPAN_WEIGHT.
    """
    lines = list(lines)
    aspects = ("outline",) if outline else ("both", "prose")
    said: dict[tuple[str, str], float] = {
        (line.kind, line.aspect): line.value
        for line in lines
        if line.value is not None and line.aspect in aspects and not of_a_span(line)
    }
    for kind in ("stars", "thumb"):
        for aspect in reversed(aspects):
            value = said.get((kind, aspect))
            if value is not None and kind == "stars":
                return Score(round(value), 1.0)
            if value is not None:
                return Score(5 if value > 0 else 1, THUMB_WEIGHT)
    every = [] if outline else [_stars(line) for line in lines if of_a_span(line)]
    spans = [value for value in every if value is not None]
    return Score(round(sum(spans) / len(spans)), SPAN_WEIGHT) if spans else None


def _stars(line: Feedback) -> float | None:
    if line.value is None or line.kind == "stars":
        return line.value
    return 5 if line.value > 0 else 1


def choices(log: Iterable[Feedback]) -> list[Choice]:
    """Every choice that stands, a line a pair: the latest of two that contradict each other."""
    latest: dict[tuple[frozenset[int], bool], Choice] = {}
    for line in current(log):
        if line.kind != "choice":
            continue
        outline = line.aspect == "outline"
        for other in line.others:
            pair = (frozenset((line.turn_id, other)), outline)
            latest.pop(pair, None)
            latest[pair] = Choice(line.turn_id, other, line.value == 0, outline)
    return list(latest.values())


def edit_weight(before: str, after: str) -> float:
    """How much an edit says, 0 to 1: min(1, normalised Levenshtein distance / 0.3), in words."""
    a, b = before.split(), after.split()
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return min(1.0, row[-1] / max(1, len(a), len(b)) / WHOLE_EDIT)


def histogram(scores: Iterable[Score]) -> list[int]:
    """How many of each grade, 1 to 5."""
    counts = [0] * len(STARS)
    for one in scores:
        counts[one.stars - 1] += 1
    return counts
