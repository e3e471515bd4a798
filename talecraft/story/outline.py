"""From a stream of text to plan and prose, as it arrives.

The model's turn reads `<think>` outline `<story>` prose, until a stop tag. A tag may come in
pieces; the splitter holds back what could still become one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Part = Literal["think", "prose", "done"]


class Piece(msgspec.Struct, frozen=True):
    """Some text of one part, in order of arrival."""

    part: Part
    text: str


class OutlineSplitter:
    """Splits a response into (think | prose) pieces; `part` is where the stream is now.

    `opens_prose` ends the outline; any of `stops` ends the turn. A stop tag inside the outline
    leaves `prose_at` None: the program may then `force_prose` and let the model write on.
    """

    def __init__(self, opens_prose: str, stops: tuple[str, ...], part: Part = "think") -> None:
        self.part: Part = part
        self.ended_at: int | None = None  # characters of the response before the stop tag
        self.prose_at: int | None = 0 if part == "prose" else None  # ... before the first prose
        self._opens_prose = opens_prose
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self._seen = 0  # characters consumed, the held ones not counted

    def feed(self, text: str) -> list[Piece]:
        """Add `text`; returns the pieces that are certain now, none of them empty."""
        self._held += text
        pieces: list[Piece] = []
        while self.part != "done":
            found = self._first_tag()
            if found is None:
                self._emit(pieces, len(self._held) - self._possible_tag())
                break
            at, tag = found
            self._emit(pieces, at)
            if self.part == "think" and tag == self._opens_prose:
                self._consume(len(tag))
                self.part, self.prose_at = "prose", self._seen
            else:
                self.ended_at, self.part = self._seen, "done"
        return pieces

    def force_prose(self) -> list[Piece]:
        """The program closes the outline itself: what was held belongs to it, prose begins.

        After a tag that ended the outline what came with the tag is dropped.
        """
        pieces: list[Piece] = []
        if self.part != "think":
            self._held, self.ended_at = "", None
        self._emit(pieces, len(self._held))
        self.part, self.prose_at = "prose", self._seen
        return pieces

    def resume(self, at: int) -> None:
        """The program wrote up to character `at` of the response itself; go on from there."""
        self._seen = at
        if self.part == "prose":
            self.prose_at = at

    @property
    def held(self) -> int:
        """How many characters are held back, as they could become a tag."""
        return len(self._held)

    def close(self) -> list[Piece]:
        """The stream is over; what was held was no tag after all."""
        pieces: list[Piece] = []
        if self.part != "done":
            self._emit(pieces, len(self._held))
        return pieces

    def _first_tag(self) -> tuple[int, str] | None:
        tags = {*self._stops, self._opens_prose} if self.part == "think" else {*self._stops}
        found = [(at, tag) for tag in tags if (at := self._held.find(tag)) >= 0]
        return min(found) if found else None

    def _possible_tag(self) -> int:
        """How many characters at the end could be the beginning of a tag."""
        tags = (*self._stops, self._opens_prose)
        for size in range(min(len(self._held), max(map(len, tags)) - 1), 0, -1):
            tail = self._held[-size:]
            if any(tag.startswith(tail) for tag in tags):
                return size
        return 0

    def _emit(self, pieces: list[Piece], count: int) -> None:
        if count > 0:
            pieces.append(Piece(self.part, self._held[:count]))
            self._consume(count)

    def _consume(self, count: int) -> None:
        self._held = self._held[count:]
        self._seen += count
