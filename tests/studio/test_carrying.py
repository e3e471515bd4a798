"""A library in a file, and in another library again: what a run learns from is the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.process.evidence import Evidence
from talecraft.story.turns import Turn
from talecraft.studio import Studio, carrying
from talecraft.studio.evidence import gather
from tests.studio.test_evidence import say

Write = Callable[[str], Turn]


@pytest.fixture
def full(studio: Studio, write: Write) -> Studio:
    """Two stories with branches, a writer's own passages, and every kind of opinion."""
    first, second = write("A fox."), write("A bear.")
    stories = studio.library.stories
    versions = [
        stories.add_turn(first.story_id, None, "model", f"Version {n}.", "- p", first.generation)
        for n in range(3)
    ]
    own = stories.add_turn(
        first.story_id, first.id, "writer", "I went out into the rain to see it."
    )
    after = stories.add_turn(first.story_id, own.id, "model", "It rained.", "", first.generation)
    assert second.generation is not None
    trials = stories.add_trials(
        None, None, "A goat.", [(f"Trial {n}.", "- q", second.generation) for n in range(2)]
    )
    for turn, stars in ((first, 5), (second, 2), (after, 3)):
        studio.writing.rate(turn.id, "stars", stars)
    say(studio, versions[1], "choice", others=(versions[0].id, versions[2].id))
    say(studio, trials[0], "choice", others=(trials[1].id,))
    say(studio, versions[2], "discard")
    say(studio, after, "edit", text="It rained all night, and nobody slept a wink.")
    studio.writing.withdraw(second.id)
    return studio


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Library]:
    """Not an empty one: numbers are others there."""
    library = Library(tmp_path / "other.db")
    library.stories.create("Mine", "Mine.")
    yield library
    library.close()


def renumbered(found: Evidence) -> Evidence:
    """With stories and turns by their place, as no run looks at more than that."""
    turns = sorted({one.turn_id for one in found.passages})
    groups = sorted({one.group for one in found.passages})
    passages = [
        msgspec.structs.replace(
            one, turn_id=turns.index(one.turn_id), group=groups.index(one.group)
        )
        for one in found.passages
    ]
    return msgspec.structs.replace(found, passages=passages)


def test_what_a_run_learns_from_is_the_same_there(full: Studio, other: Library) -> None:
    file = list(carrying.lines(full.library))
    came = carrying.bring_in(other, file, "f")
    assert (came.stories, came.turns, came.opinions) == (3, 9, 8)
    here, there = (gather(one, full.model.key).evidence for one in (full.library, other))
    assert len(here.passages) > 6
    assert {one.kind for one in here.preferences} == {"choice", "edit", "discard"}
    assert here.own
    assert renumbered(there) == renumbered(here)
    again = list(carrying.lines(other))
    assert len(again) == len(file) + 1, "and it can be handed on"
    leaf = full.library.stories.get(1).leaf_id
    assert leaf is not None
    opened = other.stories.get(2).leaf_id
    assert opened is not None
    assert other.stories.turn(opened).prose == full.library.stories.turn(leaf).prose


def test_all_or_nothing_comes_and_the_line_is_told(full: Studio, other: Library) -> None:
    file = list(carrying.lines(full.library))
    before = list(carrying.lines(other))

    def broken(at: int, change: Callable[[dict[str, Any]], object]) -> list[bytes]:
        changed = json.loads(file[at])
        change(changed)
        return [*file[:at], json.dumps(changed).encode(), *file[at + 1 :]]

    turn, opinion = 4, len(file) - 1
    for lines, words in (
        ([], "nothing in f"),
        (file[1:], "f:1: the first line"),
        ([file[0], *file], "f:2: the first line"),
        (broken(0, lambda one: one.update(version=9)), "version 9"),
        (broken(1, lambda one: one.update(id=-1)), "f:2: "),
        (broken(2, lambda one: one.update(id=1)), "story 1 comes twice"),
        (broken(turn, lambda one: one["turn"].update(parent_id=77)), "comes before turn 77"),
        (broken(turn, lambda one: one["turn"].update(author="writer")), "f:5: turn"),
        (broken(turn, lambda one: one["turn"]["generation"].update(prose_end=99)), "fit together"),
        (broken(turn, lambda one: one["turn"]["generation"].update(prompt_ids=[-1])), "is none"),
        (broken(opinion, lambda one: one["said"].update(turn_id=99)), "turn 99"),
        (broken(opinion, lambda one: one["said"].update(value=9, kind="stars")), "9 says nothing"),
        ([*file, b"no json"], f"f:{len(file) + 1}: "),
        ([*file, b"[" * 100_000], f"f:{len(file) + 1}: "),
    ):
        with pytest.raises(UsageError) as caught:
            carrying.bring_in(other, lines, "f")
        assert words in caught.value.message
        assert list(carrying.lines(other)) == before


def test_what_comes_is_cleaned(full: Studio, other: Library) -> None:
    hostile = "a\x1b]52;c;x\x07\x1b[2Jb"
    file = list(carrying.lines(full.library))
    story, turn = json.loads(file[1]), json.loads(file[4])
    story.update(title=hostile, premise=hostile)
    turn["turn"].update(prose=hostile, outline=hostile)
    turn["turn"]["generation"].update(model_id=hostile, engine_mode=hostile)
    lines = [file[0], json.dumps(story).encode(), *file[2:4], json.dumps(turn).encode()]
    carrying.bring_in(other, lines, "f")
    assert b"\\u001b" not in b"".join(carrying.lines(other))
    assert other.stories.get(2).premise == "ab"
