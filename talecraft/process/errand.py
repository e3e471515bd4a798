"""A short child that is waited for: it gets an order in a folder and answers with one event."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from talecraft.errors import EngineError
from talecraft.process.environment import child_environment
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Outcome, RunEvent

MOST_SECONDS = 600
T = TypeVar("T", bound=RunEvent)


def ask(command: Sequence[str], folder: Path, answer: type[T], what: str) -> T | Outcome:
    """Its answer, or the outcome by which it says in words why there is none.

    Raises EngineError, naming `what` could not be done, where it says neither in ten minutes.
    """
    try:
        ended = subprocess.run(
            [*command, str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=child_environment(background=True),
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(
            f"{what} could not be read in ten minutes.", "Give it less to read."
        ) from error
    events = EventTail(folder).read()
    for event in events:
        if isinstance(event, answer):
            return event
    if events and isinstance(events[-1], Outcome):
        return events[-1]
    last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
    raise EngineError(f"{what} could not be read: {last[0]}", "Run `talecraft doctor`.")
