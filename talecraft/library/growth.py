"""What was written or edited since a moment and is read now."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from talecraft.library.database import Database
from talecraft.story.counts import Grown


class Mark(msgspec.Struct, frozen=True):
    """A moment: the newest turn, the newest revision and the newest story there were."""

    turn: int
    revision: int
    story: int


class Growth:
    def __init__(self, database: Database) -> None:
        self._db = database

    def mark(self, moment: str | None = None) -> Mark:
        """Now, or at a `moment` as the tables write it: UTC, ISO 8601 with milliseconds."""
        before = "" if moment is None else "WHERE created_at < ?"
        given = () if moment is None else (moment,)
        turn, revision, story = (
            int(self._db.rows(f"SELECT COALESCE(MAX(id), 0) FROM {table} {before}", given)[0][0])
            for table in ("turns", "revisions", "stories")
        )
        return Mark(turn, revision, story)

    def since(self, mark: Mark) -> Sequence[Grown]:
        """The passages of the stories' open branches (not of those in the trash) that are newer
        than `mark`, or whose shown text is.

        A turn is older than what follows it: without new revisions the way up ends at the mark.
        """
        rows = self._db.rows(
            "WITH RECURSIVE"
            " touched(story_id) AS ("
            "  SELECT story_id FROM turns WHERE id > ?1 UNION"
            "  SELECT t.story_id FROM revisions r JOIN turns t ON t.id = turn_id WHERE r.id > ?2),"
            " up(id) AS ("
            "  SELECT leaf_id FROM stories JOIN touched ON story_id = id"
            "   WHERE NOT trashed AND kind = 'story' UNION"
            "  SELECT t.parent_id FROM turns t JOIN up USING (id)"
            "   WHERE t.id > ?1 OR EXISTS (SELECT 1 FROM revisions WHERE id > ?2))"
            " SELECT t.author, t.id > ?1 AS new, COALESCE(r.prose, t.prose) AS now,"
            "  COALESCE((SELECT prose FROM revisions WHERE turn_id = t.id AND id <= ?2"
            "   ORDER BY id DESC LIMIT 1), t.prose) AS before"
            " FROM up JOIN turns t USING (id) LEFT JOIN shown s ON s.turn_id = t.id"
            " LEFT JOIN revisions r ON r.id = s.revision_id WHERE t.id > ?1 OR r.id > ?2",
            (mark.turn, mark.revision),
        )
        return [Grown(row["author"], row["now"], row["before"], bool(row["new"])) for row in rows]

    def premises(self, mark: Mark) -> Sequence[str]:
        """The first lines of the stories (not of those in the trash) that are newer than `mark`."""
        rows = self._db.rows(
            "SELECT premise FROM stories WHERE id > ? AND NOT trashed AND kind = 'story'",
            (mark.story,),
        )
        return [str(row["premise"]) for row in rows]
