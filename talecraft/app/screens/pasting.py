"""The question after a paste that no text area can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label

from talecraft.app.keymap import hint
from talecraft.app.text import MUTED, count, said
from talecraft.app.widgets.text_area import PASTE_LIMIT

Choice = Literal["story", "beginning"]


class LongPaste(ModalScreen[Choice | None]):
    """What shall become of a paste of `characters`? `refusal` says why it cannot be put into the
    story now, or nothing; None where that is not offered. `composes` says that it was pasted into
    the composer, else into a passage that is being edited."""

    HELP = "After a very long paste"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "choose('story')", "Into the story",
                tooltip="Put all of it into the story, as passages of your own", id="paste.story"),
        Binding("b", "choose('beginning')", "Its beginning",
                tooltip="Put its beginning where you paste it", id="paste.beginning"),
        Binding("escape", "dismiss(None)", "Leave it",
                tooltip="Paste nothing", id="dialog.cancel"),
        Binding("up", "app.focus_previous", "Choice above", show=False, id="dialog.up"),
        Binding("down", "app.focus_next", "Choice below", show=False, id="dialog.down"),
    ]  # fmt: skip

    def __init__(
        self, characters: int, refusal: Callable[[], str] | None, composes: bool = True
    ) -> None:
        super().__init__()
        self._characters, self._refusal = characters, refusal
        self._place = "the composer" if composes else "the passage"

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(said((f"You pasted {count(self._characters, 'character')}", "bold")))
            yield Label(said((f"{self._place.capitalize()} can hold {PASTE_LIMIT:,}.", MUTED)))
            with Vertical(classes="choices"):
                if self._refusal is not None:
                    words = f"Into the story, as your own passages ({hint('paste.story', 's')})"
                    yield Button(said(words), id="story")
                words = f"Its beginning into {self._place} ({hint('paste.beginning', 'b')})"
                yield Button(said(words), id="beginning")
                yield Button(said(f"Leave it ({hint('dialog.cancel', 'Esc')})"), id="leave")

    def on_mount(self) -> None:
        for button in self.query(Button):
            button.compact = True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "choose" and parameters == ("story",):
            return self._refusal is not None
        return super().check_action(action, parameters)

    def action_choose(self, choice: Choice) -> None:
        words = self._refusal() if choice == "story" and self._refusal is not None else ""
        if words:
            self.notify(words, severity="warning", markup=False)
        else:
            self.dismiss(choice)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "story":
            self.action_choose("story")
        else:
            self.dismiss("beginning" if event.button.id == "beginning" else None)
