"""The one-line widgets: what is going on, and what can be said of the last passage."""

from __future__ import annotations

from rich.cells import set_cell_size
from textual.content import Content
from textual.widgets import Static

from talecraft.app.text import MUTED, said


class StatusLine(Static):
    """One line: the engine's phase and what is in use on the left, figures on the right."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._left: tuple[str, str] = ("", "")
        self._right = ""

    def show(self, phase: str, using: str, right: str) -> None:
        """`phase` in words, what is in `using`, and what stands at the right end."""
        if ((phase, using), right) != (self._left, self._right):
            self._left, self._right = (phase, using), right
            self.refresh()

    def render(self) -> Content:
        phase, using = self._left
        room = max(0, self.size.width - len(self._right) - len(phase) - 4)
        using = using if len(using) <= room else using[: max(0, room - 1)] + "…"
        middle = set_cell_size(using, room)
        return said((phase, "bold"), "   ", (middle, MUTED), " ", (self._right, ""))


class ScoreLine(Static):
    """Under the text: the last passage's grade, or how to give one; its version on the right."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._left = Content("")
        self._right = Content("")

    def show(self, left: Content, right: Content) -> None:
        self._left, self._right = left, right
        self.refresh()

    def render(self) -> Content:
        room = self.size.width - self._right.cell_length
        left = self._left
        if left.cell_length > room - 1:
            left = left.truncate(max(0, room - 1), ellipsis=True)
        gap = max(0, room - left.cell_length)
        return Content.assemble(left, " " * gap, self._right)
