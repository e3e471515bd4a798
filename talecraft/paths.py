"""Where Talecraft keeps things. Nothing is created at import, nor by asking for a path."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import platformdirs

from talecraft.errors import LibraryError, os_reason

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one user: `data` (library, runs, adapters), `config`, `cache`, `logs`."""

    data: Path
    config: Path
    cache: Path
    logs: Path

    @property
    def library(self) -> Path:
        return self.data / "library.db"

    @property
    def runs(self) -> Path:
        return self.data / "runs"

    @property
    def guests(self) -> Path:
        """Runs for a page elsewhere."""
        return self.data / "guests"

    @property
    def adapters(self) -> Path:
        return self.data / "adapters"

    @property
    def classifiers(self) -> Path:
        return self.data / "classifiers"

    @property
    def styles(self) -> Path:
        return self.data / "styles"

    @property
    def exported(self) -> Path:
        """Receipts of what was exported, by which a file is known again (studio/exporting.py)."""
        return self.data / "exported"

    @property
    def exports(self) -> Path:
        return self.data / "exports"

    @property
    def idf(self) -> Path:
        """The writer's own table of how common words are; there only once it was counted."""
        return self.data / "idf.json"

    @property
    def models(self) -> Path:
        return self.cache / "models"

    @property
    def encoders(self) -> Path:
        return self.cache / "encoders"

    @property
    def forms(self) -> Path:
        """Models once more, as llama.cpp reads them."""
        return self.cache / "gguf"

    @property
    def settings_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def models_file(self) -> Path:
        return self.config / "models.toml"


def home() -> Home:
    """This user's folders. `TALECRAFT_HOME`, where set and not empty, holds them all."""
    root = os.environ.get("TALECRAFT_HOME")
    if root:
        base = Path(root).expanduser().absolute()
        return Home(base / "data", base / "config", base / "cache", base / "logs")
    dirs = platformdirs.PlatformDirs("talecraft", appauthor=False)
    return Home(
        dirs.user_data_path, dirs.user_config_path, dirs.user_cache_path, dirs.user_log_path
    )


def file_stem(name: str) -> str:
    """`name` as the beginning of a file's."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-.") else "-" for c in name)[:40]


def private_folder(path: Path) -> Path:
    """Make `path` (and its missing parents) a folder that only this user can enter.

    Raises LibraryError where it cannot be made or made private.
    """
    try:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True, mode=PRIVATE_FOLDER)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & ~PRIVATE_FOLDER:  # rights are only ever taken away: read-only stays read-only
            path.chmod(mode & PRIVATE_FOLDER)
    except OSError as error:
        raise LibraryError(
            f"The folder {path} cannot be used: {os_reason(error)}.",
            "Make it writable, or set TALECRAFT_HOME to a folder that is.",
        ) from error
    return path


def private_write(path: Path, data: bytes) -> None:
    """Write `path` whole or not at all, readable by this user only.

    The bytes go to a temporary file beside it, are flushed to the disk, and take the name in
    one step; the folder is flushed too. Raises LibraryError on a full or read-only disk.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), PRIVATE_FILE)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        flush_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise _unwritable(path, error) from error


@contextmanager
def private_new(path: Path) -> Iterator[Path]:
    """A place beside `path` where somebody else may write: what stands there at the end takes the
    name in one step, and nothing is left of it where the block is left by an error.

    Raises LibraryError on a full or read-only disk, or where nothing was written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        try:
            temporary.chmod(PRIVATE_FILE)
            flush_file(temporary)
            os.replace(temporary, path)
            flush_folder(path.parent)
        except OSError as error:
            raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _unwritable(path: Path, error: OSError) -> LibraryError:
    return LibraryError(
        f"{path} could not be written: {os_reason(error)}.",
        "Free some space or choose another folder; nothing was changed.",
    )


@contextmanager
def private_append(path: Path) -> Iterator[IO[bytes]]:
    """`path` open for appending, readable by this user only. Raises LibraryError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        os.fchmod(descriptor, PRIVATE_FILE)
    except OSError as error:
        raise LibraryError(
            f"{path} could not be written: {os_reason(error)}.",
            "Make the file and its folder writable, or set TALECRAFT_HOME.",
        ) from error
    with os.fdopen(descriptor, "ab") as file:
        yield file


def flush_file(path: Path) -> None:
    """Make the bytes of a file that somebody else has written survive a power loss."""
    flush_folder(path)


def flush_folder(path: Path) -> None:
    """Make renames inside `path` survive a power loss."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
