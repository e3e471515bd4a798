"""Two texts as one: what was removed and what was added, by sign, by style and by colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip

from talecraft.app.marks import plain
from talecraft.app.widgets.drawn import DrawnView
from talecraft.app.widgets.wrapping import NARROWEST
from talecraft.story.difference import BREAK, SIGNS, Marks, Piece, Sign, marked

MEASURE = 76
_GUTTER = 3
# On a plain page: what the signs stand for.
_TOLD: Marks = {"-": ("(only in the first: ", ")"), "+": ("(only in the other: ", ")")}
_STYLES = {"-": "removed", "+": "added", " ": "same"}


class DiffLine(NamedTuple):
    """Words with their signs; what changes in the line stands in `mark`."""

    words: Sequence[tuple[Sign, str]]
    mark: str
    begins: bool  # a change begins here


class DiffView(DrawnView, can_focus=True):
    """Scrolls through the pieces of a difference."""

    PREFIX = "diff"
    COMPONENT_CLASSES: ClassVar[set[str]] = {"diff--same", "diff--removed", "diff--added"}

    def __init__(self) -> None:
        super().__init__(id="difference")
        self._pieces: Sequence[Piece] = ()
        self._lines: Sequence[DiffLine] = ()

    def show(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self._lay_out()

    def _lay_out(self) -> None:
        width = max(NARROWEST, min(MEASURE, self.size.width - _GUTTER - 2))
        self._lines = list(lines(self._pieces, width))
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.refresh()

    def on_resize(self) -> None:
        self._lay_out()

    def jump(self, step: int) -> None:
        """Bring the next change, or the one before, to the top."""
        top = round(self.scroll_y)
        rows = [at for at, line in enumerate(self._lines) if line.begins]
        beyond = [at for at in rows[::step] if (at - 1 - top) * step > 0]
        if beyond:
            self.scroll_to(y=max(0, beyond[0] - 1), animate=False, immediate=True)

    # ------------------------------------------------------------------ drawing
    def render_line(self, y: int) -> Strip:
        at, width = y + round(self.scroll_y), self.size.width
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        line = self._lines[at]
        sign = line.mark if line.mark and not plain() else " "
        segments = [Segment(f" {sign} ", self.style("same"))]
        before: Sign | None = None
        for sign, word in line.words:
            if before is not None:
                space = _STYLES[sign] if sign == before else "same"
                segments.append(Segment(" ", self.style(space)))
            segments.append(Segment(word, self.style(_STYLES[sign])))
            before = sign
        return Strip(segments).crop_extend(0, width, self.rich_style)


def lines(pieces: Sequence[Piece], width: int) -> Iterator[DiffLine]:
    """The pieces in lines of at most `width` cells. A change that goes over paragraphs has its
    signs in each."""
    line: list[tuple[Sign, str]] = []
    used, begins = 0, False
    for sign, word, first in marked(pieces, _TOLD if plain() else SIGNS):
        if word == BREAK:
            yield _line(line, begins)
            if line:
                yield DiffLine((), "", False)
            line, used, begins = [], 0, False
            continue
        for part in chop_cells(word, width) if cell_len(word) > width else [word]:
            size = cell_len(part)
            if line and used + 1 + size > width:
                yield _line(line, begins)
                line, used, begins = [], 0, False
            used += size + bool(line)
            line.append((sign, part))
        begins = begins or first
    if line:
        yield _line(line, begins)


def _line(words: Sequence[tuple[Sign, str]], begins: bool) -> DiffLine:
    signs = {sign for sign, _ in words} - {" "}
    mark = "±" if len(signs) == 2 else signs.pop() if signs else ""
    return DiffLine(words, mark.replace("-", "−"), begins)
