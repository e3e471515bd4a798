"""Training runs as the library remembers them: what was ordered and how it ended."""

from __future__ import annotations

import sqlite3

import msgspec

from talecraft.errors import UsageError
from talecraft.library.branches import now
from talecraft.library.database import Database

_WORDS = {"rejected": "not adopted", "cancelled": "stopped", "interrupted": "cut off"}


def state_words(state: str) -> str:
    """How a state is called wherever a writer reads it."""
    return _WORDS.get(state, state)


class TrainingRun(msgspec.Struct, frozen=True):
    """`settings` and `outcome` are the run's own JSON, `state` one of run_events.RunState."""

    id: str
    method: str
    model_id: str
    parent_adapter: str | None
    watermark: int
    settings: str
    seed: int
    state: str
    pid: int | None = None
    started_at: str = ""
    ended_at: str | None = None
    outcome: str = ""
    error: str = ""
    adapter_id: str | None = None

    @property
    def state_words(self) -> str:
        return state_words(self.state)


class Runs:
    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, run: TrainingRun) -> None:
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO runs (id, method, model_id, parent_adapter, watermark, settings, seed,"
                " state, pid, started_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run.id, run.method, run.model_id, run.parent_adapter, run.watermark,
                    run.settings, run.seed, run.state, run.pid, run.started_at or now(),
                ),
            )  # fmt: skip

    def launched(self, run_id: str, pid: int) -> None:
        with self._db.transaction():
            self._db.execute("UPDATE runs SET pid=? WHERE id=?", (pid, run_id))

    def reopen(self, run_id: str) -> None:
        """It goes on: as if it had not ended."""
        with self._db.transaction():
            self._db.execute(
                "UPDATE runs SET state='running', outcome='', error='', ended_at=NULL WHERE id=?",
                (run_id,),
            )

    def end(
        self,
        run_id: str,
        state: str,
        outcome: str = "",
        error: str = "",
        adapter: str | None = None,
    ) -> None:
        with self._db.transaction():
            self._db.execute(
                "UPDATE runs SET state=?, outcome=?, error=?, adapter_id=?, ended_at=? WHERE id=?",
                (state, outcome, error, adapter, now(), run_id),
            )

    def list(self, state: str | None = None) -> list[TrainingRun]:
        """Newest first, of one state or all."""
        rows = self._db.rows(
            "SELECT * FROM runs WHERE ?1 IS NULL OR state=?1 ORDER BY rowid DESC", (state,)
        )
        return [_run(row) for row in rows]

    def get(self, run_id: str) -> TrainingRun:
        """Raises UsageError where there is none."""
        rows = self._db.rows("SELECT * FROM runs WHERE id=?", (run_id,))
        if not rows:
            raise UsageError(f"There is no run '{run_id}'.", "See `talecraft train status`.")
        return _run(rows[0])


def _run(row: sqlite3.Row) -> TrainingRun:
    return TrainingRun(**{key: row[key] for key in row.keys()})  # noqa: SIM118 - a Row, not a dict
