"""One SQLite file: opened safely, migrated by name, written in transactions.

WAL with synchronous=FULL: what was acknowledged survives a power cut. A library of a newer
Talecraft is refused, a damaged one kept as it is.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talecraft.errors import LibraryError, UsageError, os_reason
from talecraft.library.migrations import MIGRATIONS
from talecraft.paths import PRIVATE_FILE, private_folder
from talecraft.story.turns import word_count

BUSY_SECONDS = 5.0
_FULL = {"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_SHMSIZE"}
_DAMAGED = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}
_LOCKED = {"SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM"}


class Database:
    """A connection shared by this process's threads under one lock."""

    def __init__(self, path: Path, migrations: Mapping[str, str] = MIGRATIONS) -> None:
        """Open `path`, creating or migrating it. Raises LibraryError, the file left as it was."""
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        private_folder(path.parent)
        with self._explained():
            self._connection = self._open()
            try:
                self._migrate(migrations)
            except BaseException:
                self._connection.close()
                raise
            self._version = self._data_version()

    def changed_elsewhere(self) -> bool:
        """Has another process written since this was asked last, or since it was opened?"""
        with self._lock, self._explained():
            before, self._version = self._version, self._data_version()
            return self._version != before

    def _data_version(self) -> int:
        """Another number after each commit of another connection, the same after one's own."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _open(self) -> sqlite3.Connection:
        # Created by us first, so that the file is private from its first byte; SQLite gives its
        # -wal and -shm companions the same mode.
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
            mode = os.stat(self.path).st_mode & 0o777
            if mode & ~PRIVATE_FILE:
                self.path.chmod(mode & PRIVATE_FILE)
        except OSError:
            pass  # SQLite says it better, below
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.create_function("words", 1, word_count, deterministic=True)
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def _migrate(self, migrations: Mapping[str, str]) -> None:
        with self.transaction():
            self.execute("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)")
            done = {row["name"] for row in self.rows("SELECT name FROM migrations")}
        unknown = done - set(migrations)
        if unknown:
            raise LibraryError(
                f"The library {self.path} was written by a newer Talecraft ({max(unknown)}).",
                "Update Talecraft, or set TALECRAFT_HOME to another folder; nothing was changed.",
            )
        pending = [name for name in migrations if name not in done]
        if pending and done:
            self._backup(self.path.with_name(f"library.before-{pending[0]}.db"))
        for name in pending:
            # Each step and its record are one transaction; another process may have been first.
            with self.transaction():
                if self.rows("SELECT 1 FROM migrations WHERE name=?", (name,)):
                    continue
                for statement in _statements(migrations[name]):
                    self.execute(statement)
                self.execute("INSERT INTO migrations VALUES (?)", (name,))

    def _backup(self, target: Path) -> None:
        try:
            os.close(os.open(target, os.O_RDWR | os.O_CREAT, PRIVATE_FILE))
        except OSError as error:
            raise LibraryError(
                f"The library's copy {target} cannot be made: {os_reason(error)}.",
                "Make its folder writable; nothing was changed.",
            ) from error
        copy = sqlite3.connect(target)
        try:
            self._connection.backup(copy)
        finally:
            copy.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and on disk when the block is left. Nested blocks join the outer one."""
        with self._lock, self._explained():
            if self._depth:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement; returns the id of the row it inserted, if any."""
        with self._lock, self._explained():
            return self._connection.execute(sql, values).lastrowid or 0

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock, self._explained():
            return self._connection.execute(sql, values).fetchall()

    def sound(self) -> str:
        """SQLite's own integrity check: "ok" or the first problem."""
        return str(self.rows("PRAGMA integrity_check")[0][0])

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """SQLite's errors as one clear line each; a broken constraint stays a programming error."""
        try:
            yield
        except sqlite3.IntegrityError:
            raise
        except OverflowError as error:
            raise UsageError("A number is too large to be an id.") from error
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "") or type(error).__name__
            family = "_".join(name.split("_")[:2])
            if name in _FULL or family in _FULL:
                raise LibraryError(
                    f"The disk is full or cannot be written: {self.path}.",
                    "Free some space and try again; everything saved before is safe.",
                ) from error
            if family in _DAMAGED:
                raise LibraryError(
                    f"The library {self.path} is damaged ({error}).",
                    "It was left as it is; put a backup in its place or set TALECRAFT_HOME.",
                ) from error
            if family in _LOCKED:
                raise LibraryError(
                    f"The library {self.path} cannot be written.",
                    "Make the file and its folder writable, or set TALECRAFT_HOME.",
                ) from error
            raise LibraryError(
                f"The library {self.path} did not answer: {error}.",
                "Close other copies of Talecraft and try again.",
            ) from error


def _statements(script: str) -> Iterator[str]:
    """The statements of `script`; a trigger's inner semicolons do not end it."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n;"):
                yield statement
            statement = ""
