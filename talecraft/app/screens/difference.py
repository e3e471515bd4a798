"""Two branches compared, from where they part."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from talecraft.app.marks import mark
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.text import MUTED, count, said
from talecraft.app.widgets.difference import DiffView
from talecraft.story import difference
from talecraft.story.difference import SIGNS, Piece, Sign
from talecraft.studio.branching import Parting


class DifferenceScreen(TalecraftScreen):
    """What the one branch has and the other has not, and the other way round; `marked` tells
    whether the one was marked, or is the one that is read."""

    PAGE = True
    HELP = "Two branches compared"
    AUTO_FOCUS = "#difference"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "jump(1)", "Next change",
                tooltip="To the next change", id="difference.next"),
        Binding("N,left", "jump(-1)", "Change before",
                tooltip="To the change before", id="difference.before"),
        Binding("escape", "leave", "Tree", tooltip="Back to the tree", id="app.back"),
        Binding("d", "leave", "Tree", tooltip="Back to the tree", id="tree.compare"),
    ]  # fmt: skip

    class Compared(Message):
        """The difference is known."""

        def __init__(self, pieces: list[Piece]) -> None:
            self.pieces = pieces
            super().__init__()

    def __init__(self, parting: Parting, marked: bool = True) -> None:
        super().__init__()
        self._parting = parting
        self._one = "the marked one" if marked else "what is read"

    def body(self) -> ComposeResult:
        with Vertical(id="comparison"):
            yield Static(id="difference-head", markup=False)
            yield DiffView()

    def on_mount(self) -> None:
        self._show_head("Comparing …")
        self._compare()

    def _show_head(self, words: str, *more: tuple[str, str]) -> None:
        shared = self._parting.shared
        where = f"after {count(shared, 'passage')} in common" if shared else "from the beginning"
        self.query_one("#difference-head", Static).update(
            said(("Two branches", "bold $text-primary"), (f"   {where}\n", MUTED), words, *more)
        )

    @work(thread=True, exclusive=True, group="compare")
    def _compare(self) -> None:
        """Aside: two long branches take a moment."""
        pieces = difference.words(self._parting.first, self._parting.second)
        self.post_message(self.Compared(pieces))

    def on_difference_screen_compared(self, message: Compared) -> None:
        lost, won = difference.counts(message.pieces)
        self._show_head(
            "",
            (_around("-", f"{count(lost, 'word')} only in {self._one}"), "$text-error"),
            (mark("  ", ", "), ""),
            (_around("+", f"{count(won, 'word')} only in the other"), "$text-success"),
        )
        self.query_one(DiffView).show(message.pieces)

    def action_jump(self, step: int) -> None:
        self.query_one(DiffView).jump(step)

    def action_leave(self) -> None:
        self.app.pop_screen()


def _around(sign: Sign, words: str) -> str:
    opening, closing = SIGNS[sign]
    return f"{mark(opening)}{words}{mark(closing)}"
