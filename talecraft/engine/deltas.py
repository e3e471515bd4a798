"""The text of a turn on its way to the page."""

from __future__ import annotations

import time

from talecraft.process.child import Wire
from talecraft.process.messages import Delta, Phase
from talecraft.story.clean import CleanStream
from talecraft.story.outline import Part, Piece

# Deltas are gathered this long: often enough to look like writing, seldom enough to be cheap.
BATCH_SECONDS = 0.03


class Deltas:
    """Gathers pieces and sends them cleaned, a batch at a time; names the phase they begin."""

    def __init__(self, wire: Wire, request: int) -> None:
        self._wire = wire
        self._request = request
        self._part: Part | None = None
        self._clean = CleanStream()
        self._text = ""
        self._sent = 0.0

    def add(self, piece: Piece) -> None:
        if piece.part != self._part:
            self.close()
            self._part = piece.part
            self._wire.send(Phase("thinking" if piece.part == "think" else "writing"))
        self._text += self._clean.feed(piece.text)
        if time.monotonic() - self._sent >= BATCH_SECONDS:
            self._flush()

    def close(self) -> None:
        self._text += self._clean.close()
        self._flush()

    def _flush(self) -> None:
        if self._text and self._part is not None:
            self._wire.send(Delta(self._request, self._part, self._text))
            self._text, self._sent = "", time.monotonic()
