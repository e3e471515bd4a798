"""What is said to the terminal itself: its window's title, a desktop notification, the bell.

The sequences are ours and the text in them is not: titles come from writers, models and files. It
is cleaned of all control characters and cut, so that it can neither end a sequence nor begin one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from talecraft.story.clean import bounded

TITLE_LIMIT = 80
NOTICE_LIMIT = 200
# XTWINOPS: keep the title on the terminal's stack, take it back from there.
PUSH, POP = "\x1b[22;2t", "\x1b[23;2t"
BELL = "\x07"
# The console of Linux takes OSC for its own, older ones print it.
_DEAF = ("", "dumb", "linux")


def usable(environment: Mapping[str, str] = os.environ) -> bool:
    """Is this a terminal that knows titles? Textual draws on stderr."""
    there = sys.__stderr__ is not None and sys.__stderr__.isatty()
    return there and environment.get("TERM", "") not in _DEAF


def title(text: str) -> str:
    """The sequence that makes `text` the window's title."""
    return f"\x1b]2;{bounded(text, TITLE_LIMIT)}{BELL}"


def notice(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """The sequence that shows `text` on the desktop: OSC 777 where the terminal is known for it,
    else OSC 9, which most know and the others ignore.

    Both give some texts another meaning (OSC 9;4 is a progress bar, OSC 777 has fields), so it
    begins with our name and has no semicolons.
    """
    line = bounded(text.replace(";", ","), NOTICE_LIMIT)
    if "VTE_VERSION" in environment or environment.get("TERM", "").startswith("rxvt"):
        return f"\x1b]777;notify;Talecraft;{line}{BELL}"
    return f"\x1b]9;Talecraft: {line}{BELL}"


class Terminal:
    """The terminal the page is on, through `write`. Until `take` nothing is written."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._taken = False
        self._title = ""

    def take(self) -> None:
        """Remember the title that was there."""
        if not self._taken:
            self._taken, self._title = True, ""
            self._write(PUSH)

    def show_title(self, *parts: str) -> None:
        """The window's title from now on; empty parts are left out."""
        text = bounded(" – ".join(filter(None, parts)), TITLE_LIMIT)
        if self._taken and text != self._title:
            self._title = text
            self._write(title(text))

    def notify(self, text: str) -> None:
        """Show it on the desktop, with the bell."""
        if self._taken:
            self._write(notice(text) + BELL)

    def release(self, write: Callable[[str], object] | None = None) -> None:
        """Bring the old title back; a terminal that keeps none is left without ours."""
        if self._taken:
            self._taken = False
            (write or self._write)(title("") + POP)
