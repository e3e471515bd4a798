"""Adapters: immutable files with recorded checksums; one pointer says which is active."""

from __future__ import annotations

import sqlite3
from typing import Literal

import msgspec

from talecraft.errors import UsageError
from talecraft.library.branches import now
from talecraft.library.database import Database

AdapterState = Literal["candidate", "active", "retired", "rejected"]
SHORT_ID = 8  # letters of an id that are shown


class Adapter(msgspec.Struct, frozen=True):
    """`id` is the hash of the content, `files` the sha256 of each file under `path`.

    `root_id` is the pattern adapter that it began at: its own for a pattern adapter, None where
    that was the bare model. The files of one with `deleted_at` are gone; its row stays, because
    passages and other adapters refer to it.
    """

    id: str
    model_id: str
    revision: str
    parent_id: str | None
    run_id: str
    path: str
    files: dict[str, str]
    state: AdapterState
    evaluation: str
    created_at: str = ""
    name: str = ""
    note: str = ""
    deleted_at: str | None = None
    root_id: str | None = None

    @property
    def is_root(self) -> bool:
        """Is it a pattern adapter, that others can begin at?"""
        return self.root_id == self.id

    @property
    def model_key(self) -> str:
        return f"{self.model_id}@{self.revision}"

    @property
    def short_id(self) -> str:
        return self.id[:SHORT_ID]

    @property
    def label(self) -> str:
        """What it is called: its name, else the beginning of its id."""
        return self.name or self.short_id


class Adapters:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, adapter: Adapter) -> None:
        """Record it; the same content again is no second adapter, but brings a deleted one back.

        Its place in the tree stays the one it had: nothing may descend from itself.
        """
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO adapters (id, model_id, revision, parent_id, run_id, path, files,"
                " state, evaluation, created_at, root_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET deleted_at=NULL, name='', run_id=excluded.run_id,"
                " state=excluded.state, evaluation=excluded.evaluation, root_id=excluded.root_id"
                " WHERE deleted_at IS NOT NULL",
                (
                    adapter.id, adapter.model_id, adapter.revision, adapter.parent_id,
                    adapter.run_id, adapter.path, msgspec.json.encode(adapter.files).decode(),
                    adapter.state, adapter.evaluation, adapter.created_at or now(), adapter.root_id,
                ),
            )  # fmt: skip

    def list(self, model_id: str | None = None, deleted: bool = False) -> list[Adapter]:
        """Oldest first, of one model or all; with `deleted` those too whose files are gone."""
        rows = self._db.rows(
            "SELECT * FROM adapters WHERE (?1 IS NULL OR model_id=?1)"
            " AND (?2 OR deleted_at IS NULL) ORDER BY rowid",
            (model_id, deleted),
        )
        return [_adapter(row) for row in rows]

    def get(self, wanted: str, model_id: str | None = None) -> Adapter:
        """By id, name or the unambiguous beginning of an id; among several by name, `model_id`'s.

        Deleted ones are found by their ids alone. Raises UsageError.
        """
        by_name = (
            "SELECT * FROM adapters WHERE name=? COLLATE NOCASE AND name != ''"
            " AND deleted_at IS NULL"
        )
        rows = (
            self._db.rows("SELECT * FROM adapters WHERE id=?", (wanted,))
            or self._db.rows(f"{by_name} AND model_id=?", (wanted, model_id))
            or self._db.rows(by_name, (wanted,))
            or self._db.rows(
                "SELECT * FROM adapters WHERE substr(id, 1, ?)=?", (len(wanted), wanted)
            )
        )
        if len(rows) != 1 or not wanted:
            what = "names more than one adapter" if rows and wanted else "is no adapter here"
            raise UsageError(f"'{wanted}' {what}.", "See `talecraft adapters list`.")
        return _adapter(rows[0])

    def active(self, model_id: str) -> Adapter | None:
        rows = self._db.rows(
            "SELECT * FROM adapters WHERE model_id=? AND state='active'", (model_id,)
        )
        return _adapter(rows[0]) if rows else None

    def activate(self, model_id: str, adapter_id: str | None) -> None:
        """Move the pointer: this adapter (None: the bare base) is the one that writes.

        Raises UsageError where another program has deleted it, the pointer where it was.
        """
        with self._db.transaction():
            self._db.execute(
                "UPDATE adapters SET state='retired' WHERE model_id=? AND state='active'",
                (model_id,),
            )
            if adapter_id is not None:
                if self.get(adapter_id).deleted_at is not None:
                    raise UsageError(f"Adapter {adapter_id} has been deleted.")
                self._db.execute(
                    "UPDATE adapters SET state='active' WHERE id=? AND model_id=?",
                    (adapter_id, model_id),
                )

    def rename(self, adapter_id: str, name: str) -> None:
        """Call it so; '' takes its name away. Raises UsageError where another one has the name."""
        try:
            with self._db.transaction():
                self._db.execute("UPDATE adapters SET name=? WHERE id=?", (name, adapter_id))
        except sqlite3.IntegrityError as error:
            raise UsageError(
                f"Another adapter is called '{name}' already.", "Choose another name."
            ) from error

    def annotate(self, adapter_id: str, note: str) -> None:
        with self._db.transaction():
            self._db.execute("UPDATE adapters SET note=? WHERE id=?", (note, adapter_id))

    def delete(self, adapter_id: str) -> None:
        """Mark it as deleted, for its files to be removed. Raises UsageError for the active one."""
        with self._db.transaction():
            adapter = self.get(adapter_id)
            if adapter.state == "active":
                raise UsageError(
                    f"Adapter {adapter.label} is the one that writes.",
                    "Roll back or use another one first.",
                )
            self._db.execute("UPDATE adapters SET deleted_at=? WHERE id=?", (now(), adapter_id))


def _adapter(row: sqlite3.Row) -> Adapter:
    return Adapter(
        row["id"], row["model_id"], row["revision"], row["parent_id"], row["run_id"], row["path"],
        msgspec.json.decode(row["files"], type=dict[str, str]), row["state"], row["evaluation"],
        row["created_at"], row["name"], row["note"], row["deleted_at"], row["root_id"],
    )  # fmt: skip
