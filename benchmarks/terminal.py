"""The program in a pseudo-terminal, its keys pressed and its frames timed."""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Sequence
from pathlib import Path

SIZE = {"COLUMNS": "120", "LINES": "40"}
KEPT = 200_000  # characters of what was painted: more than one reading brings
_ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]")
_GROWING = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]{0,64}|[ -/]*)")
_PHASES = re.compile("[●○◌] (?:ready|waiting|thinking|writing|reading|loading|starting|stopping)")
KEPT_TOLD = 4_000  # of them in an error
ENTER, BACKSPACE, TAB, ESCAPE = b"\r", b"\x7f", b"\t", b"\x1b"
PAGE_UP, PAGE_DOWN = b"\x1b[5~", b"\x1b[6~"
PASTE, PASTED = b"\x1b[200~", b"\x1b[201~"
FIRST = "qzx"  # what no prose contains: typed text is found by it


def _whole(data: bytes) -> tuple[bytes, bytes]:
    """`data` up to an escape at its end that may still be growing, and that."""
    at = data.rfind(b"\x1b")
    if at >= 0 and _GROWING.fullmatch(data, at):
        return data[:at], data[at:]
    return data, b""


class Page:
    """The program in a terminal. What it paints is read as it is, without its escapes: a screen
    kept up to date here would take the time that is to be measured."""

    def __init__(self, home: Path, program: Sequence[str] = ("-m", "talecraft")) -> None:
        self._seen = ""
        self._cut = b""  # an escape of which the end has not come yet
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self.status = ""  # what the engine does, as last painted
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            env = {**os.environ, **SIZE, "TERM": "xterm-256color", "TALECRAFT_HOME": str(home)}
            os.execve(sys.executable, [sys.executable, *program], env)

    def read(self, seconds: float) -> float | None:
        """Take in what is painted within `seconds`; when it came, or None."""
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, seconds))
        if not ready:
            return None
        data = os.read(self._terminal, 65536)
        came = time.perf_counter()
        whole, self._cut = _whole(self._cut + data)
        text = self._decode(_ESCAPES.sub(b"", whole))
        self._seen = (self._seen + text)[-KEPT:]
        for found in _PHASES.findall(text):
            self.status = found
        return came

    @property
    def generating(self) -> bool:
        return self.status.startswith("●")

    def press(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def until(self, words: str, seconds: float = 120) -> None:
        end = time.perf_counter() + seconds
        while words not in self._seen:
            self.read(0.1)
            if time.perf_counter() > end:
                raise RuntimeError(f"'{words}' did not come:\n{self._seen}")

    def settle(self, seconds: float) -> None:
        """Take in what is painted, for so long."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)

    def painted(self, typed: str) -> float:
        """Press the last letter of `typed`; seconds until all of it has been painted."""
        return self.answered(typed[-1].encode(), lambda seen: typed in seen)

    def answered(self, keys: bytes, shown: Callable[[str], bool], patience: float = 5.0) -> float:
        """Press `keys`; seconds until what is painted from now on is what was to be `shown`."""
        self._seen = ""
        started = time.perf_counter()
        self.press(keys)
        while (left := started + patience - time.perf_counter()) > 0:
            came = self.read(left)
            if came is not None and shown(self._seen):
                return came - started
        raise RuntimeError(f"{keys!r} was not answered:\n{self._seen[-KEPT_TOLD:]}")

    def paste(self, text: bytes) -> float:
        """Paste `text`, reading meanwhile; seconds until the terminal has given away all of it."""
        self._seen = ""
        started = time.perf_counter()
        rest = memoryview(PASTE + text + PASTED)
        os.set_blocking(self._terminal, False)
        while rest:
            select.select([self._terminal], [self._terminal], [])
            self.read(0)
            try:
                rest = rest[os.write(self._terminal, rest[:65536]) :]
            except BlockingIOError:
                continue
        os.set_blocking(self._terminal, True)
        return time.perf_counter() - started

    def close(self) -> None:
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self._terminal)
