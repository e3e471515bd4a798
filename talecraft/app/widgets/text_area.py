"""What all text areas of the page share: keys in their order, and text from outside cleaned."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widgets import TextArea

from talecraft.app import keymap, marks
from talecraft.story.clean import clean

PASTE_LIMIT = 50_000  # characters: more in one line would make each key slow


class WritingArea(TextArea):
    """A text area that is typed in, on a slow line too."""

    class PastedTooMuch(Message):
        """A paste of more than PASTE_LIMIT characters; nothing has been done with it."""

        def __init__(self, area: WritingArea, text: str) -> None:
            self.area, self.text = area, text
            super().__init__()

    def __init__(self, name: str, placeholder: str = "") -> None:
        super().__init__(
            id=name, placeholder=placeholder, highlight_cursor_line=False, soft_wrap=True
        )
        self.cursor_blink = not marks.plain()
        # Textual's own, in no help of ours: here it would select the line.
        self._bindings.key_to_bindings.pop("f6", None)

    async def _on_key(self, event: events.Key) -> None:
        """Whatever this widget has on a key is done here, before the next key.

        As bindings they would be done when the key has gone up to the app and found nothing else:
        letters that came in the same burst would overtake a Backspace. Priority bindings would
        overtake the letters, and a line sent at once would be cut.
        """
        for binding in keymap.in_force().bound(self, event.key):
            if await self.app.run_action(binding.action, self):
                event.stop()
                event.prevent_default()
                return

    def _watch_show_vertical_scrollbar(self) -> None:
        """Textual scrolls to the cursor here; in the midst of an undo that may lie beyond the
        text, which it would answer with an error. It scrolls again when the undo is done."""
        if self.selection.end[0] < self.document.line_count:
            super()._watch_show_vertical_scrollbar()
        elif self.wrap_width:
            self._rewrap_and_refresh_virtual_size()

    def type_in(self, text: str) -> None:
        """As if `text` were typed here."""
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)

    async def _on_paste(self, event: events.Paste) -> None:
        """Pasted text is cleaned like any other that comes from outside."""
        event.prevent_default()
        event.stop()
        self.pasted(event.text)

    def pasted(self, text: str) -> None:
        """Of one that would make the page slow the screen is told."""
        if len(text) > PASTE_LIMIT:
            self.post_message(self.PastedTooMuch(self, text))
        else:
            self.type_in(clean(text))
