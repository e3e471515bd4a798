"""The writer's notes on a story: memory, lore, a word to the model. Each holds from a turn on.

A note is kept under its key at a turn (0: before the first), and holds in every branch that goes on
from there, until a turn further down has another of the same key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from talecraft.library.branches import Branches
from talecraft.library.database import Database
from talecraft.story.notes import AuthorsNote, Entry, Notes, Summary
from talecraft.story.turns import Change

T = TypeVar("T")
DROPPED = object()  # as a value: nothing is kept there, and what holds above holds again
MEMORY, NOTE, SUMMARY, PLANS, ENTRY = "memory", "note", "summary", "plans", "entry:"
_HELD = (
    "WITH RECURSIVE up(id, parent_id) AS ("
    " SELECT id, parent_id FROM turns WHERE id=?1 UNION ALL"
    " SELECT t.id, t.parent_id FROM turns t JOIN up ON t.id=up.parent_id)"
    " SELECT n.* FROM notes n WHERE n.story_id=?2"
    " AND (n.turn_id=0 OR n.turn_id IN (SELECT id FROM up)) ORDER BY n.turn_id"
)


class Kept(msgspec.Struct, frozen=True):
    """A note as it is kept: where it holds from, and what it says; None: no more, from there on."""

    turn_id: int
    value: Any


class StoryNotes:
    def __init__(self, database: Database, branches: Branches) -> None:
        self._db = database
        self._branches = branches

    def at(self, story_id: int, leaf_id: int | None) -> Notes:
        """What holds at the end of this branch."""
        kept = self.kept(story_id, leaf_id)

        def held(key: str, kind: type[T], otherwise: T) -> T:
            one = kept.get(key)
            if one is None or one.value is None:
                return otherwise
            return msgspec.convert(one.value, kind)

        entries = {
            key.removeprefix(ENTRY): msgspec.convert(one.value, Entry)
            for key, one in kept.items()
            if key.startswith(ENTRY) and one.value is not None
        }
        return Notes(
            held(MEMORY, str, ""),
            held(NOTE, AuthorsNote, AuthorsNote()),
            held(SUMMARY, Summary, Summary()),
            held(PLANS, bool, True),
            entries,
        )

    def kept(self, story_id: int, leaf_id: int | None) -> dict[str, Kept]:
        """By key the note that holds at the end of this branch: the nearest above it."""
        if not self._db.rows("SELECT 1 FROM notes WHERE story_id=? LIMIT 1", (story_id,)):
            return {}
        # A turn is always newer than those above it: the last of the rows is the nearest.
        rows = self._db.rows(_HELD, (leaf_id, story_id))
        return {row["key"]: Kept(row["turn_id"], msgspec.json.decode(row["value"])) for row in rows}

    def keys(self, story_id: int) -> Sequence[str]:
        """Every key that any branch of the story has had."""
        rows = self._db.rows("SELECT DISTINCT key FROM notes WHERE story_id=?", (story_id,))
        return [str(row["key"]) for row in rows]

    def branch(self, story_id: int, leaf_id: int | None, key: str) -> Sequence[int]:
        """The turns of this branch at which something is kept under `key`, the nearest last."""
        return [
            row["turn_id"] for row in self._db.rows(_HELD, (leaf_id, story_id)) if row["key"] == key
        ]

    def put(self, story_id: int, values: Sequence[tuple[int, str, object]]) -> None:
        """Keep each value at its turn under its key, all as one step that can be undone; None ends
        what holds above it, DROPPED lets that hold again."""
        with self._db.transaction():
            changes = []
            for turn_id, key, value in values:
                before = self._json(story_id, turn_id, key)
                after = None if value is DROPPED else msgspec.json.encode(value).decode()
                if after != before:
                    changes.append(Change("note", turn_id, before, after, key))
            if changes:
                self._branches.take(story_id, "note", changes)

    def _json(self, story_id: int, turn_id: int, key: str) -> str | None:
        """What is kept there, as it is kept."""
        rows = self._db.rows(
            "SELECT value FROM notes WHERE story_id=? AND turn_id=? AND key=?",
            (story_id, turn_id, key),
        )
        return str(rows[0]["value"]) if rows else None
