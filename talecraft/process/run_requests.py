"""What a run that is going is asked, and the sign by which it knows that somebody writes.

Each request is a file of its own in the run's folder, there or not there, so that none can undo
another: a run that is paused can be cancelled, and stays so.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from pathlib import Path
from typing import Literal

from talecraft.errors import LibraryError, os_reason
from talecraft.paths import private_folder, private_write
from talecraft.process import locks

Request = Literal["control", "pause", "example"]
CONTROL: Request = "control"  # end at the next step
PAUSE: Request = "pause"  # wait until this file is gone
EXAMPLE: Request = "example"  # write one passage as before and one as now; taken away when heard
WRITING = "writing.lock"
# A run that looks holds the lock for a moment; one that was stopped in that very moment must not
# hold up the page.
_WAITS = (0.002, 0.01, 0.05)  # seconds


def ask(folder: Path, request: Request) -> None:
    """Raises LibraryError where the folder cannot be written."""
    private_write(folder / request, b"cancel\n" if request == CONTROL else b"")


def asked(folder: Path, request: Request) -> bool:
    return (folder / request).exists()


def withdraw(folder: Path, request: Request) -> bool:
    """Take a request back; False where it did not stand. Raises LibraryError."""
    try:
        (folder / request).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LibraryError(f"{folder / request}: {os_reason(error)}.") from error
    return True


class WritingSign:
    """Up while an engine of this program writes; any thread may `show` it.

    A shared lock on `runs/writing.lock`, so that several programs can hold it and it falls with
    whoever held it, however they end. Where it cannot be taken a run merely does not give way.
    """

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._lock = threading.Lock()
        self._held: int | None = None

    def show(self, up: bool) -> None:
        with self._lock, contextlib.suppress(OSError, LibraryError):
            if up and self._held is None:
                lock = locks.open_lock(private_folder(self._runs) / WRITING)
                if locks.take(lock, _WAITS, shared=True):
                    self._held = lock
                else:
                    os.close(lock)
            elif not up and self._held is not None:
                held, self._held = self._held, None
                os.close(held)


class WritingLookout:
    """The run's side: is anybody writing now?"""

    def __init__(self, runs: Path) -> None:
        self._path = runs / WRITING
        self._file: int | None = None

    @property
    def writing(self) -> bool:
        try:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # nobody has written yet
            return False
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return False
