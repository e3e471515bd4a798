"""The one thing that was asked of the engine and is still waited for."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from talecraft.errors import UsageError
from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import Draft, Examine, Probe

T = TypeVar("T")


class Awaited(Generic[T]):
    """Remembers what a request is about until its answer comes or nobody wants it any more.

    Asked by the page, answered on the engine's reading thread.
    """

    def __init__(self, engine: EngineClient) -> None:
        self._engine = engine
        self._asked: tuple[int, T] | None = None
        self._lock = threading.Lock()

    @property
    def about(self) -> T | None:
        asked = self._asked
        return asked[1] if asked is not None else None

    def ask(self, command: Draft | Probe | Examine, about: T, busy: str = "") -> int:
        """Send `command`; what was waited for before is given up, unless (`busy`) it has to be
        waited for: then UsageError. Returns the request's number. Raises as the engine does."""
        if busy and self._asked is not None:
            raise UsageError(busy, "Stop them, or wait.")
        self.give_up()
        with self._lock:
            self._asked = command.request, about
        try:
            self._engine.generate(command)
        except BaseException:
            self._asked = None
            raise
        return command.request

    def give_up(self) -> None:
        """Nobody wants it any more."""
        with self._lock:
            asked, self._asked = self._asked, None
        if asked is not None:
            self._engine.cancel(asked[0])

    def cancel(self) -> None:
        """It is to end now; what came is still waited for."""
        asked = self._asked
        if asked is not None:
            self._engine.cancel(asked[0])

    def answered(self, request: int | None) -> T | None:
        """What this request was about, which is now waited for no more; None for another's."""
        with self._lock:
            if self._asked is None or self._asked[0] != request:
                return None
            (_, about), self._asked = self._asked, None
            return about
