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
                console.note(f"Training run {run.id} has ended: {run.state_words}. {run.error}")
        yield opened


def measured(studio: Studio) -> None:
    """Measure this machine where that was not done yet. Where it fails, that is said, and the
    typical figures stand."""
    from talecraft.errors import TalecraftError

    if studio.machine.measured:
        return
    console.note("Measuring what memory models take on this machine, once ...")
    try:
        studio.measure()
    except TalecraftError as error:
        console.note(f"{error} What follows are figures of another machine.")
