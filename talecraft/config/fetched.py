"""What stands in a fetched model's folder: where it is from, and which commit it was."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from talecraft.paths import private_write

NAME = "fetched.json"


class Fetched(msgspec.Struct, frozen=True):
    """`revision` is what was asked for, `commit` what it was; `size` in bytes, `files` the
    checksum of each (sha256, or git's own of what is no large file)."""

    repository: str
    revision: str
    commit: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")]
    size: int
    files: dict[str, str]


def read(folder: Path) -> Fetched | None:
    """The record of `folder`; None where there is none to be read: put there by hand."""
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=Fetched)
    except (OSError, msgspec.MsgspecError):
        return None


def write(folder: Path, record: Fetched) -> None:
    """Raises LibraryError."""
    private_write(folder / NAME, msgspec.json.encode(record))
