"""The composer: where the writer writes. It has the focus, and any letter types, always."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from talecraft.app.own_editor import lend
from talecraft.app.widgets.text_area import WritingArea
from talecraft.story.clean import clean


class Composer(WritingArea):
    """A text area of one to six lines. Enter sends, Ctrl+J breaks the line."""

    HELP = "The composer"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Continue",
                tooltip="Put the text into the story and let the model write on",
                id="page.continue"),
        Binding("enter", "wait", "Wait", show=False,
                tooltip="While the model writes: nothing is sent", id="page.continue"),
        Binding("ctrl+j", "newline", "New line", show=False,
                tooltip="Break the line", id="composer.newline"),
        Binding("shift+enter", "newline", "New line", show=False,
                tooltip="Break the line", id="composer.newline"),
        Binding("ctrl+e", "own_editor", "Your editor", show=False, id="composer.own_editor",
                tooltip="Write in your own editor ($VISUAL or $EDITOR), and come back with it"),
    ]  # fmt: skip

    class Submitted(Message):
        """Enter was pressed on `text`, which may be empty."""

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    def __init__(self, placeholder: str) -> None:
        super().__init__("composer", placeholder)

    # ------------------------------------------------------------------ Enter
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("submit", "wait"):
            return bool(self.screen.check_action("go_on", ())) == (action == "submit")
        return super().check_action(action, parameters)

    async def action_wait(self) -> None:
        """Enter while the model writes must neither send nor break the line."""
        await self.run_action("screen.say_why_not")

    def action_submit(self) -> None:
        self.post_message(self.Submitted(self.text))

    def action_newline(self) -> None:
        self.type_in("\n")

    def action_own_editor(self) -> None:
        lend(self)

    # ------------------------------------------------------------------ text in and out
    def set_text(self, text: str) -> None:
        """Put `text` here, the cursor at its end, with nothing to undo."""
        self.load_text(clean(text))
        self.move_cursor(self.document.end)

    def type_in(self, text: str) -> None:
        self.focus()
        super().type_in(text)
