"""Small questions over the page: a name, one of several, a yes or no."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, OptionList
from textual.widgets.option_list import Option

from talecraft.app import keymap
from talecraft.app.marks import mark
from talecraft.app.text import MUTED, said
from talecraft.app.widgets.lists import ToldList
from talecraft.story.clean import clean_line


class AskName(ModalScreen[str | None]):
    """Asks for a line of text of at most `limit` characters; gives it, or None.

    An `optional` one may be empty, a `secret` one is not shown. `refusal` says why a text will
    not do, or nothing.
    """

    HELP = "Asking for a name"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel", id="dialog.cancel"),
    ]  # fmt: skip

    def __init__(
        self,
        question: str,
        value: str,
        limit: int = 0,
        optional: bool = False,
        hint: str = "",
        refusal: Callable[[str], str] = lambda text: "",
        secret: bool = False,
    ) -> None:
        super().__init__()
        self._secret = secret
        self._refusal = refusal
        cancel = keymap.hint("dialog.cancel", "Esc")
        self._hint = hint or f"Enter keeps it, {cancel} leaves it as it was."
        self._question = question
        self._value = clean_line(value)
        self._limit, self._optional = limit, optional

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(said((self._question, "bold")))
            yield Input(
                self._value, password=self._secret, select_on_focus=True, max_length=self._limit
            )
            yield Label(said((self._hint, MUTED)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        words = self._refusal(event.value)
        if not (self._optional or clean_line(event.value).strip()):
            words = "It needs at least one letter."
        if words:
            self.notify(words, severity="warning", markup=False)
        else:
            self.dismiss(event.value)


class Choose(ModalScreen[str | None]):
    """Asks for one of `choices`; `preview` is told each that is looked at, `about` says of some
    what they are."""

    HELP = "Choosing one of several"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel",
                tooltip="Leave it as it was", id="dialog.cancel"),
    ]  # fmt: skip

    def __init__(
        self,
        question: str,
        choices: Sequence[str],
        now: str,
        preview: Callable[[str], None],
        about: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._question, self._choices, self._now = question, choices, now
        self._preview, self._about = preview, about or {}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(said((self._question, "bold")))
            yield ToldList(*(Option(self._prompt(one)) for one in self._choices), markup=False)
            cancel = keymap.hint("dialog.cancel", "Esc")
            yield Label(said((f"Enter takes it, {cancel} leaves it as it was.", MUTED)))

    def _prompt(self, choice: str) -> Content:
        now = choice == self._now
        told = self._about.get(choice, "")
        return said(
            mark("● " if now else "  "), choice, mark("", ", as it is now" if now else ""),
            (f"{mark('   ', ': ')}{told}" if told else "", MUTED),
        )  # fmt: skip

    def on_mount(self) -> None:
        if self._now in self._choices:
            self.query_one(OptionList).highlighted = self._choices.index(self._now)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self._preview(self._choices[event.option_index])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[event.option_index])


class Confirm(ModalScreen[bool]):
    """Asks yes or no; no is where the focus is."""

    HELP = "Asking for a yes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", tooltip="Yes, do it", id="dialog.yes"),
        Binding("n,escape", "dismiss(False)", "No", tooltip="No, leave it", id="dialog.no"),
        Binding("left,right", "app.focus_next", "Other button", show=False, id="dialog.other"),
    ]  # fmt: skip

    def __init__(self, question: str, consequence: str, yes: str) -> None:
        super().__init__()
        self._question, self._consequence, self._yes = question, consequence, yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(said((self._question, "bold")))
            yield Label(said((self._consequence, MUTED)))
            with Horizontal(classes="buttons"):
                yield Button(said(f"No ({keymap.hint('dialog.no', 'n')})"), id="no", compact=True)
                yield Button(
                    said(f"{self._yes} ({keymap.hint('dialog.yes', 'y')})"), id="yes", compact=True
                )

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")
