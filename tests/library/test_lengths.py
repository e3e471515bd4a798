"""Words are counted once, when a text is written, and also those that were there before."""

from __future__ import annotations

from pathlib import Path

from talecraft.library import Library
from talecraft.library.database import Database
from talecraft.library.migrations import MIGRATIONS
from talecraft.story.turns import Change


def test_a_branch_is_as_long_as_what_is_shown_of_it(tmp_path: Path) -> None:
    library = Library(tmp_path / "library.db")
    story = library.stories.create("T", "P")
    first = library.stories.add_turn(story.id, None, "writer", "one  two\nthree")
    second = library.stories.add_turn(story.id, first.id, "writer", "four")
    other = library.stories.add_turn(story.id, first.id, "writer", "")
    found = library.lengths.of([second.id, other.id])
    assert (found[second.id].passages, found[second.id].words) == (2, 4)
    assert (found[other.id].passages, found[other.id].words) == (2, 3)
    assert found[second.id].written_at == second.created_at
    revision = library.branches.add_revision(first.id, "only one word more: five six")
    change = Change("text", first.id, 0, revision.id)
    library.branches.take(story.id, "edit", [change])
    assert library.lengths.of([second.id])[second.id].words == 7
    library.branches.undo(story.id)
    assert library.lengths.of([second.id])[second.id].words == 4
    assert library.lengths.of([]) == {}


def test_an_older_librarys_words_are_counted_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    before = {name: sql for name, sql in MIGRATIONS.items() if name < "0008"}
    old = Database(path, before)
    with old.transaction():
        old.execute("INSERT INTO stories (title, premise, created_at) VALUES ('T', 'P', '')")
        old.execute(
            "INSERT INTO turns (story_id, author, outline, prose, created_at)"
            " VALUES (1, 'writer', '', 'one two three', '')"
        )
    old.close()
    assert Library(path).lengths.of([1])[1].words == 3
