"""The feedback log: append-only by trigger; a withdrawal is another line."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from talecraft.library.branches import now
from talecraft.library.database import Database
from talecraft.story.feedback import Feedback


class FeedbackLog:
    def __init__(self, database: Database) -> None:
        self._db = database

    def append(self, lines: Sequence[Feedback]) -> list[Feedback]:
        """Commit all `lines` in one transaction; ids and times are given here."""
        ids = []
        with self._db.transaction():
            for line in lines:
                ids.append(
                    self._db.execute(
                        "INSERT INTO feedback (turn_id, kind, value, aspect, tags, note, others,"
                        " text, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (
                            line.turn_id,
                            line.kind,
                            line.value,
                            line.aspect,
                            msgspec.json.encode(line.tags).decode(),
                            line.note,
                            msgspec.json.encode(line.others).decode(),
                            line.text,
                            line.created_at or now(),
                        ),
                    )
                )
            rows = self._db.rows(
                "SELECT * FROM feedback WHERE id BETWEEN ? AND ? ORDER BY id",
                (min(ids, default=0), max(ids, default=0)),
            )
        return [_feedback(row) for row in rows]

    def all(self) -> list[Feedback]:
        """The whole log, in order."""
        return [_feedback(row) for row in self._db.rows("SELECT * FROM feedback ORDER BY id")]

    def of_turn(self, turn_id: int) -> list[Feedback]:
        rows = self._db.rows("SELECT * FROM feedback WHERE turn_id=? ORDER BY id", (turn_id,))
        return [_feedback(row) for row in rows]

    def of_story(self, story_id: int) -> list[Feedback]:
        rows = self._db.rows(
            "SELECT f.* FROM feedback f JOIN turns t ON t.id=f.turn_id WHERE t.story_id=?"
            " ORDER BY f.id",
            (story_id,),
        )
        return [_feedback(row) for row in rows]

    def watermark(self) -> int:
        """The newest line's id, 0 for an empty log."""
        return int(self._db.rows("SELECT COALESCE(MAX(id), 0) FROM feedback")[0][0])


def _feedback(row: sqlite3.Row) -> Feedback:
    return Feedback(
        row["id"], row["turn_id"], row["kind"], row["value"], row["aspect"],
        tuple(msgspec.json.decode(row["tags"])), row["note"],
        tuple(msgspec.json.decode(row["others"])), row["text"], row["created_at"],
    )  # fmt: skip
