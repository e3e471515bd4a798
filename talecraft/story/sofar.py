"""The story so far: what has left the window, a beat for each passage, fading with its age."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from talecraft.story import spans
from talecraft.story.turns import Turn

T = TypeVar("T")


def beat(turn: Turn) -> str:
    """What happens in this passage, in one line: the first beat of its plan that tells something,
    or what its most telling sentence says."""
    for line in turn.outline.splitlines() if turn.author == "model" else ():
        told = line.strip().removeprefix("- ").strip()
        if told:
            return told
    return spans.plan("shorten", turn.prose).removeprefix("- ")


def faded(lines: Sequence[T], keep: int) -> list[T]:
    """At most `keep` of `lines`, the newest whole, of older ones every second, fourth, eighth.

    Which stay depends on their place from the beginning, so that what was kept mostly stays kept
    as the story grows.
    """
    if len(lines) <= keep:
        return list(lines)
    for whole in range(keep, -1, -1):
        kept = [
            line for at, line in enumerate(lines) if _stays(at, len(lines) - 1 - at, max(1, whole))
        ]
        if len(kept) <= keep:
            return kept
    return list(lines[:: 1 << (len(lines) // max(1, keep)).bit_length()])[:keep]


def _stays(at: int, age: int, whole: int) -> bool:
    """At `age` passages before the end every 2^n-th line stays: n grows by one each time the age
    doubles."""
    stride = 1 << (age // whole + 1).bit_length() - 1
    return at % stride == 0


def fitted(text: str, lines: Sequence[str], most: int, length: Callable[[str], int]) -> str:
    """The writer's `text` and as many `lines` after it as fit `most` by `length`; "" for none."""
    best, low, high = text, 0, len(lines)
    if not text and not lines:
        return ""
    while low < high:
        middle = (low + high + 1) // 2
        tried = joined(text, faded(lines, middle))
        if length(tried) <= most:
            best, low = tried, middle
        else:
            high = middle - 1
    return best


def joined(text: str, lines: Sequence[str]) -> str:
    """As prose: each line a sentence."""
    told = [line if line[-1:] in ".!?…" else f"{line}." for line in lines if line]
    return " ".join([*([text.strip()] if text.strip() else []), *told])
