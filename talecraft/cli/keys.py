"""Single keys from a terminal, whole lines from a pipe."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Gives the next key or line, after asking for it; None at the end.
Read = Callable[[str], str | None]
_LONGEST = 1000  # bytes of a line that is read
_WAIT = 0.2  # seconds


@contextmanager
def reader() -> Iterator[Read]:
    """Read keys; a terminal is as it was afterwards, whatever happens. Ctrl+C interrupts."""
    if sys.stdin is not None and sys.stdin.isatty():
        with _one_key_at_a_time(sys.stdin.fileno()):
            yield _key
    else:
        yield _line


@contextmanager
def _one_key_at_a_time(terminal: int) -> Iterator[None]:
    import termios
    import tty

    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _key(question: str) -> str | None:
    """One key. What was typed before the question is no answer to it."""
    import termios

    terminal = sys.stdin.fileno()
    termios.tcflush(terminal, termios.TCIFLUSH)
    sys.stderr.write(question)
    sys.stderr.flush()
    # A Ctrl+C that comes just before a wait does not end it: no wait is long.
    while not select.select([terminal], [], [], _WAIT)[0]:
        pass
    data = os.read(terminal, 64).decode("utf-8", "replace")
    key = data if data.startswith("\x1b") else data[:1]  # an arrow is several bytes, and no letter
    sys.stderr.write(f"{key if key.isprintable() else ''}\n\n")
    return None if key in ("", "\x04", "\x1b") else key


def _line(question: str) -> str | None:
    """The next line that is not empty; a single space is a key too."""
    while sys.stdin is not None and (data := sys.stdin.buffer.readline(_LONGEST)):
        line = data.decode("utf-8", "replace").rstrip("\r\n")
        if line:
            return line.strip() or " "
    return None
