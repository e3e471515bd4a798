"""Help: every key, from the bindings themselves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from talecraft.app.keymap import hint
from talecraft.app.keys import Command, commands_of, help_groups
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.text import MUTED, said

_INTRODUCTION = (
    "You and the model write in turns. {} sends your words and lets the model go on: its plan"
    " comes first, then its prose. Score what you read; when there are enough scores, train ({}),"
    " and the model writes more as you like it. Everything is saved as you go."
)


class HelpScreen(TalecraftScreen):
    """All keys by where they work."""

    SHOWN_BY = "help"
    HELP = "Help"
    AUTO_FOCUS = "#help"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", tooltip="Back to where you were", id="app.back"),
    ]  # fmt: skip

    def body(self) -> ComposeResult:
        with VerticalScroll(id="help", can_focus=True):
            yield Static(said(("Help", "bold $text-primary")), classes="heading")
            keys = hint("page.continue", "Enter"), hint("app.training", "F3")
            yield Static(said((_INTRODUCTION.format(*keys), MUTED)), classes="section")
            for kind in help_groups():
                place = said((getattr(kind, "HELP", kind.__name__), "bold $text-accent"))
                yield Static(place, classes="place")
                yield Static(_columns(commands_of(kind, self.app)), classes="section")

    def action_leave(self) -> None:
        self.app.pop_screen()


def _columns(commands: Iterable[Command]) -> Table:
    """Keys, and beside them what they do: what is too long for a line goes on beneath itself."""
    made = Table.grid(padding=(0, 1, 0, 2))
    made.add_column(min_width=16, no_wrap=True)
    made.add_column()
    for command in commands:
        made.add_row(Text(command.keys, "bold"), Text(command.words))
    return made
