"""The manuscript as blocks under each other. What has not been near the reader is not wrapped yet:
its height is a guess, so that a story of any length opens at once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from talecraft.app.widgets.pages import BLANK, Layout, Line, margin_note, text_length
from talecraft.story.turns import Author
from talecraft.studio.reading import Page


class Place(NamedTuple):
    """A spot in the text, whatever the width: so many characters into a passage (None: above).

    Less than 0: its first line, which on a plain page tells whose the passage is.
    """

    passage: int | None
    characters: int


class Block:
    """One passage with what stands around it. `height` is a guess until it is measured."""

    def __init__(self, passage: int | None, height: int, make: Callable[[], list[Line]]) -> None:
        self.passage = passage
        self.height = height
        self._make = make
        self._lines: list[Line] | None = None

    @classmethod
    def of(cls, passage: int | None, lines: list[Line]) -> Block:
        return cls(passage, len(lines), lambda: lines)

    @property
    def lines(self) -> list[Line]:
        if self._lines is None:
            self._lines = self._make()
        return self._lines

    @property
    def is_wrapped(self) -> bool:
        return self._lines is not None

    @property
    def is_measured(self) -> bool:
        return self._lines is not None and self.height == len(self._lines)

    def with_room(self, rows: int) -> Block:
        """The same, with at least so many rows from its first line to the blank one after it."""

        def lines() -> list[Line]:
            return [*self.lines, *[BLANK] * (self.first + rows + 1 - len(self.lines))]

        return Block(self.passage, max(self.height, rows + 1), lines)

    def wrap(self) -> None:
        """Make its lines now; it keeps its height until it is measured."""
        self._lines = self.lines

    @property
    def first(self) -> int:
        """The first line that is of the passage, and not of its plan."""
        return next((at for at, one in enumerate(self.lines) if one.passage == self.passage), 0)

    def ends(self) -> list[int]:
        """How many characters have passed after each line; a plan above the passage has none."""
        ends, passed, begun = [], 0, False
        for line in self.lines:
            begun = begun or line.passage == self.passage
            passed += text_length(line) if begun else 0
            ends.append(passed)
        return ends


class Column:
    """Blocks from top to bottom; rows are counted from 0 at the story's first line."""

    def __init__(self, blocks: Sequence[Block] = ()) -> None:
        self.blocks = list(blocks)
        # The passages' order, what stands above them first.
        self._passages = [-1 if one.passage is None else one.passage for one in self.blocks]
        self._place_blocks()

    def _place_blocks(self) -> None:
        self._tops = list(accumulate((one.height for one in self.blocks), initial=0))

    @property
    def height(self) -> int:
        """All rows, and one below for the end to breathe."""
        return self._tops[-1] + 1

    def _at(self, row: int) -> int:
        """The block that row lies in, the last one for rows below."""
        return min(bisect_right(self._tops, max(0, row)), len(self.blocks)) - 1

    def line(self, row: int) -> Line:
        if not self.blocks:
            return BLANK
        at = self._at(row)
        lines, row = self.blocks[at].lines, row - self._tops[at]
        return lines[row] if 0 <= row < len(lines) else BLANK

    def top(self, at: int) -> int:
        """The first row of a block."""
        return self._tops[at]

    # ------------------------------------------------------------------ measuring
    def measure(self, first: int, last: int) -> bool:
        """Wrap what lies from row `first` to `last`; True where rows have moved by it."""
        moved = False
        for block in self.blocks[self._at(first) : self._at(last) + 1]:
            if block.height != len(block.lines):
                block.height, moved = len(block.lines), True
        if moved:
            self._place_blocks()
        return moved

    def guessed(self) -> Iterator[Block]:
        """What is not measured yet, the end first: most is read there."""
        return (block for block in reversed(self.blocks) if not block.is_measured)

    def put_last(self, block: Block) -> None:
        """In place of the last block, the one that grows."""
        self.blocks[-1] = block
        self._tops[-1] = self._tops[-2] + block.height

    # ------------------------------------------------------------------ places
    def place(self, row: int) -> Place:
        """Which text this row shows."""
        if not self.blocks:
            return Place(None, 0)
        at = self._at(row)
        block, row = self.blocks[at], row - self._tops[at]
        if self.line(self._tops[at] + row).kind == "byline":
            return Place(block.passage, -1)
        ends = block.ends()[:row]
        return Place(block.passage, ends[-1] if ends else 0)

    def find(self, place: Place) -> int:
        """The row that shows this text."""
        passage = -1 if place.passage is None else place.passage
        at = bisect_left(self._passages, passage)
        if at == len(self.blocks) or self._passages[at] != passage:
            return 0
        if place.characters < 0:
            return self._tops[at] + self.blocks[at].first
        ends = self.blocks[at].ends()
        # After its last character comes the empty line below it, not the next passage.
        return self._tops[at] + min(bisect_left(ends, place.characters + 1), len(ends) - 1)


# What a block is made of: the passage's place, whose it is, its prose, its note, its plan.
_Key = tuple[int, Author, str, str, tuple[str, bool] | None]


class Setting:
    """Sets pages in blocks; a passage that stays as it is stays the same block."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._width = 0
        self._known: dict[_Key, Block] = {}

    def blocks(self, page: Page, until: int, plan: tuple[str, bool] | None) -> list[Block]:
        """The heading and the first `until` passages that have prose, a blank line after each.

        `plan`, and whether it is folded, stands before the last of them.
        """
        if self._width != self._layout.width:
            self._width = self._layout.width
            self._known.clear()
        shown = [(at, turn) for at, turn in enumerate(page.path[:until]) if turn.prose]
        keys: list[_Key] = [
            (at, turn.author, turn.prose, margin_note(page.scores.get(turn.id)), None)
            for at, turn in shown
        ]
        if plan is not None and shown:
            keys[-1] = (*keys[-1][:-1], plan)
        self._known = {key: self._known.get(key) or self._block(*key) for key in keys}
        return [Block.of(None, self._layout.head(page)), *self._known.values()]

    def _block(
        self, passage: int, author: Author, prose: str, note: str, plan: tuple[str, bool] | None
    ) -> Block:
        def lines() -> list[Line]:
            above = self._layout.plan(*plan) if plan is not None else []
            return [*above, *self._layout.passage(prose, author, passage, note)]

        return Block(passage, self._layout.rows(prose), lines)
