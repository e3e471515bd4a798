"""A run that is planned first: its plan is shown and asked about, then it is started."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from talecraft.cli import console
from talecraft.errors import UsageError

if TYPE_CHECKING:
    from talecraft.library.runs import TrainingRun
    from talecraft.studio import Studio

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be learned, and start nothing.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Detach = Annotated[bool, typer.Option("--detach", help="Start it and return at once.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def show(told: Sequence[str], refusal: str) -> None:
    """What would be learned, in these lines, and why it would not start, if it would not."""
    for line in told:
        console.out(line)
    if refusal:
        console.out(f"It would not start. {refusal}")


def start(
    studio: Studio,
    begin: Callable[[], TrainingRun],
    told: Sequence[str],
    ask: bool,
    detach: bool,
    as_json: bool,
) -> TrainingRun:
    """The run that `begin` starts, as it stands when it was followed to its end, or at once.

    Exits with 1 where a person says no; raises UsageError where there is nobody to ask.
    """
    from talecraft.cli.train import follow

    if not as_json:
        for line in told:
            console.note(line)
    if ask and not _agreed():
        console.note("Nothing was started.")
        raise typer.Exit(1)
    started = begin()
    console.note(f"Training run {started.id} is going.")
    return started if detach else follow(studio, started.id)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise UsageError("A run takes its time and is asked for.", "If you mean it, add --yes.")
    return typer.confirm("Start it?", default=True, err=True)
