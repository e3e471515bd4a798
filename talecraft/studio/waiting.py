"""For callers that wait (CLI, demo, doctor): the studio's events in order, one at a time."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable, Iterator

from talecraft.errors import AdapterError, EngineError, UsageError
from talecraft.process.engine_client import Stopped
from talecraft.process.messages import Loaded
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Example, RunEvent, RunPhase, Step
from talecraft.studio.events import (
    Notice,
    PromptFailed,
    PromptRead,
    StudioEvent,
    TurnFailed,
    TurnWritten,
)
from talecraft.studio.rounds import Pair, Round
from talecraft.studio.training import Training

Hear = Callable[[StudioEvent], None]
# A refused adapter is told in two messages: what is loaded instead, then why.
_REASON_SECONDS = 5.0
_POLL_SECONDS = 0.2


class Inbox:
    """Give `put` to a Studio as its listener, then wait here."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[StudioEvent] = queue.SimpleQueue()
        self.put = self._events.put

    def loaded(self, adapter_id: str | None, hear: Hear) -> Loaded:
        """Wait until the engine writes with just this adapter.

        Every event goes to `hear`. Raises EngineError where the engine cannot load the model,
        AdapterError where it would write with another adapter than was asked for.
        """
        while True:
            event = self._next()
            hear(event)
            if isinstance(event, Loaded):
                if event.adapter_id == adapter_id:
                    return event
                raise self._refusal(adapter_id)
            if isinstance(event, Notice):
                raise EngineError(event.message, event.hint)
            if isinstance(event, Stopped):
                raise EngineError(event.reason, "See engine.log (`talecraft paths`).")

    def written(self, request: int, hear: Hear) -> TurnWritten:
        """Wait until this request is on disk. Raises EngineError where it failed."""
        while True:
            event = self._next()
            hear(event)
            if isinstance(event, TurnWritten) and event.request == request:
                return event
            if isinstance(event, TurnFailed) and event.request == request:
                raise EngineError(event.message or "Stopped before a word came.", event.hint)

    def prompt(self, request: int, hear: Hear) -> PromptRead:
        """Wait for what the model is shown. Raises EngineError where that cannot be said."""
        while True:
            event = self._next()
            hear(event)
            if isinstance(event, PromptRead) and event.request == request:
                return event
            if isinstance(event, PromptFailed) and event.request == request:
                raise EngineError(event.message, event.hint)

    def pair(self, round_: Round, hear: Hear) -> Pair | None:
        """Wait for what is to be judged now; None where the round is over.

        Raises EngineError where no more pairs come.
        """
        while round_.pair is None and not round_.over:
            if round_.failure:
                raise EngineError(round_.failure)
            hear(self._next())
        return round_.pair

    def _next(self) -> StudioEvent:
        while True:
            # Not for ever at once: a Ctrl+C just before the wait begins would go unseen.
            with contextlib.suppress(queue.Empty):
                return self._events.get(timeout=_POLL_SECONDS)

    def _refusal(self, adapter_id: str | None) -> AdapterError:
        try:
            while True:
                event = self._events.get(timeout=_REASON_SECONDS)
                if isinstance(event, Notice):
                    return AdapterError(event.message, event.hint)
        except queue.Empty:
            return AdapterError(f"The engine did not take adapter {adapter_id or 'none'}.")


def example(training: Training, asked: Callable[[], None] = lambda: None) -> Example:
    """Ask the run that is going for an example and wait for it; `asked` is called in between.

    Raises UsageError where none is going, where it is paused, and where it has no update left
    after which to show one.
    """
    run = training.running()
    tail = training.tail(run.id) if run is not None else None
    over = any(_last(event) for event in (tail.read() if tail is not None else []))
    run = training.ask_example()
    if training.paused(run.id):
        raise UsageError(
            f"Run {run.id} is paused; the example comes when it goes on.",
            "Let it go on with `talecraft train resume`.",
        )
    if not over:
        asked()
    for event in [] if over else follow(training, run.id, tail):
        if isinstance(event, Example):
            return event
        if over and isinstance(event, RunPhase):
            break
        over = over or _last(event)
    raise UsageError(
        f"Run {run.id} has done its last update.",
        "It is judged now; its verdict shows passages before and after.",
    )


def _last(event: RunEvent) -> bool:
    """Is this the last update?"""
    return isinstance(event, Step) and (event.step == event.total or bool(event.note))


def follow(training: Training, run_id: str, tail: EventTail | None = None) -> Iterator[RunEvent]:
    """A run's events from its first, or from where `tail` is, as they come, until it has ended."""
    tail = tail or training.tail(run_id)
    while True:
        # Asked before reading, so that the last words of a run that ends now are still read.
        run = training.running()
        going = run is not None and run.id == run_id
        yield from tail.read()
        if not going:
            return
        time.sleep(_POLL_SECONDS)
