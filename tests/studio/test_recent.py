"""Of a long story the engine gets what it could ever take in, of a short one all."""

from __future__ import annotations

from pathlib import Path

import pytest

from talecraft.library import Library
from talecraft.story.turns import Generation, Sampling, Turn
from talecraft.studio.recent import recent

RECORD = Generation(
    "m", "r", "none", None, "scripted", Sampling(), [1], [2, 3], [False, False], 0, 2,
    [-1.0, -1.0], [-1.0, -1.0], "end", 0.1,
)  # fmt: skip


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library.db")


def written(library: Library, turns: int) -> list[Turn]:
    story = library.stories.create("T", "P")
    leaf, made = None, []
    for number in range(turns):
        record = RECORD if number % 2 else None
        author = "model" if number % 2 else "writer"
        made.append(library.stories.add_turn(story.id, leaf, author, "x" * 100, "", record))
        leaf = made[-1].id
    return made


def test_a_short_story_is_told_whole_and_with_its_records(library: Library) -> None:
    turns = written(library, 40)
    assert recent(library, turns[-1].id, 1_000) == ([], turns)
    assert recent(library, None, 1_000) == ([], [])


def test_a_long_one_from_a_beginning_that_moves_in_steps(library: Library) -> None:
    turns = written(library, 140)
    window = 100  # tokens: sixteen passages of a hundred characters
    begins = [turns.index(recent(library, turn.id, window)[1][0]) for turn in turns]
    assert begins[:48] == [0] * 47 + [32]
    assert set(begins) == {0, 32, 64, 96}
    for at, begin in enumerate(begins):
        assert at - begin + 1 >= min(at + 1, 16), "the window is filled for certain"
        far, near = recent(library, turns[at].id, window)
        assert [one.id for one in far] == [one.id for one in turns[:begin]]
        assert near == turns[begin : at + 1]


def test_what_was_edited_is_told_as_it_reads_now(library: Library) -> None:
    turns = written(library, 2)
    revision = library.branches.add_revision(turns[1].id, "edited")
    from talecraft.story.turns import Change

    change = Change("text", turns[1].id, 0, revision.id)
    library.branches.take(turns[1].story_id, "edit", [change])
    last = recent(library, turns[1].id, 1_000)[1][-1]
    assert (last.prose, last.revision, last.generation) == ("edited", revision.id, RECORD)
