"""What the writer has done so far, told by a few looks at the tables. None of it is ever undone."""

from __future__ import annotations

import msgspec

from talecraft.library.database import Database

_REACHED = """
SELECT
 EXISTS (SELECT 1 FROM stories WHERE kind = 'story') AS story,
 EXISTS (SELECT 1 FROM turns WHERE author = 'model' AND NOT trial AND prose <> '') AS passage,
 EXISTS (SELECT 1 FROM feedback JOIN turns t ON t.id = turn_id WHERE NOT t.trial)
  OR EXISTS (SELECT 1 FROM turns WHERE author = 'model' AND NOT trial AND prose <> ''
   GROUP BY story_id, parent_id HAVING COUNT(*) > 1) AS judged,
 (SELECT COUNT(*) FROM (SELECT 1 FROM feedback LIMIT 1000)) AS opinions
"""
_SINCE = """
SELECT
 EXISTS (SELECT 1 FROM feedback WHERE created_at > ?1) AS judged,
 EXISTS (SELECT 1 FROM generations g JOIN turns t ON t.id = g.turn_id
  WHERE NOT t.trial AND t.created_at > ?1 AND g.adapter_id = ?2) AS written,
 EXISTS (SELECT 1 FROM feedback f JOIN generations a ON a.turn_id = f.turn_id,
   json_each(f.others) o JOIN generations b ON b.turn_id = o.value
  WHERE f.created_at > ?1 AND f.kind = 'choice' AND a.adapter_id IS NOT b.adapter_id) AS compared
"""


class Reached(msgspec.Struct, frozen=True):
    """Whether there is a story, a passage by the model, an opinion of one in a story (a second
    version is one); how many lines of opinion in all, counted up to a thousand."""

    story: bool
    passage: bool
    judged: bool
    opinions: int


class Since(msgspec.Struct, frozen=True):
    """What came after a moment: an opinion, a passage by an adapter, a choice between adapters."""

    judged: bool
    written: bool
    compared: bool


class Landmarks:
    def __init__(self, database: Database) -> None:
        self._db = database

    def reached(self) -> Reached:
        row = self._db.rows(_REACHED)[0]
        return Reached(
            bool(row["story"]), bool(row["passage"]), bool(row["judged"]), row["opinions"]
        )

    def since(self, moment: str, adapter_id: str | None) -> Since:
        """`moment` as the tables write it."""
        row = self._db.rows(_SINCE, (moment, adapter_id))[0]
        return Since(bool(row["judged"]), bool(row["written"]), bool(row["compared"]))
