"""Versions of one passage beside each other: one key goes on with the one it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.text import MUTED, beats, count, said
from talecraft.errors import TalecraftError
from talecraft.story.turns import Turn

LETTERS = "abcd"


class Version(VerticalScroll, can_focus=True):
    """One version: its letter, its plan, its prose. A click on it chooses it."""

    def __init__(self, letter: str, turn: Turn) -> None:
        super().__init__(id=f"version-{letter}", classes="version")
        self.letter, self._turn = letter, turn

    def compose(self) -> ComposeResult:
        words = count(len(self._turn.prose.split()), "word")
        yield Static(said((self.letter, "bold $text-accent"), (f"   {words}", MUTED)), markup=False)
        plan = [said((f"• {beat}", MUTED)) for beat in beats(self._turn.outline)]
        yield Static(Content("\n").join(plan), classes="version-plan", markup=False)
        yield Static(said(self._turn.prose), classes="version-prose", markup=False)

    async def on_click(self) -> None:
        await self.run_action(f"screen.choose('{self.letter}')")


class ChoosingScreen(TalecraftScreen):
    """Asks which of some versions the story goes on with. Whatever is chosen, all of them stay."""

    HELP = "Choosing between versions"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(letter, f"choose('{letter}')", letter.upper(), show=False,
                    tooltip="Go on with this version; the choice is an opinion on all of them")
            for letter in LETTERS
        ),
        Binding("right,tab", "app.focus_next", "Next", tooltip="To the next version, to scroll it"),
        Binding("left,shift+tab", "app.focus_previous", "Before",
                tooltip="To the version before, to scroll it"),
        Binding("enter", "choose_focused", "Choose", tooltip="Go on with the version one is at"),
        Binding("escape", "leave", "None of them",
                tooltip="Back to the page as it was; the versions stay, Tab and ← → show them"),
    ]  # fmt: skip

    def __init__(self, turns: Sequence[Turn]) -> None:
        super().__init__()
        self._turns = list(turns)[: len(LETTERS)]

    def body(self) -> ComposeResult:
        letters = " ".join(LETTERS[: len(self._turns)])
        yield Static(
            said(("Which one does the story go on with?  ", "bold"), (letters, "$text-accent")),
            id="choosing-head",
            markup=False,
        )
        with Container(id="versions"):
            for letter, turn in zip(LETTERS, self._turns, strict=False):
                yield Version(letter, turn)

    def on_mount(self) -> None:
        self.query(Version).first().focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "choose":
            return str(parameters[0]) in LETTERS[: len(self._turns)]
        return super().check_action(action, parameters)

    def action_choose(self, letter: str) -> None:
        chosen = self._turns[LETTERS.index(letter)]
        try:
            self.talecraft.studio.alternatives.choose(self._turns, chosen)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self._close()
        self.talecraft.say(f"The story goes on with {letter}. Ctrl+Z takes it back.")

    def action_choose_focused(self) -> None:
        if isinstance(self.focused, Version):
            self.action_choose(self.focused.letter)

    def action_leave(self) -> None:
        self._close()

    def _close(self) -> None:
        app = self.talecraft
        app.pop_screen()
        for screen in app._screens():
            screen.reload()
