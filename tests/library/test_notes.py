"""Where in a story's tree each note holds."""

from __future__ import annotations

import pytest

from talecraft.library import Library
from talecraft.library.notes import ENTRY, MEMORY, NOTE, PLANS, SUMMARY, Kept
from talecraft.story.notes import AuthorsNote, Entry, Notes, Summary


@pytest.fixture
def library(tmp_path):
    library = Library(tmp_path / "library.db")
    yield library
    library.close()


@pytest.fixture
def tree(library):
    """A story whose second passage has two versions: a - (b - c | d)."""
    stories = library.stories
    story = stories.create("T", "P").id
    a = stories.add_turn(story, None, "writer", "a").id
    b = stories.add_turn(story, a, "writer", "b").id
    c = stories.add_turn(story, b, "writer", "c").id
    d = stories.add_turn(story, a, "writer", "d").id
    return story, a, b, c, d


def test_nothing_holds_where_nothing_was_noted(library, tree):
    assert library.notes.at(tree[0], tree[3]) == Notes()


def test_a_note_holds_in_every_branch_that_goes_on_from_it(library, tree):
    story, a, b, c, d = tree
    notes = library.notes
    notes.put(story, [(0, MEMORY, "all of it"), (0, ENTRY + "1", Entry("Ro", "a fox"))])
    notes.put(story, [(b, MEMORY, "from b on"), (b, PLANS, False)])
    notes.put(story, [(d, ENTRY + "1", None), (d, NOTE, AuthorsNote("dark", 2))])
    fox = {"1": Entry("Ro", "a fox")}
    assert notes.at(story, None) == notes.at(story, a) == Notes("all of it", entries=fox)
    assert notes.at(story, b) == notes.at(story, c) == Notes("from b on", plans=False, entries=fox)
    assert notes.at(story, d) == Notes("all of it", AuthorsNote("dark", 2))


def test_where_a_note_is_kept_can_be_asked(library, tree):
    story, _, b, c, _ = tree
    library.notes.put(story, [(b, SUMMARY, Summary("So it was.", b))])
    assert library.notes.kept(story, c) == {SUMMARY: Kept(b, {"text": "So it was.", "upto": b})}
    assert library.notes.at(story, c).summary == Summary("So it was.", b)
    library.notes.put(story, [(b, SUMMARY, Summary("Otherwise.", b))])
    assert library.notes.at(story, c).summary.text == "Otherwise."


def test_one_storys_notes_are_no_others(library, tree):
    other = library.stories.create("U", "P").id
    library.notes.put(tree[0], [(0, MEMORY, "mine")])
    assert library.notes.at(other, None) == Notes()


def test_a_note_is_a_step_that_is_taken_back_and_done_again(library, tree):
    story, _, b, c, _ = tree
    library.notes.put(story, [(0, MEMORY, "first"), (b, PLANS, False)])
    library.notes.put(story, [(0, MEMORY, "second"), (b, PLANS, False)])
    assert library.branches.undo(story).kind == "note"
    assert library.notes.at(story, c) == Notes("first", plans=False)
    library.branches.undo(story)
    assert library.notes.at(story, c) == Notes()
    library.branches.redo(story)
    library.branches.redo(story)
    assert library.notes.at(story, c) == Notes("second", plans=False)
    library.notes.put(story, [(0, MEMORY, "second")])
    assert library.branches.undo(story).changes[0].after == '"second"', "no change, no step"
