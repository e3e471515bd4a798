"""How the app behaves towards its user and the terminal: keys, colours, plain words, the title."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from typing import Any

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.filter import Monochrome, NoColor
from textual.notifications import Notify

from talecraft.app import keymap, marks, terminal
from talecraft.app.key_names import plainly
from talecraft.app.keys import owner_of
from talecraft.app.live import Live
from talecraft.app.run_watch import RunWatch
from talecraft.app.text import error_line
from talecraft.config.settings import Settings
from talecraft.errors import TalecraftError
from talecraft.paths import Home
from talecraft.story.clean import clean_line

LONG_SECONDS = 20.0  # a passage that took this long is told of where the writer is elsewhere
_NOTICE_SECONDS = 20.0
# How grave a notice is, where its title does not say it: its colour alone must not.
_NAMES = {"warning": "Careful", "error": "That did not work"}
_REFUSALS_SHOWN = 3
_FUNCTION_KEY = re.compile(r"f\d+")


class Manners(App[int]):
    """The part of the app that asks nothing of the library."""

    def take_manners(self, settings: Settings, home: Home, plain: bool) -> None:
        """What the writer's settings and the environment ask for."""
        marks.use(plain or settings.page.plain)
        if marks.plain():
            self.animation_level = "none"
            self.add_class("-plain")
        self._take_colours()
        self._take_keys(settings, home)
        self.notifies = settings.page.notify
        self.terminal = terminal.Terminal(self._write_to_terminal)

    def _take_colours(self) -> None:
        """NO_COLOR counts where it is not empty, and then there is none, not even greys: what a
        line tells must not hang on shades that such a terminal may not have."""
        self.no_color = bool(os.environ.get("NO_COLOR"))
        self._filters = [one for one in self._filters if not isinstance(one, Monochrome | NoColor)]
        if self.no_color:
            self._filters.append(NoColor())

    def on_key(self, event: events.Key) -> None:
        """A function key that does nothing here says where it does. Called before the binding."""
        if not _FUNCTION_KEY.fullmatch(event.key):
            return
        here = self.screen.active_bindings.get(event.key)
        if here is not None and here.enabled:
            return
        if (found := owner_of(event.key)) is None:
            return
        kind, binding = found
        named = f"{self.get_key_display(binding)} ({binding.description})"
        if self.screen.is_modal:
            self.say(f"{named} waits until this is closed.")
        elif isinstance(self.screen, kind):
            self.say(f"{named} can do nothing just now.")
        elif isinstance(self, kind):
            self.say(f"{named} is where you are.")
        else:
            self.say(f"{named} does nothing here; it is for: {getattr(kind, 'HELP', '')}.")

    # ------------------------------------------------------------------ saying things
    def say(self, text: str, title: str = "", severity: Any = "information") -> None:
        """A notice of literal text; one that can still be read is not said again."""
        if any(one.message == clean_line(text) for one in self._notifications):
            return
        named = clean_line(title) or _NAMES.get(severity, "")
        self.notify(clean_line(text), title=named, severity=severity, markup=False)

    def on_notify(self, event: Notify) -> None:
        """A newer notice takes the place of one of its kind: they would lie over the text, one
        upon the other. Textual calls this before it shows the new one."""
        new = event.notification
        for old in list(self._notifications):
            if (old.title, old.severity) == (new.title, new.severity):
                self._unnotify(old, refresh=False)

    def tell(self, error: TalecraftError) -> None:
        """An error as a notice."""
        self.notify(
            error_line(error), title=_NAMES["error"], severity="error", markup=False, timeout=10
        )

    # ------------------------------------------------------------------ keys
    def _take_keys(self, settings: Settings, home: Home) -> None:
        keys, self._refused_keys = keymap.Keymap(), list[str]()
        if settings.keymap:  # else nothing is imported that is not shown yet
            from talecraft.app.rebinding import of_settings

            keys, self._refused_keys = of_settings(settings, home)
            self.set_keymap(keys.complete)
        keymap.use(keys)

    def get_key_display(self, binding: Binding) -> str:
        return plainly(binding.key) if marks.plain() else super().get_key_display(binding)

    def on_ready(self) -> None:
        shown = self._refused_keys[:_REFUSALS_SHOWN]
        if more := len(self._refused_keys) - len(shown):
            shown.append(f"{more} more entries do not hold; `talecraft keys` tells of all.")
        if shown:
            self.notify(
                "\n".join(map(clean_line, shown)), title="A key that is not yours",
                severity="warning", timeout=_NOTICE_SECONDS, markup=False,
            )  # fmt: skip

    # ------------------------------------------------------------------ the terminal
    def _write_to_terminal(self, sequence: str) -> None:
        if self._driver is not None:
            self._driver.write(sequence)

    def on_mount(self) -> None:
        if not self.is_headless and not self.is_web and terminal.usable():
            self.terminal.take()
            self.app_suspend_signal.subscribe(self, lambda _: self.terminal.release())
            self.app_resume_signal.subscribe(self, lambda _: self.terminal.take())

    def let_go_of_terminal(self) -> None:
        """Its title as it was. For when the page is gone, however it went."""

        def write(sequence: str) -> None:
            if sys.__stderr__ is not None:
                with contextlib.suppress(OSError):  # a terminal that is gone has no title
                    sys.__stderr__.write(sequence)
                    sys.__stderr__.flush()

        self.terminal.release(write)

    def show_title(self, story: str, live: Live | None, watch: RunWatch | None) -> None:
        """Story and state as the window's title."""
        state = ""
        if live is not None:
            state = marks.mark("● ") + ("stopping" if live.stopping else "writing")
        training = watch.share_words if watch is not None else ""
        self.terminal.show_title(state, training, story, "Talecraft")

    def passage_over(self, live: Live) -> None:
        """Tell of it on the desktop where it took long and the writer is elsewhere."""
        if not self.app_focus and time.monotonic() - live.began >= LONG_SECONDS:
            self.tell_desktop("The passage is written.")

    def tell_desktop(self, text: str) -> None:
        """Show `text` on the desktop, unless the writer does not want that."""
        if self.notifies:
            self.terminal.notify(text)
