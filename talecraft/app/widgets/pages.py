"""From a story's open page to lines: what the manuscript shows, wrapped to its width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from talecraft.app.keymap import hint
from talecraft.app.marks import mark, plain
from talecraft.app.text import beats, count, short_score
from talecraft.app.widgets.wrapping import NARROWEST, wrap
from talecraft.story.clean import clean, clean_line
from talecraft.story.feedback import Score
from talecraft.story.turns import Author, title_from
from talecraft.studio.reading import Page

Kind = Literal["title", "premise", "writer", "model", "plan", "blank", "byline"]


class Line(NamedTuple):
    """One row of the manuscript.

    `passage` is the index in the page's path (None outside of it), `join` what stands between
    this line and the next in the text itself, `note` what stands in the right margin.
    """

    text: str
    kind: Kind
    passage: int | None = None
    join: str = "\n"
    note: str = ""


BLANK = Line("", "blank")


class Layout:
    """Wraps texts to one width."""

    def __init__(self) -> None:
        self.width = 0

    def text(self, text: str, kind: Kind, passage: int | None, note: str = "") -> list[Line]:
        """A finished text as lines; `note` goes to its last line."""
        lines = [
            Line(line, kind, passage, join)
            for part in clean(text).split("\n")
            for line, join in wrap(part, self.width)
        ]
        if note:
            lines[-1] = lines[-1]._replace(note=note)
        return lines

    def rows(self, text: str) -> int:
        """About how many lines a passage of `text` has, without wrapping it."""
        return (3 if plain() else 2) + text.count("\n") + len(text) // max(self.width, NARROWEST)

    def head(self, page: Page) -> list[Line]:
        """The premise as heading, under the title where that says something else."""
        story = page.story
        title, premise = clean_line(story.title), clean(story.premise).strip()
        lines = [BLANK]
        if title != title_from(premise):
            lines += [*self.text(title, "title", None), BLANK]
        return [*lines, *self.text(premise, "premise", None), BLANK]

    def passage(self, prose: str, author: Author, passage: int, note: str) -> list[Line]:
        """One passage, a blank line after it; on a plain page its author and grade before it."""
        if plain():
            return [byline(author, passage, note), *self.text(prose, author, passage), BLANK]
        return [*self.text(prose, author, passage, note), BLANK]

    def plan(self, outline: str, folded: bool) -> list[Line]:
        """The plan as a block of its own, or as one line that says there is one."""
        found = beats(outline)
        if not found:
            return []
        key = hint("plan.fold", "Ctrl+T")
        if folded:
            words = f"{mark('▸ ')}Plan, {count(len(found), 'beat')}{mark('', ', folded')}"
            return [Line(f"{words}  ({key} opens)", "plan"), BLANK]
        lines = [Line(f"{mark('▾ ')}Plan  ({key} folds)", "plan")]
        bullet = mark("  • ", "  - ")
        for beat in found:
            for at, (text, join) in enumerate(wrap(beat, self.width - 4)):
                lines.append(Line((bullet if at == 0 else "    ") + text, "plan", None, join))
        return [*lines, BLANK]


class Stream:
    """Prose as it arrives: only the paragraph that grows is wrapped again."""

    def __init__(self, layout: Layout, passage: int) -> None:
        self._layout = layout
        self._passage = passage
        self._done: list[Line] = []
        self._at = 0
        self._width = 0

    def lines(self, text: str) -> list[Line]:
        """All of `text` (clean already), of which more came since the last call."""
        if self._width != self._layout.width:
            self._done, self._at, self._width = [], 0, self._layout.width
        *whole, last = text[self._at :].split("\n")
        for part in whole:
            self._done += self._paragraph(part)
            self._at += len(part) + 1
        return [*self._done, *self._paragraph(last)]

    def _paragraph(self, text: str) -> list[Line]:
        wrapped = wrap(text, self._layout.width)
        return [Line(line, "model", self._passage, join) for line, join in wrapped]


def byline(author: Author, passage: int, note: str = "") -> Line:
    """Who wrote what follows, and its grade, in words: a line of the page, not of the story."""
    by = "you" if author == "writer" else "the model"
    return Line(f"Written by {by}{f', {note}' if note else ''}:", "byline", passage, "")


def text_length(line: Line) -> int:
    """How much of the story's text a line holds, with what joins it to the next."""
    return 0 if line.kind == "byline" else len(line.text) + len(line.join)


def margin_note(score: Score | None) -> str:
    return short_score(score) if score is not None else ""


def selected_text(lines: Sequence[Line]) -> str:
    """Lines as the text they show, soft breaks undone."""
    return "".join(line.text + line.join for line in lines if line.kind != "byline").rstrip("\n")
