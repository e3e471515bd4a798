"""The rows of a story's tree, as text: one a passage."""

from __future__ import annotations

import re
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from talecraft.app.marks import mark, plain
from talecraft.app.text import beats, short_score
from talecraft.story.clean import clean_line
from talecraft.studio.branching import Place

# So much of a passage is looked at for its first words.
_BEGINNING = 1000
_NAME_CELLS = 20
_BEFORE_HIT = 12


class Row(NamedTuple):
    """One row in parts, each of a known width: together they fill the width asked for."""

    lines: str  # the branch lines, and what joins the row to them
    node: str
    bar: str
    words: str
    hit: tuple[int, int]  # which of the words' characters were searched for
    facts: str


def row(place: Place, first: bool, width: int, found: re.Pattern[str] | None = None) -> Row:
    """The row of `place` in `width` cells; `first` in the list has no line above it."""
    lines, node, bar = _told(place) if plain() else _drawn(place, first, max(4, width // 3))
    facts = _facts(place, max(0, width // 2 - 2))
    used = sum(map(cell_len, (lines, node, bar, facts)))
    room = max(0, width - used - bool(facts))
    words, hit = _words(place, room, found)
    gap = max(0, room - cell_len(words)) + bool(facts)
    return Row(lines, node, bar, words, hit, " " * gap + facts)


def _drawn(place: Place, first: bool, limit: int) -> tuple[str, str, str]:
    """How the row hangs in the tree, whether it is read now, whose it is: in signs."""
    node = "✗" if place.pruned else "●" if place.open else "○"
    return _lines(place, first, limit), node, " ▎ " if place.turn.author == "writer" else "   "


def _told(place: Place) -> tuple[str, str, str]:
    """The same in words."""
    branch = f"{'New branch' if place.begins else 'Branch'}, level {place.depth}. "
    author = "You: " if place.turn.author == "writer" else "The model: "
    return branch if place.depth else "", "Read now. " if place.open else "", author


def cut(text: str, cells: int) -> str:
    """`text` in at most so many cells, with an ellipsis where it is cut."""
    if cell_len(text) <= cells:
        return text
    return f"{set_cell_size(text, cells - 1).rstrip()}…" if cells > 0 else ""


def _lines(place: Place, first: bool, limit: int) -> str:
    """A line for each branch that goes on below; the innermost ones where they are too many.

    The trunk goes on below each branch that parts from it, so none of these lines ends here.
    """
    corner = "╭─" if first else "├─"
    lines = "│ " * (place.depth - place.begins) + corner * place.begins
    return lines if len(lines) <= limit else "⋯ " + lines[len(lines) - (limit // 2 - 1) * 2 :]


def _facts(place: Place, room: int) -> str:
    """What is to be said of the passage; of that a bookmark's name is cut first."""
    facts = (
        "in the trash" if place.pruned else "",
        "edited" if place.turn.revision else "",
        short_score(place.score) if place.score is not None else "",
        f"{mark('', 'version ')}{place.version}{mark('/', ' of ')}{place.versions}"
        if place.versions > 1
        else "",
    )
    gap = mark("  ", ", ")
    said = gap.join(fact for fact in facts if fact)
    if place.bookmark is None:
        return cut(said, room)
    around = cell_len(mark("◆", "bookmark")) + 3
    name = cut(clean_line(place.bookmark), min(_NAME_CELLS, room - cell_len(said) - around))
    bookmark = f"{mark('◆', 'bookmark')} {name}".rstrip()
    return cut(gap.join(part for part in (bookmark, said) if part), room)


def _words(place: Place, room: int, found: re.Pattern[str] | None) -> tuple[str, tuple[int, int]]:
    """The passage's first words, or those around what was searched for."""
    prose = place.turn.prose
    text = _searched(place) if found is not None else ""
    hit = found.search(text) if found is not None else None
    if hit is None:
        if not prose.strip():
            plan = beats(place.turn.outline)
            return cut(f"Only a plan: {plan[0]}" if plan else "Nothing yet", room), (0, 0)
        return cut(clean_line(prose[:_BEGINNING]), room), (0, 0)
    start, end = hit.span()
    if cell_len(text[:end]) > room - 1:
        begin = max(0, start - _BEFORE_HIT)
        begin = max(begin, text.find(" ", begin, start) + 1)  # at a word, where one begins
        text = "…" + text[begin : end + _BEGINNING]
        start, end = start - begin + 1, end - begin + 1
    text = cut(text[: end + _BEGINNING], room)
    return text, (min(start, len(text)), min(end, len(text)))


def _searched(place: Place) -> str:
    """What a search looks at: the passage as it reads, on one line, and its bookmark's name."""
    name = f" {mark('◆', 'Bookmark:')} {place.bookmark}" if place.bookmark else ""
    return clean_line(place.turn.prose + name)
