"""The whole life of a process that carries out a run: with whom, its voice, and how it ended."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch

from talecraft.errors import TalecraftError
from talecraft.learning.company import Company, Ended, Parted, join
from talecraft.learning.events import Cancelled, Events, Silence
from talecraft.learning.tracking import tracker
from talecraft.process import run_client, run_events
from talecraft.process.environment import LAUNCHED
from talecraft.process.run_events import Outcome, RunSettings


class Work(Protocol):
    """A run. `execute` raises TalecraftError, Cancelled, and as Company.meet does."""

    def execute(self) -> Outcome: ...


def carry_out(folder: Path, program: Callable[[Path, RunSettings, Events, Company], Work]) -> int:
    """Carry out the order in the run's `folder` by what `program` makes of it; returns the exit
    code. However it ends, the main process says so, unless it was killed."""
    try:
        company = join()
    except TalecraftError as error:
        if os.environ.get("RANK", "0") != "0":
            return 0  # the first one says why; to fail sooner would take it along before that
        Events(folder).finish(_why(error))
        return 1
    events = _voice(folder, company)
    settings = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
    try:
        if company.main:
            events.tracker = tracker(settings, folder)
        outcome = program(folder, settings, events, company).execute()
        company.meet(None)  # all have come to the end, and none is waited for any more
    except Ended as told:
        outcome = told.outcome
    except Parted as gone:
        # The other one was killed, as this one might have been: what is left can be resumed.
        logging.getLogger(__name__).error("%s", gone)
        return 1
    except Exception as error:
        outcome = _why(error)
        company.tell(outcome)
    finally:
        events.tracker.close()
    events.finish(outcome)
    company.leave()
    return 0 if outcome.state in ("adopted", "rejected", "refused", "cancelled") else 1


def _voice(folder: Path, company: Company) -> Events:
    """The run's voice, which the main process has alone. What was launched shows from here on that
    it lives."""
    if company.size > 1 or LAUNCHED in os.environ:
        run_client.hold_on(folder.parent)
    if company.main:
        return Events(folder)
    logging.disable(logging.WARNING)
    return Silence()


def _why(error: Exception) -> Outcome:
    """How the run ended by this error, in words."""
    if isinstance(error, Cancelled):
        return Outcome("cancelled", "It was stopped as you asked. Nothing was changed.")
    if isinstance(error, TalecraftError):
        return Outcome("failed", str(error))
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return Outcome("failed", "Memory ran out. Close other programs and train again.")
    # The log keeps the traceback; whoever watches must not wait for ever.
    logging.getLogger(__name__).error("training run", exc_info=error)
    return Outcome("failed", f"The run failed ({type(error).__name__}: {error}).")
