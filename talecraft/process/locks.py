"""Locks on files: held through an open descriptor, gone with its holder however that ends.

They tell several programs apart, and several threads of one, and ask for no clean-up.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from talecraft.paths import PRIVATE_FILE


def open_lock(path: Path) -> int:
    """A descriptor of the lock's file, which is made where there is none. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)


def take(lock: int, waits: Sequence[float] = (), shared: bool = False) -> bool:
    """Take the lock, alone or with others who share it; False where somebody is in the way.

    Tried once more after each of `waits`, in seconds: somebody who only asks whether it is held
    holds it for a moment.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    for wait in (*waits, None):
        try:
            fcntl.flock(lock, kind | fcntl.LOCK_NB)
        except OSError:
            if wait is not None:
                time.sleep(wait)
        else:
            return True
    return False


def lives(pid: int) -> bool:
    """Is there a process of this number?"""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def held(lock: int) -> Iterator[None]:
    """Hold an open lock alone, waiting for it as long as it takes; closes it afterwards."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
