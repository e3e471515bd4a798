"""The composer: where the writer writes. It has the focus, and any letter types, always."""

from __future__ import annotations

import time
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.message import Message
from textual.widgets import TextArea

from talecraft.app import keymap, marks
from talecraft.app.own_editor import lend
from talecraft.story.clean import clean

PASTE_LIMIT = 50_000  # more in one line would make each key slow
STILL_WRITING_SECONDS = 1.5
# These are done in their turn among the letters, whatever their keys.
_AT_ONCE = ("submit", "wait", "newline")
TEXT_SECONDS = 1.5  # after this a score is a score, whatever is typed next


class Composer(TextArea):
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

    class PastedTooMuch(Message):
        """A paste of more than PASTE_LIMIT characters; nothing has been done with it."""

        def __init__(self, text: str) -> None:
            self.text = text
            super().__init__()

    def __init__(self, placeholder: str) -> None:
        super().__init__(
            id="composer", placeholder=placeholder, highlight_cursor_line=False, soft_wrap=True
        )
        self.cursor_blink = not marks.plain()

    # ------------------------------------------------------------------ Enter
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("submit", "wait"):
            return bool(self.screen.check_action("go_on", ())) == (action == "submit")
        return super().check_action(action, parameters)

    async def _on_key(self, event: events.Key) -> None:
        """Enter, line breaks, and the signs that are commands now, before they are text.

        Here and not by priority bindings: those would overtake keys that are still in this
        widget's queue, and a line sent in one burst would be cut or scored.
        """
        for binding in keymap.in_force().bound(self, event.key):
            now = event.is_printable or binding.action in _AT_ONCE
            if now and await self.app.run_action(binding.action, self):
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

    def action_wait(self) -> None:
        """Enter while the model writes must neither send nor break the line."""
        # Gone soon, and no advice: a small model may have finished before this is read.
        self.app.notify("The model is still writing.", timeout=STILL_WRITING_SECONDS, markup=False)

    def action_submit(self) -> None:
        self.post_message(self.Submitted(self.text))

    def action_newline(self) -> None:
        if result := self._replace_via_keyboard("\n", *self.selection):
            self.move_cursor(result.end_location)

    def action_own_editor(self) -> None:
        lend(self)

    # ------------------------------------------------------------------ text in and out
    def set_text(self, text: str) -> None:
        """Put `text` here, the cursor at its end, with nothing to undo."""
        self.load_text(clean(text))
        self.move_cursor(self.document.end)

    def type_in(self, text: str) -> None:
        """As if `text` were typed here."""
        self.focus()
        if result := self._replace_via_keyboard(text, *self.selection):
            self.move_cursor(result.end_location)

    async def _on_paste(self, event: events.Paste) -> None:
        """Pasted text is cleaned; of one that would make the page slow the screen is told."""
        event.prevent_default()
        event.stop()
        if len(event.text) > PASTE_LIMIT:
            self.post_message(self.PastedTooMuch(event.text))
        else:
            self.type_in(clean(event.text))


class ScoringComposer(Composer):
    """A composer that, while it is empty, scores the last passage with digits and signs.

    `scored_last` says that a score was the last thing done here: see `takes_score_back`.

    "3 wolves" and "- Who goes?" begin like scores. When the next key shows that a text was meant
    (CONTINUES), the score is put back as it was and its keys become text.
    """

    CONTINUES: ClassVar[tuple[str, ...]] = tuple(" .,):;'\"-–—")

    HELP = "Scoring"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(n), f"rate({n})", "Score", show=False,
                    tooltip="In an empty composer: score the last passage, 1 to 5", id=f"score.{n}")
            for n in range(1, 6)
        ),
        Binding("plus", "thumb(1)", "Like", show=False,
                tooltip="In an empty composer: like the last passage", id="score.like"),
        Binding("minus", "thumb(-1)", "Dislike", show=False,
                tooltip="In an empty composer: dislike the last passage", id="score.dislike"),
        Binding("ctrl+z", "take_back", "Take score back", show=False,
                tooltip="Undo typing; in an empty composer take back the score just given, else"
                " the last change of the story", id="story.undo"),
        Binding("ctrl+y", "do_again", "Redo", show=False,
                tooltip="Do again what was taken back", id="story.redo"),
    ]  # fmt: skip

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder)
        self.scored_last = False
        self._edited = False
        self._pressed = ""  # what the key that is being handled would type
        self._score_keys = ""  # the keys that have just scored, while they may still be text
        self._keys_before = ""  # the same, before the key that is being handled
        self._key_at = 0.0

    async def _on_key(self, event: events.Key) -> None:
        """Textual calls the base class's handler after this one, unless it is prevented."""
        character = event.character or ""
        now = time.monotonic()
        recent = now - self._key_at < TEXT_SECONDS
        self._keys_before, self._score_keys = self._score_keys if recent else "", ""
        self._key_at, self._pressed = now, character
        dash_after_score = character == "-" and self._keys_before != "-"
        if self._keys_before and character in self.CONTINUES and not dash_after_score:
            await self.run_action("screen.unscore")
            self.type_in(self._keys_before + character)
            event.stop()
            event.prevent_default()

    def edit(self, edit: Edit) -> EditResult:
        if edit.text or edit.top != edit.bottom:  # to delete nothing is no edit
            self._edited, self.scored_last = True, False
        return super().edit(edit)

    @property
    def takes_score_back(self) -> bool:
        """Whether Ctrl+Z would take a score back now, and not undo typing."""
        return not self.text and self.scored_last

    def set_text(self, text: str) -> None:
        super().set_text(text)
        self.scored_last = self._edited = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("rate", "thumb"):
            return not self.text and self.screen.check_action(action, parameters)
        return super().check_action(action, parameters)

    async def action_rate(self, value: int) -> None:
        await self.run_action(f"screen.rate({value})")
        self._remember_key()

    async def action_thumb(self, value: int) -> None:
        await self.run_action(f"screen.thumb({value})")
        self._remember_key()

    @property
    def amending(self) -> bool:
        """Is the score being given one of a row of keys that may still turn out to be text?"""
        return bool(self._keys_before)

    def _remember_key(self) -> None:
        if self.scored_last:
            self._score_keys = self._keys_before + self._pressed

    async def action_take_back(self) -> None:
        """Undo what was done last: the score, or typing."""
        if self.takes_score_back:
            await self.run_action("screen.unrate")
        elif self._edited or self.text:
            self.undo()
        else:
            await self.run_action("screen.undo_step")

    async def action_do_again(self) -> None:
        if self._edited or self.text:
            self.redo()
        else:
            await self.run_action("screen.redo_step")
