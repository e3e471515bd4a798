"""What is shown of a story's tree: revisions, bookmarks, the trash, and every step to take back.

Turns and revisions are never changed; what moves are pointers, and each move is a step that can be
undone and done again, also after a restart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from talecraft.library.database import Database
from talecraft.story.turns import Change, Revision, Step, StepKind

EditedPart = Literal["prose", "outline"]
_CHANGES = msgspec.json.Decoder(list[Change])


def now() -> str:
    """This moment in UTC, ISO 8601. Order is by id; clocks jump."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Branches:
    def __init__(self, database: Database) -> None:
        self._db = database

    # ------------------------------------------------------------------ steps
    def take(self, story_id: int, kind: StepKind, changes: Sequence[Change]) -> None:
        """Make `changes` and remember them; what was undone before can no longer be done again."""
        with self._db.transaction():
            self._db.execute("DELETE FROM steps WHERE story_id=? AND undone", (story_id,))
            self._db.execute(
                "INSERT INTO steps (story_id, kind, changes, created_at) VALUES (?, ?, ?, ?)",
                (story_id, kind, msgspec.json.encode(changes).decode(), now()),
            )
            for one in changes:
                self._point(story_id, one, one.after)

    def undo(self, story_id: int) -> Step | None:
        """Take the last step back; None where there is none."""
        with self._db.transaction():
            step = self._step(story_id, "NOT undone ORDER BY id DESC")
            if step is not None:
                for one in reversed(step.changes):
                    self._point(story_id, one, one.before)
                self._db.execute("UPDATE steps SET undone=1 WHERE id=?", (step.id,))
        return step

    def redo(self, story_id: int) -> Step | None:
        """Do the step again that was undone last; None where there is none."""
        with self._db.transaction():
            step = self._step(story_id, "undone ORDER BY id")
            if step is not None:
                for one in step.changes:
                    self._point(story_id, one, one.after)
                self._db.execute("UPDATE steps SET undone=0 WHERE id=?", (step.id,))
        return step

    def last(self, story_id: int) -> Step | None:
        """The step that `undo` would take back."""
        return self._step(story_id, "NOT undone ORDER BY id DESC")

    def next(self, story_id: int) -> Step | None:
        """The step that `redo` would do again."""
        return self._step(story_id, "undone ORDER BY id")

    def _step(self, story_id: int, where: str) -> Step | None:
        rows = self._db.rows(
            f"SELECT * FROM steps WHERE story_id=? AND {where} LIMIT 1", (story_id,)
        )
        if not rows:
            return None
        row = rows[0]
        return Step(row["id"], row["story_id"], row["kind"], _CHANGES.decode(row["changes"]))

    def _point(self, story_id: int, change: Change, to: int | str | None) -> None:
        match change.what:
            case "leaf":
                self._db.execute("UPDATE stories SET leaf_id=? WHERE id=?", (to, story_id))
            case "text" if to:
                self._db.execute("INSERT OR REPLACE INTO shown VALUES (?, ?)", (change.turn_id, to))
            case "text":
                self._db.execute("DELETE FROM shown WHERE turn_id=?", (change.turn_id,))
            case "pruned" if to:
                self._db.execute("INSERT OR IGNORE INTO pruned VALUES (?)", (change.turn_id,))
            case "pruned":
                self._db.execute("DELETE FROM pruned WHERE turn_id=?", (change.turn_id,))
            case "title":
                self._db.execute("UPDATE stories SET title=? WHERE id=?", (to, story_id))
            case "bookmark":
                self._db.execute("DELETE FROM bookmarks WHERE turn_id=?", (change.turn_id,))
                if to is not None:
                    self._db.execute("INSERT INTO bookmarks VALUES (?, ?)", (change.turn_id, to))
            case "note":
                where = (story_id, change.turn_id, change.key)
                self._db.execute(
                    "DELETE FROM notes WHERE story_id=? AND turn_id=? AND key=?", where
                )
                if to is not None:
                    self._db.execute("INSERT INTO notes VALUES (?, ?, ?, ?)", (*where, to))

    # ------------------------------------------------------------------ texts
    def add_revision(self, turn_id: int, prose: str) -> Revision:
        with self._db.transaction():
            made = self._db.execute(
                "INSERT INTO revisions (turn_id, prose, created_at) VALUES (?, ?, ?)",
                (turn_id, prose, now()),
            )
            self._db.execute("INSERT INTO counted VALUES (?, ?, words(?))", (turn_id, made, prose))
        return _revision(self._db.rows("SELECT * FROM revisions WHERE id=?", (made,))[0])

    def revisions(self, turn_id: int) -> Sequence[Revision]:
        """Every later text of this turn, oldest first."""
        rows = self._db.rows("SELECT * FROM revisions WHERE turn_id=? ORDER BY id", (turn_id,))
        return [_revision(row) for row in rows]

    def shown(self, turn_id: int) -> int:
        """The revision that is shown of this turn, 0 for the text it was written with."""
        rows = self._db.rows("SELECT revision_id FROM shown WHERE turn_id=?", (turn_id,))
        return int(rows[0]["revision_id"]) if rows else 0

    def save_edit_draft(self, turn_id: int, part: EditedPart, text: str) -> None:
        """Keep what is being made of a passage or its plan, as it is typed."""
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO drafts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET text=excluded.text",
                (turn_id, part, text),
            )

    def drop_edit_draft(self, turn_id: int, part: EditedPart) -> None:
        """It is in the story now, or wanted no more."""
        with self._db.transaction():
            self._db.execute("DELETE FROM drafts WHERE turn_id=? AND part=?", (turn_id, part))

    def edit_draft(self, turn_id: int, part: EditedPart) -> str | None:
        """What is being made of it, as far as that came; None: nothing."""
        rows = self._db.rows("SELECT text FROM drafts WHERE turn_id=? AND part=?", (turn_id, part))
        return str(rows[0]["text"]) if rows else None

    def edited(self, story_id: int) -> Sequence[int]:
        """The turns whose prose is being edited, and that edit not finished."""
        rows = self._db.rows(
            "SELECT turn_id FROM drafts JOIN turns ON id=turn_id"
            " WHERE story_id=? AND part='prose' ORDER BY turn_id",
            (story_id,),
        )
        return [int(row["turn_id"]) for row in rows]

    # ------------------------------------------------------------------ trash and bookmarks
    def pruned(self, story_id: int) -> frozenset[int]:
        """The turns that were pruned; what hangs on them is gone with them."""
        rows = self._db.rows(
            "SELECT turn_id FROM pruned JOIN turns ON id=turn_id WHERE story_id=?", (story_id,)
        )
        return frozenset(int(row["turn_id"]) for row in rows)

    def bookmark(self, story_id: int, turn_id: int, name: str | None) -> None:
        """Set a turn's bookmark, as a step that can be undone; None takes it away."""
        with self._db.transaction():
            before = self.bookmarks(story_id).get(turn_id)
            if name != before:
                self.take(story_id, "bookmark", [Change("bookmark", turn_id, before, name)])

    def bookmarks(self, story_id: int) -> dict[int, str]:
        """Each marked turn's name, which may be empty."""
        rows = self._db.rows(
            "SELECT turn_id, name FROM bookmarks JOIN turns ON id=turn_id WHERE story_id=?",
            (story_id,),
        )
        return {int(row["turn_id"]): str(row["name"]) for row in rows}


def _revision(row: sqlite3.Row) -> Revision:
    return Revision(row["id"], row["turn_id"], row["prose"], row["created_at"])
