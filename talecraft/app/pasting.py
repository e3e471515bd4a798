"""Pastes of any size, quickly: Textual looks through a paste letter by letter, and through 10 MB
for half a minute, in which no key is heard."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.drivers import linux_driver
from textual.message import Message


class PasteParser(XTermParser):
    """Textual's parser, but what lies between a paste's two signs is kept in whole pieces.

    A first sign that is itself cut in two is left to Textual, whose way is slow and right.
    """

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._pieces: list[str] | None = None  # of the paste that is coming

    def feed(self, data: str) -> Iterable[Message]:
        if not data:
            yield from super().feed(data)
        while data:
            if self._pieces is None:
                before, begins, data = data.partition(BRACKETED_PASTE_START)
                if before:
                    yield from super().feed(before)
                self._pieces = [] if begins else None
                continue
            # Its last sign may have been cut in two.
            piece = self._pieces.pop() + data if self._pieces else data
            text, ends, data = piece.partition(BRACKETED_PASTE_END)
            if not ends:
                cut = max(0, len(text) - len(BRACKETED_PASTE_END) + 1)
                self._pieces += [text[:cut], text[cut:]]
                return
            pasted = "".join([*self._pieces, text])
            self._pieces = None
            yield events.Paste(pasted.replace("\x00", ""))


def quicken() -> None:
    """Let terminals be read with it. Textual offers no place to say so."""
    vars(linux_driver)["XTermParser"] = PasteParser
