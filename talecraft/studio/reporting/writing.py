"""Writing a run's report: one page that holds everything, and its pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from talecraft.errors import LibraryError, UsageError, os_reason
from talecraft.library import Library
from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.paths import Home, private_folder, private_write
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import MannerLearned
from talecraft.studio import foreign
from talecraft.studio.reporting import manner
from talecraft.studio.reporting.curves import curves
from talecraft.studio.reporting.drawing import DARK, Plotter
from talecraft.studio.reporting.page import Picture, mark, page
from talecraft.studio.reporting.told import Told, gather

PAGE = "report.html"
HEAD_BYTES = 2048  # of a page, in which it says whose report it is


class Report(msgspec.Struct, frozen=True):
    """What was written: the page, and the pictures beside it in their order on the page."""

    run: str
    page: Path
    pictures: list[Path]
    steps: int
    turns: int


def write(
    home: Home, told: Told, folder: Path | None = None, now: datetime | None = None
) -> Report:
    """Write the report of a run into `folder`, or into one of its own among the exports. An earlier
    report of the same run is written anew.

    Raises UsageError for a folder that holds anything else, LibraryError where it cannot be
    written.
    """
    target = (folder or home.exports / f"report-{told.run.id}").expanduser().absolute()
    _check(target, told.run.id)
    drawn = curves(told)
    plotter = Plotter(home.cache)
    pictures = {one.id: Picture(plotter.png(one), plotter.png(one, dark=True)) for one in drawn}
    if told.manner is not None:
        pictures[manner.ID] = Picture(
            manner.picture(told.manner, plotter), manner.picture(told.manner, plotter, DARK)
        )
    text = page(told, drawn, pictures, now or datetime.now().astimezone())
    private_folder(target)
    # The page first: by it the folder is known again, should the rest fail.
    private_write(target / PAGE, text.encode())
    for name, one in pictures.items():
        private_write(target / f"{name}.png", one.light)
    files = [target / f"{name}.png" for name in pictures]
    return Report(told.run.id, target / PAGE, files, len(told.steps), told.turns)


def picture(home: Home, told: MannerLearned, run_id: str, target: Path | None = None) -> Path:
    """The picture of what a run learned of a manner, as a PNG at `target`, or among the exports;
    an earlier one of the same run there is written anew.

    Raises UsageError where the place is taken, LibraryError where it cannot be written.
    """
    if target is None:
        target = private_folder(home.exports) / f"manner-{run_id}.png"
    else:
        target = foreign.free(target)
    private_write(target, manner.picture(told, Plotter(home.cache)))
    return target


def newest(library: Library, home: Home, among: Sequence[TrainingRun] | None = None) -> Told:
    """The first run of these, or of all from the newest on, that told a step. Raises UsageError
    where there is none, LibraryError where events cannot be read."""
    for run in library.runs.list() if among is None else among:
        told = _gather(library, home, run)
        if told.steps:
            return told
    raise UsageError(
        "No training run has told a step yet: there is nothing to report.",
        "Start one with `talecraft train run`.",
    )


def find(library: Library, home: Home, run_id: str) -> Told:
    """What this run told. Raises UsageError where it is unknown or told no step, LibraryError where
    its events cannot be read."""
    told = _gather(library, home, library.runs.get(run_id))
    if not told.steps:
        raise UsageError(
            f"Run {run_id} told no step: there is nothing to report.",
            f"`talecraft train status {run_id}` says how it ended.",
        )
    return told


def _gather(library: Library, home: Home, run: TrainingRun) -> Told:
    return gather(run, EventTail(home.runs / run.id).read(), _made(library, run))


def _made(library: Library, run: TrainingRun) -> Adapter | None:
    every = library.adapters.list(run.model_id, deleted=True) if run.adapter_id else []
    return next((one for one in every if one.id == run.adapter_id), None)


def _check(folder: Path, run_id: str) -> None:
    """Raises UsageError unless the folder is new, empty, or an earlier report of this run."""
    try:
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return
        if folder.is_dir() and (folder / PAGE).is_file():
            with (folder / PAGE).open("rb") as file:
                if mark(run_id).encode() in file.read(HEAD_BYTES):
                    return
    except OSError as error:
        raise LibraryError(f"{folder} cannot be looked at: {os_reason(error)}.") from error
    raise UsageError(
        f"{folder} is there, and is no earlier report of run {run_id}.",
        "Name another folder, or move it away.",
    )
