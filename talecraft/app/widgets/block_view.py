"""A scroll view of blocks that never moves what is being read, however much is still a guess."""

from __future__ import annotations

import time

from textual.geometry import Size
from textual.timer import Timer

from talecraft.app.widgets.blocks import Column, Place
from talecraft.app.widgets.drawn import DrawnView

_NEAR = 500  # rows around the reader that are wrapped at once; the rest in the slices below
_SLICE, _REST = 0.005, 0.02  # seconds of wrapping, and between two times of it


class BlockView(DrawnView):
    """Shows a `Column`; stays at the end where the reader was, else with what was on top."""

    def __init__(self, widget_id: str) -> None:
        super().__init__(id=widget_id)
        self._column = Column()
        self._wrapping: Timer | None = None
        # As it was when last scrolled or laid out: where the window has shrunk since, the reader
        # who was at the end is still there, and the rows tell otherwise.
        self.at_end = True

    @property
    def _reader(self) -> Place | None:
        """Where the reader is: the text in the topmost row, or at the end."""
        return None if self.at_end else self._column.place(round(self.scroll_y))

    @property
    def reading(self) -> Place | None:
        """Where the reader is, to `go_back_to`."""
        return self._reader

    def go_back_to(self, place: Place | None) -> None:
        """To where the reader was."""
        self._settle_at(place)

    @property
    def passage_in_sight(self) -> int | None:
        """The passage that is being read, about a third down the window; None at the end."""
        if self.at_end:
            return None
        return self._column.place(round(self.scroll_y) + self.size.height // 3).passage or 0

    def show_column(self, column: Column, place: Place | None) -> None:
        self._column = column
        if self._wrapping is None and any(column.guessed()):
            self._wrapping = self.set_interval(_REST, self._wrap_more)
        self._settle_at(place)

    def _settle_at(self, place: Place | None) -> None:
        """Bring the end into sight (None), or this text to the top."""
        near = _NEAR + self.size.height
        row = self._column.height if place is None else self._column.find(place)
        self._column.measure(row - near, row + near)
        self.virtual_size = Size(self.size.width, self._column.height)
        y = self.max_scroll_y if place is None else self._column.find(place)
        if y != self.scroll_y:
            self.scroll_to(y=y, animate=False, immediate=True, force=True)
        self._see_the_end()
        self.refresh()

    def _see_the_end(self) -> None:
        self.at_end = self.scroll_y >= self.max_scroll_y - 1

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """What comes near is wrapped before it is seen, and what is seen stays where it is."""
        super().watch_scroll_y(old_value, new_value)
        self._see_the_end()
        row, screen = round(new_value), self.size.height
        top = self._column.place(row)
        if self._column.measure(row - screen, row + 2 * screen):
            self._settle_at(top)

    def _wrap_more(self) -> None:
        """A slice of what is still a guess; when nothing is, all rows find their places at once."""
        end = time.perf_counter() + _SLICE
        for block in [one for one in self._column.guessed() if not one.is_wrapped]:
            if time.perf_counter() > end:
                return
            block.wrap()
        self._measure_all()
        if self._wrapping is not None:
            self._wrapping.stop()
            self._wrapping = None

    def _measure_all(self) -> None:
        reader = self._reader
        if self._column.measure(0, self._column.height):
            self._settle_at(reader)
