"""Opinions from elsewhere, of texts that no model here wrote: append-only, as the log is."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from talecraft.library.branches import now
from talecraft.library.database import Database


class Text(msgspec.Struct, frozen=True):
    """A passage: its plan, '' where it has none, and its prose."""

    outline: str
    prose: str


class Brought(msgspec.Struct, frozen=True):
    """One opinion. `other` was rejected for `text` where it is a preference; else `stars` grade
    `text`, 1 to 5. `weight` is in (0, 1]."""

    prompt: str
    text: Text
    other: Text | None
    stars: int
    weight: float


class Batch(msgspec.Struct, frozen=True):
    """What came from one file, under a number; it is `withdrawn` or counts."""

    id: int
    name: str
    opinions: int
    created_at: str
    withdrawn: bool


class BroughtOpinions:
    def __init__(self, database: Database) -> None:
        self._db = database

    def append(self, name: str, opinions: Sequence[Brought]) -> Batch:
        """All of one file in one transaction."""
        with self._db.transaction():
            made = now()
            batch = self._db.execute(
                "INSERT INTO batches (name, created_at) VALUES (?, ?)", (name, made)
            )
            for one in opinions:
                other = one.other or Text("", "")
                self._db.execute(
                    "INSERT INTO brought (batch_id, prompt, outline, prose, other_outline,"
                    " other_prose, stars, weight) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        batch, one.prompt, one.text.outline, one.text.prose, other.outline,
                        other.prose if one.other is not None else None, one.stars, one.weight,
                    ),
                )  # fmt: skip
        return Batch(batch, name, len(opinions), made, False)

    def batches(self) -> list[Batch]:
        """What ever came, the newest first."""
        rows = self._db.rows(
            "SELECT b.*, (SELECT COUNT(*) FROM brought o WHERE o.batch_id = b.id) AS opinions,"
            " EXISTS (SELECT 1 FROM withdrawn w WHERE w.batch_id = b.id) AS withdrawn"
            " FROM batches b ORDER BY b.id DESC"
        )
        return [
            Batch(r["id"], r["name"], r["opinions"], r["created_at"], bool(r["withdrawn"]))
            for r in rows
        ]

    def withdraw(self, batch: int) -> None:
        """What came with it counts no more; another line says so."""
        self._db.execute(
            "INSERT OR IGNORE INTO withdrawn (batch_id, created_at) VALUES (?, ?)", (batch, now())
        )

    def standing(self) -> list[Brought]:
        """All that counts, in the order in which it came."""
        rows = self._db.rows(
            "SELECT * FROM brought WHERE batch_id NOT IN (SELECT batch_id FROM withdrawn)"
            " ORDER BY id"
        )
        return [_brought(row) for row in rows]


def _brought(row: sqlite3.Row) -> Brought:
    other = row["other_prose"]
    return Brought(
        row["prompt"],
        Text(row["outline"], row["prose"]),
        Text(row["other_outline"], other) if other is not None else None,
        row["stars"],
        row["weight"],
    )
