"""Letters typed where nothing is written belong into the composer: one never has to find it."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.widget import Widget

from talecraft.app import keymap


class Letters(Widget):
    """A widget whose letters, where they are no commands, are the beginning of a draft."""

    class Typed(Message):
        """A letter that is no command here; `key` is its name."""

        def __init__(self, key: str, character: str) -> None:
            self.key, self.character = key, character
            super().__init__()

    async def on_key(self, event: events.Key) -> None:
        if not event.is_printable or not event.character:
            return
        if event.key not in self.screen.active_bindings:
            event.stop()
            if keymap.actions(self, event.key):  # a command that cannot be obeyed now is no letter
                await self.run_action("screen.say_why_not")
                return
            self.post_message(self.Typed(event.key, event.character))
