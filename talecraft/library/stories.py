"""Stories and turns. A turn and its generation are one transaction; nothing is overwritten."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from talecraft.errors import UsageError
from talecraft.library.branches import Branches, now
from talecraft.library.database import Database
from talecraft.story.turns import (
    Author,
    Change,
    Generation,
    LeftOut,
    Sampling,
    Shown,
    StepKind,
    Story,
    Tree,
    Turn,
    title_from,
)

_TURNS = "SELECT t.*, g.* FROM turns t LEFT JOIN generations g ON g.turn_id = t.id "
# The same with the text that is shown of each.
_READ = (
    "SELECT t.*, r.id AS text_id, r.prose AS revised, g.* FROM turns t"
    " LEFT JOIN shown s ON s.turn_id = t.id LEFT JOIN revisions r ON r.id = s.revision_id"
    " LEFT JOIN generations g ON g.turn_id = t.id "
)

_READ_ALONE = _READ.replace("g.*", "NULL AS turn_id").removesuffix(
    "LEFT JOIN generations g ON g.turn_id = t.id "
)

_SHOWN = msgspec.json.Decoder(list[Shown])
_LEFT_OUT = msgspec.json.Decoder(list[LeftOut])


class Stories:
    def __init__(self, database: Database, branches: Branches) -> None:
        self._db = database
        self._branches = branches

    def create(self, title: str, premise: str) -> Story:
        with self._db.transaction():
            story_id = self._db.execute(
                "INSERT INTO stories (title, premise, created_at) VALUES (?, ?, ?)",
                (title, premise, now()),
            )
        return self.get(story_id)

    def get(self, story_id: int) -> Story:
        """Raises UsageError where there is none that a writer could open."""
        rows = self._db.rows("SELECT * FROM stories WHERE id=? AND kind='story'", (story_id,))
        if not rows:
            raise UsageError(f"There is no story {story_id}.", "See `talecraft stories list`.")
        return _story(rows[0])

    def list(self, trashed: bool = False) -> Sequence[Story]:
        """Newest work first."""
        return [
            _story(row)
            for row in self._db.rows(
                "SELECT * FROM stories WHERE trashed=? AND kind='story'"
                " ORDER BY COALESCE(leaf_id, 0) DESC, id DESC",
                (trashed,),
            )
        ]

    def rename(self, story_id: int, title: str) -> None:
        """As a step that can be undone."""
        with self._db.transaction():
            before = self.get(story_id).title
            if title != before:
                self._branches.take(story_id, "title", [Change("title", 0, before, title)])

    def trash(self, story_id: int, trashed: bool = True) -> None:
        self._set(story_id, "trashed", int(trashed))

    def set_preset(self, story_id: int, name: str) -> None:
        self._set(story_id, "preset", name)

    def save_draft(self, story_id: int, draft: str) -> None:
        self._set(story_id, "draft", draft)

    def opening_draft(self) -> str:
        """What stands where a new story is begun, unsent."""
        rows = self._db.rows("SELECT draft FROM opening")
        return str(rows[0]["draft"]) if rows else ""

    def save_opening_draft(self, draft: str) -> None:
        with self._db.transaction():
            self._db.execute("INSERT OR REPLACE INTO opening VALUES (1, ?)", (draft,))

    def open_leaf(self, story_id: int, leaf_id: int | None, kind: StepKind = "version") -> None:
        """Read another branch, as a step that can be undone."""
        before = self.get(story_id).leaf_id
        if leaf_id != before:
            self._branches.take(story_id, kind, [Change("leaf", 0, before, leaf_id)])

    def _set(self, story_id: int, column: str, value: object) -> None:
        self.get(story_id)
        with self._db.transaction():
            self._db.execute(f"UPDATE stories SET {column}=? WHERE id=?", (value, story_id))

    def add_turn(
        self,
        story_id: int,
        parent_id: int | None,
        author: Author,
        prose: str,
        outline: str = "",
        generation: Generation | None = None,
        draft: str | None = None,
        open_it: bool = True,
    ) -> Turn:
        """Commit a turn (with its generation), make it the open leaf, and set the draft if given.

        One transaction: either all of it is on disk or none.
        """
        with self._db.transaction():
            turn_id = self._insert(story_id, parent_id, author, prose, outline, generation)
            if open_it:
                before = self._leaf(story_id)
                kind: StepKind = "write" if author == "writer" else "continue"
                self._branches.take(story_id, kind, [Change("leaf", 0, before, turn_id)])
            if draft is not None:
                self._db.execute("UPDATE stories SET draft=? WHERE id=?", (draft, story_id))
        return self.turn(turn_id)

    def add_passages(self, story_id: int, parent_id: int | None, proses: Sequence[str]) -> None:
        """Commit the writer's passages, each after the other, as one step that can be undone."""
        with self._db.transaction():
            before = self._leaf(story_id)
            for prose in proses:
                parent_id = self._insert(story_id, parent_id, "writer", prose, "", None)
            self._branches.take(story_id, "write", [Change("leaf", 0, before, parent_id)])

    def add_trials(
        self,
        story_id: int | None,
        parent_id: int | None,
        premise: str,
        trials: Sequence[tuple[str, str, Generation]],
    ) -> Sequence[Turn]:
        """Commit siblings to choose between: each its prose, its plan and its record.

        Without a story they begin one of kind `taste` from `premise`. One transaction.
        """
        with self._db.transaction():
            if story_id is None:
                story_id = self._db.execute(
                    "INSERT INTO stories (title, premise, created_at, kind)"
                    " VALUES (?, ?, ?, 'taste')",
                    (title_from(premise), premise, now()),
                )
            return self.turns(
                [
                    self._insert(story_id, parent_id, "model", prose, outline, made, trial=True)
                    for prose, outline, made in trials
                ]
            )

    def base(self, story_id: int) -> int | None:
        """The turn that new text follows: a plan stopped before its prose has none to follow."""
        leaf_id = self.get(story_id).leaf_id
        if leaf_id is not None:
            leaf = self.turn(leaf_id)
            if leaf.author == "model" and not leaf.prose:
                return leaf.parent_id
        return leaf_id

    def _leaf(self, story_id: int) -> int | None:
        rows = self._db.rows("SELECT leaf_id FROM stories WHERE id=?", (story_id,))
        return rows[0]["leaf_id"] if rows else None

    def _insert(
        self,
        story_id: int,
        parent_id: int | None,
        author: Author,
        prose: str,
        outline: str,
        generation: Generation | None,
        trial: bool = False,
    ) -> int:
        turn_id = self._db.execute(
            "INSERT INTO turns (story_id, parent_id, author, outline, prose, created_at, trial)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (story_id, parent_id, author, outline, prose, now(), trial),
        )
        self._db.execute("INSERT INTO counted VALUES (?, 0, words(?))", (turn_id, prose))
        if generation is not None:
            self._db.execute(
                f"INSERT INTO generations VALUES ({','.join('?' * 18)})",
                (turn_id, *_generation_row(generation)),
            )
        return turn_id

    def turn(self, turn_id: int) -> Turn:
        """As it was written. Raises UsageError where there is none."""
        rows = self._db.rows(_TURNS + "WHERE t.id=?", (turn_id,))
        if not rows:
            raise UsageError(f"There is no turn {turn_id}.", "See `talecraft stories list`.")
        return _turn(rows[0])

    def turns(self, turn_ids: Sequence[int]) -> Sequence[Turn]:
        """The turns of `turn_ids` that exist, by id, as they were written."""
        rows = self._db.rows(
            _TURNS + "WHERE t.id IN (SELECT value FROM json_each(?)) ORDER BY t.id",
            (msgspec.json.encode(turn_ids).decode(),),
        )
        return [_turn(row) for row in rows]

    def every(self) -> Sequence[Story]:
        """All of every kind, trashed ones too, by id."""
        return [_story(row) for row in self._db.rows("SELECT * FROM stories ORDER BY id")]

    def written(self) -> Iterator[Turn]:
        """Every turn of every story as it was written, by id."""
        return map(_turn, self._db.rows(_TURNS + "ORDER BY t.id"))

    def bring_in(self, story: Story) -> int:
        """A story of another library, without its turns; returns its number here."""
        return self._db.execute(
            "INSERT INTO stories (title, premise, created_at, kind) VALUES (?, ?, ?, ?)",
            (story.title, story.premise, story.created_at, story.kind),
        )

    def bring_in_turn(self, turn: Turn, story_id: int, parent_id: int | None) -> int:
        """A turn of another library as it was written; returns its number here."""
        return self._insert(
            story_id, parent_id, turn.author, turn.prose, turn.outline, turn.generation, turn.trial
        )

    def tree(self, story_id: int, records: bool = True) -> Tree:
        """Every turn of every branch with the text that is shown of it, the trials left out;
        without `records` quick to read."""
        rows = self._db.rows(
            (_READ if records else _READ_ALONE)
            + "WHERE t.story_id=? AND NOT t.trial ORDER BY t.id",
            (story_id,),
        )
        return Tree([_shown(row) for row in rows])

    def path(self, leaf_id: int | None) -> Sequence[Turn]:
        """From the first turn to `leaf_id`, without the generations' records: quick to read, with
        the text that is shown."""
        return [
            _shown(row)
            for row in self._db.rows(
                "WITH RECURSIVE up(id, parent_id, depth) AS ("
                " SELECT id, parent_id, 0 FROM turns WHERE id=?1 UNION ALL"
                " SELECT t.id, t.parent_id, depth + 1 FROM turns t JOIN up ON t.id=up.parent_id)"
                " SELECT t.*, NULL AS turn_id, r.id AS text_id, r.prose AS revised"
                " FROM turns t JOIN up USING (id) LEFT JOIN shown s ON s.turn_id = t.id"
                " LEFT JOIN revisions r ON r.id = s.revision_id ORDER BY depth DESC",
                (leaf_id,),
            )
        ]

    def siblings(self, turn_id: int) -> Sequence[int]:
        """The ids of all versions of this passage, itself included, oldest first.

        Trials are no versions of what is read, nor the other way round.
        """
        rows = self._db.rows(
            "SELECT t.id FROM turns t JOIN turns me ON t.story_id=me.story_id"
            " AND t.parent_id IS me.parent_id AND t.trial=me.trial WHERE me.id=? ORDER BY t.id",
            (turn_id,),
        )
        return [int(row["id"]) for row in rows]

    def versions(self, turn_id: int) -> Sequence[int]:
        """The siblings that are not pruned, itself in any case."""
        rows = self._db.rows(
            "SELECT p.turn_id FROM pruned p JOIN turns t ON t.id=p.turn_id"
            " JOIN turns me ON t.story_id=me.story_id WHERE me.id=?",
            (turn_id,),
        )
        gone = {int(row["turn_id"]) for row in rows} - {turn_id}
        return [one for one in self.siblings(turn_id) if one not in gone]

    def writers_prose(self, most: int, fewest_words: int) -> Sequence[str]:
        """The writer's own newest passages of at least so many words, the newest first."""
        rows = self._db.rows(
            "SELECT prose FROM turns WHERE author='writer'"
            " AND length(prose) - length(replace(prose, ' ', '')) >= ? ORDER BY id DESC LIMIT ?",
            (fewest_words - 1, most),
        )
        return [str(row["prose"]) for row in rows]

    def generated_by(self, adapter_id: str | None) -> int:
        """How many turns this adapter (None: the bare base) has written."""
        rows = self._db.rows(
            "SELECT COUNT(*) FROM generations WHERE adapter_id IS ?", (adapter_id,)
        )
        return int(rows[0][0])


def _story(row: sqlite3.Row) -> Story:
    return Story(
        row["id"], row["title"], row["premise"], row["leaf_id"], row["draft"], row["created_at"],
        bool(row["trashed"]), row["kind"], row["preset"],
    )  # fmt: skip


def _turn(row: sqlite3.Row) -> Turn:
    return Turn(
        row["id"], row["story_id"], row["parent_id"], row["author"], row["outline"], row["prose"],
        row["created_at"], None if row["turn_id"] is None else _generation(row),
        bool(row["trial"]),
    )  # fmt: skip


def _shown(row: sqlite3.Row) -> Turn:
    turn = _turn(row)
    if row["text_id"] is None:
        return turn
    return msgspec.structs.replace(turn, prose=row["revised"], revision=row["text_id"])


def _generation_row(made: Generation) -> tuple[object, ...]:
    return (
        made.model_id, made.revision, made.quantisation, made.adapter_id, made.engine_mode,
        msgspec.json.encode(made.sampling).decode(), _pack("I", made.prompt_ids),
        _pack("I", made.response_ids), bytes(made.forced), made.prose_start, made.prose_end,
        _pack("f", made.raw_logprobs), _pack("f", made.sampled_logprobs), made.stop_reason,
        made.seconds, msgspec.json.encode(made.shown).decode(),
        msgspec.json.encode(made.left_out).decode(),
    )  # fmt: skip


def _generation(row: sqlite3.Row) -> Generation:
    return Generation(
        row["model_id"], row["revision"], row["quantisation"], row["adapter_id"],
        row["engine_mode"], msgspec.json.decode(row["sampling"], type=Sampling),
        _ints(row["prompt_ids"]), _ints(row["response_ids"]),
        [bool(b) for b in row["forced"]], row["prose_start"], row["prose_end"],
        _floats(row["raw_logprobs"]), _floats(row["sampled_logprobs"]),
        row["stop_reason"], row["seconds"], _SHOWN.decode(row["shown"]),
        _LEFT_OUT.decode(row["left_out"]),
    )  # fmt: skip


def _pack(code: Literal["I", "f"], values: Sequence[float]) -> bytes:
    """uint32 or float32, in this machine's byte order (little-endian everywhere torch runs)."""
    return array(code, values).tobytes()


def _ints(data: bytes) -> list[int]:
    return array("I", data).tolist()


def _floats(data: bytes) -> list[float]:
    return array("f", data).tolist()
