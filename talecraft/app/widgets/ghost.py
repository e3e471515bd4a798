"""A ghost in the composer: how the text may go on, pale after the cursor, for the taking."""

from __future__ import annotations

import re
from typing import ClassVar

from textual import events
from textual._wrap import compute_wrap_offsets
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from talecraft.app import marks
from talecraft.app.keymap import hint
from talecraft.app.text import MUTED, said
from talecraft.app.widgets.composer import Composer

# With the space after it: the composer breaks lines by words with theirs.
_WORD = re.compile(r"\s*\S+ *")


class GhostComposer(Composer):
    """A composer that shows how its text may go on.

    What is typed as the ghost foretold stays with it; any other key, and any move of the cursor,
    drives it away. With `ghost_after` seconds of rest one is asked for by itself (0: never).
    """

    HELP = "A ghost of what may come"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o,ctrl+@", "ask_ghost", "Ghost", show=False,
                tooltip="Let the model show, after the cursor, how your text may go on",
                id="composer.ghost"),
        Binding("tab", "take_ghost", "Take it", show=False,
                tooltip="Put what the model has shown into your text", id="ghost.take"),
        Binding("ctrl+right", "take_word", "Take a word", show=False,
                tooltip="Put the next word of it into your text", id="ghost.word"),
        Binding("escape", "drop_ghost", "Away", show=False,
                tooltip="Away with what the model has shown", id="ghost.away"),
    ]  # fmt: skip

    class Asked(Message):
        """The model is to say how it goes on between `before` and `after`. With `by_itself` nobody
        pressed a key for it."""

        def __init__(self, before: str, after: str, by_itself: bool) -> None:
            self.before, self.after, self.by_itself = before, after, by_itself
            super().__init__()

    class Haunted(Message):
        """There is another ghost now, or none: `below` is what of it has no room after the cursor,
        and while one is thought of it `waits`."""

        def __init__(self, there: bool, below: str, waits: bool) -> None:
            self.there, self.below, self.waits = there, below, waits
            super().__init__()

    def __init__(self, placeholder: str) -> None:
        self.ghost = ""  # before all else: Textual moves the cursor in its own __init__
        self.ghost_after = 0.0
        self._asked: tuple[str, str] | None = None  # the text around the cursor it was asked for
        self._rest: Timer | None = None
        self._at = (0, 0)  # where in the text it stands: the cursor's place, unless that moves
        self._growing = False  # the cursor moves with the text
        super().__init__(placeholder)

    @property
    def haunted(self) -> bool:
        """Is there a ghost, or will there be?"""
        return bool(self.ghost) or self._asked is not None

    @property
    def _around(self) -> tuple[str, str]:
        at = len(self.get_text_range((0, 0), self.cursor_location))
        return self.text[:at], self.text[at:]

    # ------------------------------------------------------------------ coming and going
    def action_ask_ghost(self) -> None:
        self._ask(by_itself=False)

    def _ask(self, by_itself: bool) -> None:
        self._hush()
        if self.has_focus and self.selection.is_empty:
            self.post_message(self.Asked(*self._around, by_itself))

    def ghost_waits(self) -> None:
        """One is being thought of."""
        self.ghost, self._asked, self._at = "", self._around, self.cursor_location
        self._lay()

    def show_ghost(self, text: str) -> None:
        """Show `text`, asked for where the cursor was then; '' for none. Where the writer has typed
        the same in between, the rest of it; where something else, nothing."""
        asked, self._asked = self._asked, None
        before, after = self._around
        self.ghost, self._at = "", self.cursor_location
        if asked is not None and before.startswith(asked[0]) and after == asked[1]:
            typed = before[len(asked[0]) :]
            if text.startswith(typed):
                self.ghost = text[len(typed) :]
        self._lay()

    def action_drop_ghost(self) -> None:
        self._hush()
        if self.haunted:
            self.ghost, self._asked = "", None
            self._lay()

    def _hush(self) -> None:
        if self._rest is not None:
            self._rest.stop()
            self._rest = None

    # ------------------------------------------------------------------ taking it
    def action_take_ghost(self) -> None:
        self.type_in(self.ghost)

    def action_take_word(self) -> None:
        """Its next word; without a ghost the cursor goes a word on, as ever."""
        if word := _WORD.match(self.ghost):
            self.type_in(word.group())
        else:
            self.action_cursor_word_right()

    def action_cursor_right(self, select: bool = False) -> None:
        if self.ghost and not select and self.cursor_location == self.document.end:
            self.action_take_ghost()
        else:
            super().action_cursor_right(select)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "take_ghost":
            return bool(self.ghost)
        if action == "drop_ghost":
            return self.haunted
        if action == "ask_ghost":
            return bool(self.screen.check_action("ghost", ()))
        return super().check_action(action, parameters)

    # ------------------------------------------------------------------ what happens to the text
    def edit(self, edit: Edit) -> EditResult:
        at_cursor = edit.top == edit.bottom == self.cursor_location
        foretold = at_cursor and self.ghost.startswith(edit.text)
        self.suggestion = ""
        self._growing = True
        try:
            result = super().edit(edit)
        finally:
            self._growing = False
        if at_cursor:
            self._at = result.end_location
        if self.ghost and foretold:
            self.ghost = self.ghost[len(edit.text) :]
            self._lay()
        elif self.ghost:
            self.action_drop_ghost()
        self._hush()
        if self.ghost_after and not self.haunted and self.text.strip():
            self._rest = self.set_timer(self.ghost_after, lambda: self._ask(by_itself=True))
        return result

    def watch_selection(self) -> None:
        if self.haunted and not self._growing and self.cursor_location != self._at:
            self.action_drop_ghost()

    def set_text(self, text: str) -> None:
        super().set_text(text)
        self.action_drop_ghost()

    def on_blur(self) -> None:
        self.action_drop_ghost()

    def on_resize(self, event: events.Resize) -> None:
        if self.ghost:
            self.call_after_refresh(self._lay)

    # ------------------------------------------------------------------ how it looks
    def _lay(self) -> None:
        """As much of the ghost after the cursor as its row has room for, the rest below; broken
        where the composer will break it, so that nothing moves when a part of it is taken."""
        if self._asked is None and not self.ghost:
            self._at = self.cursor_location  # where it stood may be gone with its line
        row, column = self._at
        line = self.document.get_line(row)
        head, below = "", self.ghost
        if self.ghost and not marks.plain() and column == len(line):
            first, *more = self.ghost.split("\n")
            now = self._breaks(line)
            cuts = [max(at, column) for at in self._breaks(line + first) if at not in now]
            head, *rest = _pieces(line + first, [column, *cuts])
            for one in more:
                rest += _pieces(one, [0, *self._breaks(one)])
            below = "\n".join(one.rstrip() for one in rest)
        self.suggestion = head
        waits = self._asked is not None
        self.post_message(self.Haunted(self.haunted, below, waits))

    def _breaks(self, line: str) -> list[int]:
        """Where the composer would break a line of text that is longer than its rows."""
        return compute_wrap_offsets(line, self.wrap_width, self.indent_width)


def _pieces(text: str, starts: list[int]) -> list[str]:
    """`text` from the first of `starts` on, cut at the others."""
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


class GhostLine(Static):
    """Under the composer: what of the ghost had no room there, and the keys that take it."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.display = False

    def show(self, event: GhostComposer.Haunted) -> None:
        self.display = event.there
        away = hint("ghost.away", "Esc")
        if event.waits:
            self.update(said((f"The model thinks how it may go on. {away} stops it.", MUTED)))
        elif event.there:
            between = marks.mark(" · ", ", ")
            keys = between.join(
                (
                    f"{hint('ghost.take', 'Tab')} takes it",
                    f"{hint('ghost.word', marks.mark('Ctrl+→', 'Ctrl+Right'))} takes a word",
                    f"{away} leaves it",
                )
            )
            below = event.below.strip("\n")
            words = f"It may go on: {below}" if below and marks.plain() else below
            text = said((words, "$foreground 60%"), "\n") if words else Content("")
            self.update(Content.assemble(text, said((keys, MUTED))))

    def on_click(self) -> None:
        for composer in self.screen.query(GhostComposer):
            if composer.ghost:
                composer.action_take_ghost()
