"""The run's voice: events.jsonl, a line a step; its ear: requests, and whether anyone writes."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from talecraft.learning.tracking import Tracker
from talecraft.paths import PRIVATE_FILE
from talecraft.process import run_client, run_requests
from talecraft.process.run_events import (
    GoingOn,
    Outcome,
    PatternStep,
    RunEvent,
    RunPhase,
    Step,
    Waiting,
    WaitReason,
)

POLL_SECONDS = 0.25


class Cancelled(Exception):
    """The writer asked the run to end."""


class Events:
    """Appends events, each a whole line on disk before the next begins. What is a step the
    `tracker` is told, too."""

    tracker = Tracker()
    _step = 0  # the last one told of

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lookout = run_requests.WritingLookout(folder.parent)
        self._file = os.open(
            folder / run_client.EVENTS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE
        )
        self._looked = 0.0
        self._waited = 0.0
        self._started = self.clock()

    def clock(self) -> float:
        """Monotonic seconds that stand still while the run waits: what is timed by it is work."""
        return time.monotonic() - self._waited

    @property
    def elapsed(self) -> float:
        """Seconds that the run has worked, those before it was resumed among them."""
        return self.clock() - self._started

    @elapsed.setter
    def elapsed(self, seconds: float) -> None:
        self._started = self.clock() - seconds

    def send(self, event: RunEvent) -> None:
        os.write(self._file, msgspec.json.encode(_finite(msgspec.to_builtins(event))) + b"\n")
        if isinstance(event, Outcome):
            os.fsync(self._file)
        if isinstance(event, Step | PatternStep):
            self._step = event.step
            self.tracker.log(event)

    def finish(self, outcome: Outcome) -> None:
        """The last line: how it ended, after how long, and after which step."""
        steps = outcome.steps or self._step
        self.send(msgspec.structs.replace(outcome, seconds=self.elapsed, steps=steps))

    def phase(self, words: str) -> None:
        self.alive()
        self.send(RunPhase(words))

    def phase_of(self, words: str, calls: int) -> Callable[[], None]:
        """Begin a phase; gives an `alive` to be called about so many times, which tells of each
        tenth of them."""
        self.phase(words)
        tenths = iter(range(1, 10))
        next_tenth = next(tenths)
        done = 0

        def alive() -> None:
            nonlocal done, next_tenth
            self.alive()
            done += 1
            if next_tenth and 10 * done >= next_tenth * calls:
                self.send(RunPhase(words, next_tenth / 10))
                next_tenth = next(tenths, 0)

        return alive

    def alive(self) -> None:
        """Wait while the run is paused or a turn is being written; cheap enough for every token.

        Raises Cancelled if the writer asked for it, also while waiting.
        """
        now = time.monotonic()
        if now - self._looked < POLL_SECONDS:
            return
        told: WaitReason | None = None
        try:
            while (reason := self._why_wait()) is not None:
                if reason != told:
                    self.send(Waiting(reason))
                    told = reason
                time.sleep(POLL_SECONDS)
        finally:  # also when it is stopped while it waits
            self._looked = time.monotonic()
            if told is not None:
                waited = self._looked - now
                self._waited += waited
                self.send(GoingOn(waited))

    def example_wanted(self) -> bool:
        """Whether an example was asked for since the last look; the request is taken away."""
        return run_requests.withdraw(self._folder, run_requests.EXAMPLE)

    def _why_wait(self) -> WaitReason | None:
        if run_requests.asked(self._folder, run_requests.CONTROL):
            raise Cancelled
        if run_requests.asked(self._folder, run_requests.PAUSE):
            return "pause"
        return "writing" if self._lookout.writing else None


class Silence(Events):
    """For the processes beside the main one: they say nothing, and what is asked of the run they
    hear from that (see company.py)."""

    def __init__(self) -> None:
        self._waited = 0.0
        self._started = self.clock()

    def send(self, event: RunEvent) -> None:
        pass

    def alive(self) -> None:
        pass

    def example_wanted(self) -> bool:
        return False


def _finite(value: object) -> object:
    """`value` with 0 for every number that JSON has no word for; what tripped says so in words."""
    if isinstance(value, float):
        return value if math.isfinite(value) else 0.0
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value
