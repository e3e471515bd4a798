"""The parent's side of a training run: start it detached, watch its events, ask it to stop.

A run belongs to no terminal: it goes on when the program that started it is gone. That it lives
is told by one lock, `runs/trainer.lock`, which the run inherits and holds until its last breath.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import get_args

import msgspec

from talecraft.errors import BusyError, LibraryError, UsageError, os_reason
from talecraft.paths import private_append, private_folder, private_write
from talecraft.process import locks, run_events, run_requests
from talecraft.process.environment import child_environment
from talecraft.process.evidence import Evidence
from talecraft.process.run_events import Outcome, RunEvent, RunSettings

SETTINGS, EPISODES, EVENTS = "settings.json", "episodes.jsonl", "events.jsonl"
TALES = "tales.jsonl"  # what a run that learns the pattern has read, kept by itself
IDF = "idf.json"  # how much words tell, for the parts of the reward that compare them
ELSEWHERE = "elsewhere"  # there where another machine carries the run out
CANDIDATE, CHECKPOINT, LOG = "candidate", "checkpoint.safetensors", "run.log"
REWARD_MODEL = "reward.safetensors"  # what a run has found out of it, kept by itself
CLASSIFIER = "classifier.safetensors"  # for a run that is rewarded by what it finds good
STYLE, MANNER = "style.safetensors", "manner.jsonl"  # for one that is rewarded by a manner
INPUTS = (EPISODES, IDF, CLASSIFIER, STYLE, MANNER)  # what a run is given beside its order
_NEEDED = (SETTINGS, CHECKPOINT, REWARD_MODEL, EPISODES, TALES, MANNER)
_LOCK = "trainer.lock"
_COMPANY = "company.lock"  # of the processes that a launcher starts: it hands no lock down
_WAITS = (0.02, 0.05, 0.1)  # seconds: somebody may just be asking whether a run is `alive`
COMMAND = (sys.executable, "-m", "talecraft.learning.run")
FAR_COMMAND = (sys.executable, "-m", "talecraft.process.far_run")


def start(
    runs: Path,
    settings: RunSettings,
    evidence: Evidence | None,
    elsewhere: Sequence[str] = (),
    inputs: Mapping[str, bytes] = MappingProxyType({}),
    launcher: Sequence[str] = (),
) -> int:
    """Write the order, and the `evidence` and other `inputs` (some of INPUTS) that the run needs,
    and launch it, by the command `launcher` where there is one, or have it carried out `elsewhere`,
    behind that command; returns its pid.

    Raises BusyError where a run is already going, UsageError where there is no such launcher,
    LibraryError where the folder cannot be written.
    """
    private_folder(runs)
    folder = private_folder(runs / settings.run_id)

    def prepare() -> None:
        if evidence is not None:
            private_write(folder / EPISODES, evidence.lines())
        for name, data in inputs.items():
            private_write(folder / name, data)
        if elsewhere:
            private_write(folder / ELSEWHERE, b"")
        private_write(folder / SETTINGS, run_events.encode(settings))

    return _launch(folder, prepare, elsewhere, launcher)


def resume(
    runs: Path, run_id: str, elsewhere: Sequence[str] = (), launcher: Sequence[str] = ()
) -> int:
    """Launch a run again that was killed or stopped, by the `launcher` there is now; returns its
    pid.

    It goes on after its last finished update, from the order and the scores it began with, and
    where it was begun: here, or behind the command `elsewhere`. Raises as `start` does, and
    UsageError where it was begun elsewhere and there is no such command now.
    """
    folder = runs / run_id
    far = (folder / ELSEWHERE).exists()
    if far and not elsewhere:
        raise UsageError(
            f"Run {run_id} was begun on another machine.", "Set engine.command, then go on."
        )

    def prepare() -> None:
        for request in get_args(run_requests.Request):
            run_requests.withdraw(folder, request)
        tidy(folder)

    return _launch(folder, prepare, elsewhere if far else (), launcher)


def tidy(folder: Path) -> None:
    """Remove what a run that was killed has left half done. What cannot be removed does no harm."""
    shutil.rmtree(folder / CANDIDATE, ignore_errors=True)
    for half in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            half.unlink()


def can_resume(runs: Path, run_id: str) -> bool:
    """Is everything there that the run needs to go on? Of one elsewhere: did it begin there?"""
    folder = runs / run_id
    there = {name for name in _NEEDED if (folder / name).is_file()}
    if (folder / ELSEWHERE).exists():
        return SETTINGS in there and (folder / ELSEWHERE).stat().st_size > 0
    begun = bool({CHECKPOINT, REWARD_MODEL} & there)
    return begun and SETTINGS in there and bool({EPISODES, TALES, MANNER} & there)


def _launch(
    folder: Path, prepare: Callable[[], None], elsewhere: Sequence[str], launcher: Sequence[str]
) -> int:
    """Take the trainers' lock, `prepare` the folder and start its run."""
    lock = _open_lock(folder.parent)
    command = [*FAR_COMMAND, *elsewhere] if elsewhere else [*(launcher or COMMAND)]
    try:
        if not locks.take(lock, _WAITS) or not _deserted(folder.parent):
            raise BusyError(
                "A training run is already going.",
                "Watch it, or stop it with `talecraft train stop`.",
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, folder.name.encode(), 0)
        prepare()
        with private_append(folder / LOG) as log:
            process = subprocess.Popen(
                [*command, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=child_environment(background=True, launched=bool(launcher and not elsewhere)),
                start_new_session=True,
                pass_fds=(lock,),
            )
        return process.pid
    except OSError as error:
        if launcher and isinstance(error, FileNotFoundError) and error.filename == launcher[0]:
            raise UsageError(
                f"There is no command {launcher[0]} that could launch a run.",
                "Correct training.launcher, or take it back.",
            ) from error
        raise LibraryError(
            f"The run could not be started in {folder}: {os_reason(error)}.",
            "Free some space, make the folder writable, or close other programs.",
        ) from error
    finally:
        os.close(lock)  # the run's own copy keeps it locked


def alive(runs: Path) -> str | None:
    """The id of the run that is going, or None."""
    if not (runs / _LOCK).exists():
        return None
    lock = _open_lock(runs)
    try:
        if locks.take(lock, shared=True) and _deserted(runs):
            return None
        return os.pread(lock, 256, 0).decode(errors="replace") or None
    finally:
        os.close(lock)


def hold_on(runs: Path) -> None:
    """For each process of a run that a launcher has started, until it ends: should the launcher be
    gone before it, the run is still alive."""
    fcntl.flock(_open_lock(runs, _COMPANY), fcntl.LOCK_SH)


def _deserted(runs: Path) -> bool:
    """Is no process left of a run that a launcher has started?"""
    if not (runs / _COMPANY).exists():
        return True
    lock = _open_lock(runs, _COMPANY)
    try:
        return locks.take(lock, _WAITS)
    finally:
        os.close(lock)


@contextmanager
def settling(runs: Path) -> Iterator[None]:
    """Hold the lock under which finished runs are settled, one parent at a time."""
    private_folder(runs)
    with locks.held(_open_lock(runs, "settle.lock")):
        yield


class LineTail:
    """Reads events.jsonl as it grows; each `read` gives what is new, whole lines only."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / EVENTS
        self._at = 0

    def read(self) -> list[bytes]:
        """Raises LibraryError where it is there and cannot be read."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise LibraryError(f"{self._path}: {os_reason(error)}.") from error
        end = data.rfind(b"\n") + 1
        self._at += end
        return data[:end].splitlines()


class EventTail:
    """The events in these lines."""

    def __init__(self, folder: Path) -> None:
        self._lines = LineTail(folder)

    def read(self) -> list[RunEvent]:
        """Raises LibraryError where they cannot be read."""
        events: list[RunEvent] = []
        for line in self._lines.read():
            try:
                events.append(run_events.decode_event(line))
            except msgspec.MsgspecError:
                continue  # a line torn by a crash
        return events


def outcome(folder: Path) -> Outcome | None:
    """How the run in `folder` ended, if it came to say so: with its last word."""
    events = EventTail(folder).read()
    return events[-1] if events and isinstance(events[-1], Outcome) else None


def _open_lock(runs: Path, name: str = _LOCK) -> int:
    try:
        return locks.open_lock(runs / name)
    except OSError as error:
        raise LibraryError(
            f"{runs / name} cannot be opened: {os_reason(error)}.",
            "Make the folder writable, or set TALECRAFT_HOME.",
        ) from error
