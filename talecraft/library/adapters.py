"""Adapters: immutable files with recorded checksums; one pointer says which is active."""

from __future__ import annotations

import sqlite3
from typing import Literal

import msgspec

from talecraft.errors import UsageError
from talecraft.library.database import Database
from talecraft.library.stories import now

AdapterState = Literal["candidate", "active", "retired", "rejected"]


class Adapter(msgspec.Struct, frozen=True):
    """`id` is the hash of the content, `files` the sha256 of each file under `path`."""

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

    @property
    def model_key(self) -> str:
        return f"{self.model_id}@{self.revision}"


class Adapters:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, adapter: Adapter) -> None:
        """Record it; the same content again is no second adapter."""
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO adapters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    adapter.id, adapter.model_id, adapter.revision, adapter.parent_id,
                    adapter.run_id, adapter.path, msgspec.json.encode(adapter.files).decode(),
                    adapter.state, adapter.evaluation, adapter.created_at or now(),
                ),
            )  # fmt: skip

    def list(self, model_id: str | None = None) -> list[Adapter]:
        """Oldest first, of one model or all."""
        rows = self._db.rows(
            "SELECT * FROM adapters WHERE ?1 IS NULL OR model_id=?1 ORDER BY rowid", (model_id,)
        )
        return [_adapter(row) for row in rows]

    def get(self, adapter_id: str) -> Adapter:
        """By id or its unambiguous beginning. Raises UsageError."""
        rows = self._db.rows(
            "SELECT * FROM adapters WHERE substr(id, 1, ?)=?", (len(adapter_id), adapter_id)
        )
        if len(rows) != 1 or not adapter_id:
            what = "names more than one adapter" if rows and adapter_id else "is no adapter here"
            raise UsageError(f"'{adapter_id}' {what}.", "See `talecraft adapters list`.")
        return _adapter(rows[0])

    def active(self, model_id: str) -> Adapter | None:
        rows = self._db.rows(
            "SELECT * FROM adapters WHERE model_id=? AND state='active'", (model_id,)
        )
        return _adapter(rows[0]) if rows else None

    def activate(self, model_id: str, adapter_id: str | None) -> None:
        """Move the pointer: this adapter (None: the bare base) is the one that writes."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE adapters SET state='retired' WHERE model_id=? AND state='active'",
                (model_id,),
            )
            if adapter_id is not None:
                self._db.execute(
                    "UPDATE adapters SET state='active' WHERE id=? AND model_id=?",
                    (adapter_id, model_id),
                )


def _adapter(row: sqlite3.Row) -> Adapter:
    return Adapter(
        row["id"], row["model_id"], row["revision"], row["parent_id"], row["run_id"], row["path"],
        msgspec.json.decode(row["files"], type=dict[str, str]), row["state"], row["evaluation"],
        row["created_at"],
    )  # fmt: skip
