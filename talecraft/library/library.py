"""The library: one database and its rooms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talecraft.library.adapters import Adapters
from talecraft.library.branches import Branches
from talecraft.library.brought import BroughtOpinions
from talecraft.library.database import Database
from talecraft.library.feedback import FeedbackLog
from talecraft.library.growth import Growth
from talecraft.library.landmarks import Landmarks
from talecraft.library.lengths import Lengths
from talecraft.library.notes import StoryNotes
from talecraft.library.runs import Runs
from talecraft.library.stories import Stories


class Library:
    """Everything a writer has made. May be used from any thread; each change is on disk when
    the call returns."""

    def __init__(self, path: Path) -> None:
        """Open or create `path`. Raises LibraryError."""
        self.database = Database(path)
        self.branches = Branches(self.database)
        self.stories = Stories(self.database, self.branches)
        self.lengths = Lengths(self.database)
        self.notes = StoryNotes(self.database, self.branches)
        self.growth = Growth(self.database)
        self.landmarks = Landmarks(self.database)
        self.feedback = FeedbackLog(self.database)
        self.brought = BroughtOpinions(self.database)
        self.adapters = Adapters(self.database)
        self.runs = Runs(self.database)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Several changes as one."""
        with self.database.transaction():
            yield

    def changed_elsewhere(self) -> bool:
        """Has another process written since this was asked last? Raises LibraryError."""
        return self.database.changed_elsewhere()

    def close(self) -> None:
        self.database.close()
