"""Files that come over a line piece by piece: adapters, and what a run learns from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from talecraft.errors import EngineError, os_reason
from talecraft.paths import PRIVATE_FILE, private_folder

PIECE = 1 << 20  # bytes
MOST_BYTES = 4 << 30  # of one file


def pieces(file: Path) -> Iterator[tuple[int, bytes]]:
    """Each with the offset at which it stands. Raises OSError."""
    with file.open("rb") as opened:
        offset = 0
        while data := opened.read(PIECE):
            yield offset, data
            offset += len(data)


def put(file: Path, offset: int, data: bytes) -> None:
    """Add a piece to a file that grows in order; its first begins it anew.

    Raises EngineError for one that is missing before it or too much, and where it cannot be kept.
    """
    if offset < 0 or offset + len(data) > MOST_BYTES:
        raise EngineError("What was sent is too large, or stands nowhere.")
    try:
        private_folder(file.parent)
        if not offset:
            file.unlink(missing_ok=True)
        with file.open("ab" if offset else "xb") as opened:
            file.chmod(PRIVATE_FILE)
            if opened.tell() != offset:
                raise EngineError("A part of a file is missing.")
            opened.write(data)
    except OSError as error:
        raise EngineError(
            f"What was sent cannot be kept ({os_reason(error)}).", "Free some space there."
        ) from error
