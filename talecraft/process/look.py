"""A look at what the feedback teaches, without training: a short child, waited for, and kept.

Nothing is looked at twice: what was found is kept by a checksum of the order, and by the version
of Talecraft that found it.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

import msgspec

from talecraft import __version__
from talecraft.errors import EngineError, LibraryError, os_reason
from talecraft.paths import private_folder, private_write
from talecraft.process import errand, locks, run_events
from talecraft.process.evidence import Evidence
from talecraft.process.run_client import EPISODES, SETTINGS
from talecraft.process.run_events import Outcome, RunSettings, TasteLearned

COMMAND = (sys.executable, "-m", "talecraft.learning.look")
_KEPT, _LOCK = "looked.json", "look.lock"


def look(runs: Path, settings: RunSettings, found: Evidence) -> TasteLearned:
    """What the taste head has learned from `found` so far; some seconds of reading.

    Raises EngineError where the child fails, LibraryError where the folder cannot be written.
    """
    lines = found.lines()
    order = run_events.encode(settings)
    asked = _sum(__version__.encode() + order + lines)
    try:
        kept = private_folder(private_folder(runs) / "look") / _KEPT
        # One look at a time, whoever asks: the second finds what the first has kept.
        with locks.held(locks.open_lock(kept.with_name(_LOCK))):
            if (known := _known(kept, asked)) is not None:
                return known
            _sweep(kept.parent)
            with tempfile.TemporaryDirectory(dir=kept.parent) as name:
                folder = Path(name)
                private_write(folder / EPISODES, lines)
                private_write(folder / SETTINGS, order)
                learned = _ask(folder)
            private_write(kept, msgspec.json.encode({asked: learned}))
    except OSError as error:
        raise LibraryError(
            f"{runs} cannot be written: {os_reason(error)}.",
            "Free some space, or make the folder writable.",
        ) from error
    return learned


def _ask(folder: Path) -> TasteLearned:
    found = errand.ask(COMMAND, folder, TasteLearned, "Your opinions")
    if isinstance(found, Outcome):
        raise EngineError(
            f"Your opinions could not be read: {found.words}",
            "Start a run to see its log, or run `talecraft doctor`.",
        )
    return found


def _sweep(folder: Path) -> None:
    """Remove what looks that were cut off have left: under the lock there is no other."""
    for left in folder.glob("tmp*"):
        shutil.rmtree(left, ignore_errors=True)


def _known(kept: Path, asked: str) -> TasteLearned | None:
    try:
        found = msgspec.json.decode(kept.read_bytes(), type=dict[str, TasteLearned])
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    return found.get(asked)


def _sum(order: bytes) -> str:
    return hashlib.sha256(order).hexdigest()
