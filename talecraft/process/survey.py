"""What a file of tales holds, as a short child reads it: the page never opens such files."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from talecraft.errors import LibraryError, UsageError, os_reason
from talecraft.paths import private_folder, private_write
from talecraft.process import errand, run_events
from talecraft.process.run_client import SETTINGS
from talecraft.process.run_events import Outcome, RunSettings, TalesRead

COMMAND = (sys.executable, "-m", "talecraft.learning.survey")


def survey(runs: Path, settings: RunSettings) -> TalesRead:
    """What the order's data holds; some seconds of reading.

    Raises UsageError where the data cannot be read (the words name file and row), EngineError
    where the child fails, LibraryError where its folder cannot be written.
    """
    try:
        place = private_folder(private_folder(runs) / "look")
        with tempfile.TemporaryDirectory(dir=place) as name:
            private_write(Path(name) / SETTINGS, run_events.encode(settings))
            found = errand.ask(COMMAND, Path(name), TalesRead, "The tales")
    except OSError as error:
        raise LibraryError(
            f"{runs} cannot be written: {os_reason(error)}.",
            "Free some space, or make the folder writable.",
        ) from error
    if isinstance(found, Outcome):
        raise UsageError(found.words)
    return found
