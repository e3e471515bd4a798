"""The story so far: what has left the window, a beat for each passage, fading with its age."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from talecraft.story import spans
from talecraft.story.turns import Turn
from talecraft.story.words import STOPWORDS, words

T = TypeVar("T")


def beat(turn: Turn) -> str:
    """What happens in this passage, in one line: the first beat of its plan that tells something,
    or what its most telling sentence says."""
    for line in turn.outline.splitlines() if turn.author == "model" else ():
        told = line.strip(" -•*")
        if told:
            return told
    return _telling(turn.prose)


@lru_cache(4096)
def _telling(prose: str) -> str:
    """The sentence with the most words that carry meaning, shortened to its first part."""
    found = spans.beats(prose)
    return max(found, key=_weight, default="")


def _weight(sentence: str) -> int:
    return len({word for word in words(sentence.lower()) if len(word) > 2} - STOPWORDS)


def faded(lines: Sequence[T], keep: int) -> list[T]:
    """At most `keep` of `lines`: the newest whole, of older ones every second, fourth, eighth.

    Which stay depends on their place from the beginning, so that what was kept mostly stays kept
    as the story grows. Where even that is too many, some from all of it.
    """
    if len(lines) <= keep:
        return list(lines)
    low, high, best = 1, keep, list[int]()
    while low <= high:  # the more are whole, the more there are
        whole = (low + high) // 2
        kept = _kept(len(lines), whole)
        if len(kept) <= keep:
            best, low = kept, whole + 1
        else:
            high = whole - 1
    stride = 1 << (len(lines) // max(1, keep)).bit_length()
    return [lines[at] for at in best or range(0, len(lines), stride)][:keep]


def _kept(count: int, whole: int) -> list[int]:
    """The places of `count` lines that stay where the newest `whole` do: at an age of so many
    lines, of twice, of four times as many only every second, fourth, eighth."""
    kept, end, stride = list[int](), count, 1
    while end > 0:
        begin = max(0, count - whole * (2 * stride - 1))
        kept += [at for at in range(end - 1, begin - 1, -1) if at % stride == 0]
        end, stride = begin, stride * 2
    return kept[::-1]


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
