"""The program in a pseudo-terminal whose screen can be read."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pexpect
import pyte
import pytest

WIDTH, HEIGHT = 120, 40
ENTER, ESCAPE, F2, F3 = "\r", "\x1b", "\x1bOQ", "\x1bOR"
QUIT, CTRL_Z = "\x11", "\x1a"


class Terminal:
    """A pseudo-terminal with `program` (arguments to Python) in it."""

    def __init__(self, home: Path, program: Sequence[str] = ("-m", "talecraft")) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.ByteStream(self.screen)
        self.sent = bytearray()  # all that the program has sent
        self.child = pexpect.spawn(
            sys.executable,
            list(program),
            use_poll=True,  # select knows no descriptor above 1,024
            dimensions=(HEIGHT, WIDTH),
            env={**os.environ, "TERM": "xterm-256color", "TALECRAFT_HOME": str(home)},
            timeout=None,
        )

    def read(self, seconds: float = 0.05) -> None:
        """Take in what comes until nothing new has for `seconds`."""
        with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
            while True:
                sent = self.child.read_nonblocking(65536, timeout=seconds)
                self.sent += sent
                self._stream.feed(sent)

    def text(self, seconds: float = 0.05) -> str:
        """What the screen shows, once nothing new has come for `seconds`."""
        self.read(seconds)
        return "\n".join(self.screen.display)

    def until(self, *words: str, gone: str = "", seconds: float = 60) -> str:
        """Wait until all `words` stand on the screen and `gone` does not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            shown = self.text()
            if all(word in shown for word in words) and not (gone and gone in shown):
                return shown
        pytest.fail(f"{words} did not appear within {seconds:.0f} s:\n{self.text()}")

    def press(self, keys: str) -> None:
        self.child.send(keys)
