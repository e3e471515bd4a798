"""Stories and turns: what goes in comes out, nothing is overwritten."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.story.turns import Generation


def test_a_generation_comes_back_exactly(library: Library, generation: Generation) -> None:
    story = library.stories.create("T", "P")
    turn = library.stories.add_turn(story.id, None, "model", "prose", "plan", generation)
    assert turn.generation == generation
    assert library.stories.turns([turn.id]) == [turn]
    assert list(library.stories.tree(story.id)) == [turn]


def test_a_turn_its_leaf_and_the_draft_are_one_step(library: Library) -> None:
    story = library.stories.create("T", "P")
    library.stories.save_draft(story.id, "half a sen")
    turn = library.stories.add_turn(story.id, None, "writer", "half a sentence.", draft="")
    now = library.stories.get(story.id)
    assert (now.leaf_id, now.draft) == (turn.id, "")
    kept = library.stories.add_turn(story.id, turn.id, "writer", "aside", open_it=False)
    assert library.stories.get(story.id).leaf_id == turn.id
    assert library.stories.tree(story.id).path(kept.id) == [turn, kept]


def test_a_turn_that_cannot_be_saved_leaves_no_trace(
    library: Library, generation: Generation
) -> None:
    story = library.stories.create("T", "P")
    with pytest.raises(sqlite3.IntegrityError):
        library.stories.add_turn(story.id, 999, "model", "orphan", generation=generation)
    assert len(library.stories.tree(story.id)) == 0
    assert library.stories.get(story.id).leaf_id is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE turns SET prose='x'",
        "DELETE FROM turns",
        "UPDATE generations SET seconds=0",
        "DELETE FROM generations",
        "UPDATE feedback SET value=1",
        "DELETE FROM feedback",
    ],
)
def test_the_log_cannot_be_changed(
    library: Library, generation: Generation, statement: str
) -> None:
    story = library.stories.create("T", "P")
    turn = library.stories.add_turn(story.id, None, "model", "p", generation=generation)
    library.database.execute(
        "INSERT INTO feedback (turn_id, kind, value, aspect, tags, note, others, text, created_at)"
        " VALUES (?, 'stars', 4, 'both', '[]', '', '[]', '', '')",
        (turn.id,),
    )
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|immutable"):
        library.database.execute(statement)
    assert library.stories.turn(turn.id) == turn
    assert library.feedback.of_turn(turn.id)[0].value == 4


def test_newest_work_first_and_the_trash(library: Library) -> None:
    first, second, third = (library.stories.create(name, "P") for name in "abc")
    library.stories.add_turn(first.id, None, "writer", "x")
    assert [story.title for story in library.stories.list()] == ["a", "c", "b"]
    library.stories.trash(third.id)
    assert [story.title for story in library.stories.list()] == ["a", "b"]
    assert [story.title for story in library.stories.list(trashed=True)] == ["c"]
    library.stories.trash(third.id, trashed=False)
    library.stories.rename(second.id, "B")
    assert [story.title for story in library.stories.list()] == ["a", "c", "B"]


def test_what_is_not_there_is_a_usage_error(library: Library) -> None:
    with pytest.raises(UsageError, match="no story 7"):
        library.stories.get(7)
    with pytest.raises(UsageError, match="no story 7"):
        library.stories.rename(7, "x")
    with pytest.raises(UsageError, match="no turn 7"):
        library.stories.turn(7)
    assert library.stories.turns([7]) == []


def test_tens_of_thousands_of_ids_can_be_asked_for(library: Library) -> None:
    story = library.stories.create("T", "P")
    turn = library.stories.add_turn(story.id, None, "writer", "x")
    assert library.stories.turns([turn.id, *range(1000, 60_000)]) == [turn]


def test_who_wrote_how_much(library: Library, generation: Generation) -> None:
    story = library.stories.create("T", "P")
    library.stories.add_turn(story.id, None, "model", "p", generation=generation)
    library.stories.add_turn(story.id, None, "writer", "w")
    assert library.stories.generated_by("abc") == 1
    assert library.stories.generated_by(None) == 0


def test_trials_are_one_step_and_belong_to_no_branch(
    library: Library, generation: Generation
) -> None:
    story = library.stories.create("T", "P")
    first = library.stories.add_turn(story.id, None, "model", "read", generation=generation)
    trials = [("one", "- a", generation), ("two", "- b", generation)]
    pair = library.stories.add_trials(story.id, None, "P", trials)
    assert [(one.prose, one.outline, one.trial) for one in pair] == [
        ("one", "- a", True), ("two", "- b", True),
    ]  # fmt: skip
    assert all(one.generation == generation for one in pair)
    assert library.stories.turns([one.id for one in pair]) == pair
    assert library.stories.get(story.id).leaf_id == first.id
    assert list(library.stories.tree(story.id)) == [first]
    assert library.stories.siblings(first.id) == [first.id]
    assert library.stories.siblings(pair[0].id) == [one.id for one in pair]
    assert not first.trial


def test_trials_of_a_fresh_line_make_no_story_that_can_be_opened(
    library: Library, generation: Generation
) -> None:
    pair = library.stories.add_trials(None, None, "A fresh line.", [("one", "", generation)] * 2)
    hidden = pair[0].story_id
    assert pair[1].story_id == hidden
    assert library.stories.list() == library.stories.list(trashed=True) == []
    row = library.database.rows("SELECT * FROM stories")[0]
    assert (row["id"], row["premise"], row["kind"]) == (hidden, "A fresh line.", "taste")
    for use in (library.stories.get, library.stories.trash):
        with pytest.raises(UsageError, match=f"no story {hidden}"):
            use(hidden)


def test_half_a_pair_is_never_kept(library: Library, generation: Generation) -> None:
    broken = msgspec.structs.replace(generation, seconds=None)
    with pytest.raises(sqlite3.IntegrityError):
        library.stories.add_trials(None, None, "P", [("a", "", generation), ("b", "", broken)])
    for table in ("turns", "generations", "stories"):
        assert library.database.rows(f"SELECT COUNT(*) FROM {table}")[0][0] == 0
