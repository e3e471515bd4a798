"""A tale as a model sees it: the same text that a story has in its context (story/context.py)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from talecraft.corpus.tales import Passage, Tale
from talecraft.story.context import PromptStyle


class Span(msgspec.Struct, frozen=True):
    """A stretch of text. `learned`: the model should come to write it; else it only reads it."""

    text: str
    learned: bool


def plan(outline: Sequence[str]) -> str:
    """Beats as lines, as they stand in a think block."""
    return "".join(f"- {beat}\n" for beat in outline)


def render(
    tale: Tale,
    style: PromptStyle,
    shown: Tale | None = None,
    first: int = 0,
    end: str = "",
    ends: bool = True,
) -> list[Span]:
    """`tale` in `style`. With `shown` that one stands before it, as an example (one-shot).

    Passages before `first` are the story so far: they are read, not learned. A turn ends where
    the next plan opens; `end` (the model's own end of text) ends the last one instead, of `tale`
    where it `ends` with it, of the example always.
    """
    before = [] if shown is None else render(shown, style, end=end)
    spans = [Span(one.text, False) for one in before]
    spans.append(Span(f"{style.premise_open}{tale.premise.strip()}\n", False))
    learning = False  # the tag that opens the next plan also ends the turn before it
    for at, passage in enumerate(tale.passages):
        spans += _turn(passage, style, learning, at >= first)
        learning = at >= first and bool(passage.outline)
    if learning:
        spans.append(Span((end if ends else "") or style.think_open, True))
    return spans


def _turn(passage: Passage, style: PromptStyle, ends: bool, learned: bool) -> list[Span]:
    prose = f"{passage.prose.strip()}\n"
    if not passage.outline:  # a writer's own: nothing of it is learned
        return [Span(f"{style.story_open}{prose}", False)]
    outline = plan(passage.outline)
    if style.think_open.endswith("- "):  # which begins the first beat itself
        outline = outline.removeprefix("- ")
    return [
        Span(style.think_open, ends),
        Span(f"{outline}{style.opening_of_prose(outline)}{prose}", learned),
    ]
