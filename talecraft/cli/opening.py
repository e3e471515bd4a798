"""Opening the studio for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from talecraft.cli import console

if TYPE_CHECKING:
    from talecraft.studio import Studio
    from talecraft.studio.events import Listener


@contextmanager
def studio(
    model: str | None = None, listener: Listener | None = None, settle: bool = False
) -> Iterator[Studio]:
    """The user's studio, closed at the end. `settle` first takes in runs that have ended."""
    from talecraft.studio import Studio

    with Studio(listener, model=model) as opened:
        if settle:
            for run in opened.training.settle():
                console.note(f"Training run {run.id} has ended: {run.state}. {run.error}")
        yield opened
