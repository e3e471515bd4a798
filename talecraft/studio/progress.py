"""How many words were added: since the program started, and today."""

from __future__ import annotations

from datetime import UTC, date, datetime

from talecraft.library import Library
from talecraft.library.growth import Mark
from talecraft.story.counts import Words, added
from talecraft.story.turns import word_count
from talecraft.studio.opening import is_shipped


class Progress:
    """Counted anew from the library each time, so undo, retries and edits need no bookkeeping.

    The session begins when this is made. A day begins at midnight where the writer is.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._start = library.growth.mark()
        self._day: tuple[date, Mark] | None = None

    def session(self) -> Words:
        return self._since(self._start)

    def today(self, now: datetime) -> Words:
        """`now` with its time zone."""
        if self._day is None or self._day[0] != now.date():
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
            moment = midnight.isoformat(timespec="milliseconds")
            self._day = now.date(), self._library.growth.mark(moment)
        return self._since(self._day[1])

    def _since(self, mark: Mark) -> Words:
        """What was added to the passages, and the first lines that the writer made up."""
        growth = self._library.growth
        first = sum(word_count(one) for one in growth.premises(mark) if not is_shipped(one))
        return sum((added(one) for one in growth.since(mark)), Words(yours=first))
