"""Adapter folders: what may be in one, its checksums, its name.

safetensors has no checksum of its own: a flipped bit or a zeroed tail loads without a word
(LEARNING 0.4). So every file's sha256 is recorded when it is made and checked before it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from talecraft.errors import AdapterError, os_reason
from talecraft.process.messages import AdapterRef

FILES = ("adapter_config.json", "adapter_model.safetensors")


def checksums(folder: Path) -> dict[str, str]:
    """sha256 of each of an adapter's files. Raises AdapterError where one cannot be read."""
    return {name: _sha256(folder / name) for name in FILES}


def content_id(files: Mapping[str, str]) -> str:
    """The adapter's name: a hash of its files' hashes, 16 hexadecimal digits."""
    text = "\n".join(f"{name} {files[name]}" for name in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def verify(adapter: AdapterRef) -> Path:
    """The folder, after every file proved to be what was recorded.

    Raises AdapterError for a missing, changed, additional or linked file; nothing is read into
    torch before that.
    """
    folder = Path(adapter.folder)
    try:
        present = {entry.name: entry for entry in folder.iterdir()}
    except OSError as error:
        raise AdapterError(
            f"Adapter {adapter.id}: {folder} cannot be read ({os_reason(error)}).", _HINT
        ) from error
    if set(present) != set(adapter.files) or set(adapter.files) != set(FILES):
        odd = sorted(set(present) ^ set(FILES))
        raise AdapterError(
            f"Adapter {adapter.id} has missing or foreign files: {', '.join(odd)}.", _HINT
        )
    for name, expected in adapter.files.items():
        if present[name].is_symlink() or not present[name].is_file():
            raise AdapterError(f"Adapter {adapter.id}: {name} is not a plain file.", _HINT)
        if _sha256(present[name]) != expected:
            raise AdapterError(
                f"Adapter {adapter.id}: {name} is damaged (checksum differs).", _HINT
            )
    return folder


_HINT = "Roll back to another with `talecraft adapters rollback`, or train again."


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AdapterError(f"{path} cannot be read ({os_reason(error)}).", _HINT) from error
