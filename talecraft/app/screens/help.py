"""Help: every key, from the bindings themselves."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from talecraft.app.keymap import hint
from talecraft.app.keys import commands_of, help_groups
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
                lines = [said((getattr(kind, "HELP", kind.__name__), "bold $text-accent"))]
                lines += [
                    said((f"  {command.keys:<16} ", "bold"), command.words)
                    for command in commands_of(kind, self.app)
                ]
                yield Static(Content("\n").join(lines), classes="section")

    def action_leave(self) -> None:
        self.app.pop_screen()
