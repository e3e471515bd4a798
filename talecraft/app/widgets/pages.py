"""From a story's open page to lines: what the manuscript shows, in order, wrapped once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from talecraft.app.keymap import hint
from talecraft.app.marks import mark, plain
from talecraft.app.text import beats, count, short_score
from talecraft.app.widgets.wrapping import Wrapped, wrap
from talecraft.story.clean import clean, clean_line
from talecraft.story.feedback import Score
from talecraft.story.turns import title_from
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
    """Wraps texts to one width and remembers each: a passage is wrapped once per width."""

    def __init__(self) -> None:
        self.width = 0
        self._wrapped: dict[str, list[Wrapped]] = {}

    def set_width(self, width: int) -> bool:
        """True where the width is another one; what was wrapped is forgotten then."""
        if width == self.width:
            return False
        self.width = width
        self._wrapped.clear()
        return True

    def text(self, text: str, kind: Kind, passage: int | None, note: str = "") -> list[Line]:
        """A finished text as lines; `note` goes to its last line."""
        if text not in self._wrapped:
            self._wrapped[text] = [wrap(part, self.width) for part in clean(text).split("\n")]
        lines = [
            Line(line, kind, passage, join)
            for paragraph in self._wrapped[text]
            for line, join in paragraph
        ]
        if note and lines:
            lines[-1] = lines[-1]._replace(note=note)
        return lines

    def head(self, page: Page) -> list[Line]:
        """The premise as heading, under the title where that says something else."""
        story = page.story
        title, premise = clean_line(story.title), clean(story.premise).strip()
        lines = [BLANK]
        if title != title_from(premise):
            lines += [*self.text(title, "title", None), BLANK]
        return [*lines, *self.text(premise, "premise", None), BLANK]

    def passages(self, page: Page, until: int) -> list[Line]:
        """The first `until` passages that have prose, a blank line after each."""
        lines: list[Line] = []
        for index, turn in enumerate(page.path[:until]):
            if turn.prose:
                note = margin_note(page.scores.get(turn.id))
                if plain():
                    lines.append(byline(turn.author, index, note))
                    note = ""
                lines += self.text(turn.prose, turn.author, index, note)
                lines.append(BLANK)
        return lines

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


def byline(author: str, passage: int, note: str = "") -> Line:
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
