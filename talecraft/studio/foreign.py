"""Files of other programs: read with care, into plain values."""

from __future__ import annotations

from pathlib import Path

import msgspec

from talecraft.errors import UsageError, os_reason
from talecraft.story.clean import clean_line

MOST_BYTES = 1_000_000


def there(path: Path, hint: str) -> Path:
    """Its whole path, for a child that has another folder. Raises UsageError where there is none,
    with this hint."""
    try:
        found = path.expanduser().absolute()
        str(found).encode()  # it is told as text
        is_there = found.exists()
    except (OSError, RuntimeError, ValueError):  # too long, no such user, no text
        is_there = False
    if not is_there:
        raise UsageError(f"{clean_line(str(path))} is not there.", hint)
    return found


def free(path: Path, replace: bool = False) -> Path:
    """Its whole path, where something new may be written; what is there is kept, unless it is to
    be replaced. Raises UsageError."""
    try:
        found = path.expanduser().absolute()
        if b"\0" in str(found).encode():
            raise ValueError
        taken, folder = found.exists(), found.parent.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{clean_line(str(path))} is no name for a file.") from error
    if taken and not (replace and found.is_file()):
        raise UsageError(
            f"{clean_line(str(found))} is already there.",
            "Name another place, or move it away."
            if found.is_dir()
            else "Name another file, or add --force to replace it.",
        )
    if not folder:
        name = clean_line(str(found.parent))
        raise UsageError(f"{name} is no folder.", "Make it first, or name another place.")
    return found


def read(path: Path, what: str, most: int = MOST_BYTES, yaml: bool = False) -> object:
    """The values in a JSON file of at most `most` bytes, or, where it may be, in YAML.

    Raises UsageError where it cannot be read; `what` says what it was to be.
    """
    try:
        if path.stat().st_size > most:
            raise UsageError(f"{path}: too large for a {what}.", f"Give the {what}'s own file.")
        source = path.read_bytes().removeprefix(b"\xef\xbb\xbf")  # Windows' mark
    except OSError as error:
        raise UsageError(f"{path}: {os_reason(error)}.", "Check the file's name.") from error
    try:
        return msgspec.json.decode(source)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        if yaml:
            return _yaml(path, source, what)
        raise UsageError(f"{path}: no JSON.", f"Export the {what} once more.") from error


def _yaml(path: Path, source: bytes, what: str) -> object:
    import yaml  # transformers' own; the rest of Talecraft reads no YAML

    try:
        return yaml.safe_load(source)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(
            f"{path}: neither JSON nor YAML.", f"Export the {what} once more."
        ) from error


def why(error: Exception) -> str:
    """Why a line of a table is not what it should be, in words."""
    if isinstance(error, msgspec.ValidationError):
        return clean_line(str(error))
    return f"this is no line of JSON ({clean_line(str(error))})"


def line(text: str) -> str:
    """On one line, without what no file can hold."""
    return clean_line(text.encode("utf-8", "ignore").decode()).strip()
