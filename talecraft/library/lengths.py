"""How long stories are. Words are counted when a text is written, and only added up later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from talecraft.library.database import Database


class Length(msgspec.Struct, frozen=True):
    """A branch from its first turn to its leaf, as it is shown; when that leaf was written."""

    passages: int
    words: int
    written_at: str


class Lengths:
    def __init__(self, database: Database) -> None:
        self._db = database

    def of(self, leaf_ids: Sequence[int]) -> Mapping[int, Length]:
        """The branches that end at these turns, without reading their text."""
        rows = self._db.rows(
            "WITH RECURSIVE up(leaf_id, id) AS ("
            " SELECT value, value FROM json_each(?) UNION ALL"
            " SELECT leaf_id, t.parent_id FROM turns t JOIN up USING (id)"
            " WHERE t.parent_id IS NOT NULL)"
            " SELECT leaf_id, COUNT(*), SUM(COALESCE(words, 0)),"
            " (SELECT created_at FROM turns WHERE id = leaf_id)"
            " FROM up LEFT JOIN shown s ON s.turn_id = up.id"
            " LEFT JOIN counted c"
            " ON c.turn_id = up.id AND c.revision_id = COALESCE(s.revision_id, 0)"
            " GROUP BY leaf_id",
            (msgspec.json.encode(leaf_ids).decode(),),
        )
        return {row[0]: Length(*row[1:]) for row in rows}
