"""The run's voice: events.jsonl, a line a step, and its ear: the control file."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import msgspec

from talecraft.paths import PRIVATE_FILE
from talecraft.process import run_client
from talecraft.process.run_events import Outcome, RunEvent, RunPhase

POLL_SECONDS = 0.25


class Cancelled(Exception):
    """The writer asked the run to end."""


class Events:
    """Appends events, each a whole line on disk before the next begins."""

    def __init__(self, folder: Path) -> None:
        self._control = folder / run_client.CONTROL
        self._file = os.open(
            folder / run_client.EVENTS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE
        )
        self._looked = 0.0
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds that the run has worked, those before it was resumed among them."""
        return time.monotonic() - self._started

    @elapsed.setter
    def elapsed(self, seconds: float) -> None:
        self._started = time.monotonic() - seconds

    def send(self, event: RunEvent) -> None:
        os.write(self._file, msgspec.json.encode(_finite(msgspec.to_builtins(event))) + b"\n")
        if isinstance(event, Outcome):
            os.fsync(self._file)

    def finish(self, outcome: Outcome) -> None:
        """The last line: how it ended, after how long."""
        self.send(msgspec.structs.replace(outcome, seconds=self.elapsed))

    def phase(self, words: str) -> None:
        self.alive()
        self.send(RunPhase(words))

    def alive(self) -> None:
        """Raise Cancelled if the writer asked for it; cheap enough for every token."""
        now = time.monotonic()
        if now - self._looked >= POLL_SECONDS:
            self._looked = now
            if self._control.exists():
                raise Cancelled


def _finite(value: object) -> object:
    """`value` with 0 for every number that JSON has no word for; what tripped says so in words."""
    if isinstance(value, float):
        return value if math.isfinite(value) else 0.0
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
