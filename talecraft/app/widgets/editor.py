"""The passage that is being edited: a text area that lies over its place in the manuscript."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.widgets import TextArea

from talecraft.app import marks
from talecraft.library.branches import EditedPart
from talecraft.story.clean import clean

LEAST_ROWS = 3


class Editor(TextArea):
    """Holds one passage's text; what it holds at Esc is kept."""

    HELP = "Editing a passage"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+s", "keep", "Keep",
                tooltip="Keep the text as it stands and go back to the page", id="editor.keep"),
        Binding("ctrl+g", "go_on", "Go on from here",
                tooltip="Keep what stands before the cursor and let the model go on from there",
                id="editor.go_on"),
    ]  # fmt: skip

    class Kept(Message):
        """The writer is done with `turn_id`, whose text is now `text`."""

        def __init__(self, turn_id: int, text: str, part: EditedPart) -> None:
            self.turn_id, self.text, self.part = turn_id, text, part
            super().__init__()

    class GoOn(Message):
        """The model is to go on after `text`, the beginning of this passage."""

        def __init__(self, turn_id: int, text: str, whole: str) -> None:
            self.turn_id, self.text, self.whole = turn_id, text, whole
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="editor", soft_wrap=True, highlight_cursor_line=False)
        self.cursor_blink = not marks.plain()
        self.turn_id = 0
        self.part: EditedPart = "prose"
        self.display = False
        self._room = Region()

    def open(self, turn_id: int, text: str, room: Region, part: EditedPart = "prose") -> None:
        """Edit this text within `room` of the screen, which is as wide as its column."""
        self.turn_id, self.part = turn_id, part
        self.load_text(clean(text))
        self.display = True
        self.place(room)
        self.focus()

    def place(self, room: Region) -> None:
        """Lie at the top of `room`, as high as the text and no higher than that."""
        self._room = room
        self.styles.offset = room.offset
        self.styles.width = room.width
        self._fit()

    def _fit(self) -> None:
        rows = self.wrapped_document.height + 1
        self.styles.height = max(LEAST_ROWS, min(rows, self._room.height))

    def on_text_area_changed(self) -> None:
        self._fit()

    def close(self) -> None:
        self.display = False
        self.turn_id = 0
        self.load_text("")

    @property
    def is_open(self) -> bool:
        return self.turn_id != 0

    def action_keep(self) -> None:
        self.post_message(self.Kept(self.turn_id, self.text, self.part))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "go_on":
            return self.part == "prose"
        return super().check_action(action, parameters)

    def action_go_on(self) -> None:
        before = self.get_text_range((0, 0), self.cursor_location)
        self.post_message(self.GoOn(self.turn_id, before, self.text))

    async def _on_paste(self, event: events.Paste) -> None:
        """Pasted text is cleaned like any other that comes from outside."""
        event.prevent_default()
        event.stop()
        if result := self._replace_via_keyboard(clean(event.text), *self.selection):
            self.move_cursor(result.end_location)
