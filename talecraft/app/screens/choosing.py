"""Versions of one passage beside each other: one key goes on with the one it names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from talecraft.app.keymap import hint
from talecraft.app.marks import mark
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.text import MUTED, beats, count, said
from talecraft.errors import TalecraftError
from talecraft.story.turns import Turn

LETTERS = "abcd"


def _key(letter: str) -> str:
    """A version goes by the key that chooses it."""
    return hint(f"choosing.{letter}", letter)


class Version(VerticalScroll, can_focus=True):
    """One version: its letter, its plan, its prose. A click on it chooses it.

    The one that has the focus, or had it last, is the one that is read.
    """

    FOCUS_ON_CLICK = False  # what is read has another height: the click would end elsewhere

    def __init__(self, letter: str, turn: Turn) -> None:
        super().__init__(id=f"version-{letter}", classes="version")
        self.letter, self._turn = letter, turn

    def compose(self) -> ComposeResult:
        yield Static(classes="version-head", markup=False)
        plan = [said((mark("• ", "- ") + beat, MUTED)) for beat in beats(self._turn.outline)]
        yield Static(Content("\n").join(plan), classes="version-plan", markup=False)
        yield Static(said(self._turn.prose), classes="version-prose", markup=False)

    def on_mount(self) -> None:
        self._show_head()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        if self.is_mounted:
            self._show_head()
        if has_focus:
            for one in self.screen.query(Version):
                one.set_class(one is self, "-read")

    def _show_head(self) -> None:
        """On a plain page with a word for where one is."""
        letter = mark("", "Here: version " if self.has_focus else "Version ") + _key(self.letter)
        words = count(len(self._turn.prose.split()), "word")
        self.query_one(".version-head", Static).update(
            said((letter, "bold $text-accent"), (f"   {words}", MUTED))
        )

    async def on_click(self) -> None:
        await self.run_action(f"screen.choose('{self.letter}')")


class ChoosingScreen(TalecraftScreen):
    """Asks which of some versions the story goes on with. Whatever is chosen, all of them stay."""

    HELP = "Choosing between versions"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(letter, f"choose('{letter}')", letter.upper(), show=False,
                    tooltip="Go on with this version; the choice is an opinion on all of them",
                    id=f"choosing.{letter}")
            for letter in LETTERS
        ),
        Binding("right,tab", "app.focus_next", "Next",
                tooltip="To the next version, to scroll it", id="choosing.next"),
        Binding("left,shift+tab", "app.focus_previous", "Before",
                tooltip="To the version before, to scroll it", id="choosing.before"),
        Binding("enter", "choose_focused", "Choose",
                tooltip="Go on with the version one is at", id="choosing.choose"),
        Binding("escape", "leave", "None of them",
                tooltip="Back to the page as it was; the versions stay in the story",
                id="app.back"),
    ]  # fmt: skip

    def __init__(self, turns: Sequence[Turn]) -> None:
        super().__init__()
        self._turns = list(turns)[: len(LETTERS)]

    def body(self) -> ComposeResult:
        letters = " ".join(map(_key, LETTERS[: len(self._turns)]))
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
            self.talecraft.studio.branching.choose(self._turns, chosen)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self._close()
        self.talecraft.stepped(chosen.story_id, "new")
        undo = hint("story.undo", "Ctrl+Z")
        self.talecraft.say(f"The story goes on with {_key(letter)}. {undo} takes it back.")

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
