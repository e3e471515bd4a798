"""The run that is going, whoever started it: watch it, and what can be asked of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from talecraft.errors import LibraryError, UsageError
from talecraft.library import Library
from talecraft.library.runs import TrainingRun
from talecraft.paths import Home
from talecraft.process import run_client, run_events, run_requests
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Drawn
from talecraft.process.run_requests import Request


class RunControl:
    def __init__(self, library: Library, home: Home) -> None:
        self._library = library
        self._home = home

    def run(self, run_id: str) -> TrainingRun:
        """Raises UsageError for an unknown one."""
        return self._library.runs.get(run_id)

    def running(self) -> TrainingRun | None:
        """The run that is going, whoever started it."""
        run_id = run_client.alive(self._home.runs)
        return self._library.runs.get(run_id) if run_id else None

    @property
    def runs_alone(self) -> bool:
        """Is a run going that leaves no room for the engine beside it?"""
        try:
            run = self.running()
            return run is not None and run_events.decode_settings(run.settings).alone
        except (LibraryError, UsageError, msgspec.MsgspecError):
            return False  # another library's run, or one ordered by another version

    def stop(self) -> TrainingRun:
        """Ask the run to end at its next step. Raises UsageError where none is going."""
        return self._ask(run_requests.CONTROL)

    def pause(self) -> TrainingRun:
        """Let the run stand still, at its next step, until it is told to go on.

        It holds its memory and its place; Talecraft may be closed meanwhile. Raises UsageError
        where none is going.
        """
        return self._ask(run_requests.PAUSE)

    def unpause(self) -> TrainingRun:
        """Let a paused run go on. Raises UsageError where none is paused."""
        run = self.running()
        if run is None or not run_requests.withdraw(self._folder(run.id), run_requests.PAUSE):
            raise UsageError("No training run is paused.")
        return run

    def paused(self, run_id: str) -> bool:
        """Whether this run was asked to stand still."""
        return run_requests.asked(self._folder(run_id), run_requests.PAUSE)

    def ask_example(self) -> TrainingRun:
        """Ask the run for one passage as before and as now, after its next update.

        Raises UsageError where none is going, or one that learns the pattern or a manner.
        """
        run = self.running()
        if run is not None and run.method in ("pattern", "style"):
            what = "the pattern" if run.method == "pattern" else "a manner"
            raise UsageError(
                f"A run that learns {what} shows no examples on its way.",
                "Its verdict shows passages before and after.",
            )
        return self._ask(run_requests.EXAMPLE)

    def practised(self, run_id: str) -> dict[int, Drawn]:
        """The turns of each update of this run, as far as they are kept. Of an update that was
        taken again, the last."""
        return {one.step: one for one in self.tail(run_id).read() if isinstance(one, Drawn)}

    def drawn(self, run_id: str, update: int | None = None) -> Drawn:
        """The turns that an update of this run, or its newest, was learned from.

        Raises UsageError where there is no such update.
        """
        found = self.practised(run_id)
        if update is None and found:
            update = max(found)
        if update not in found:
            which = f"no update {update}" if update is not None and found else "no update yet"
            raise UsageError(
                f"Run {run_id} has {which} whose passages are kept.",
                "`talecraft train status` shows the runs and how far they came.",
            )
        return found[update]

    def _ask(self, request: Request) -> TrainingRun:
        run = self.running()
        if run is None:
            raise UsageError("No training run is going.", "Start one with `talecraft train run`.")
        run_requests.ask(self._folder(run.id), request)
        return run

    def _folder(self, run_id: str) -> Path:
        return self._home.runs / run_id

    def tail(self, run_id: str) -> EventTail:
        return EventTail(self._folder(run_id))
