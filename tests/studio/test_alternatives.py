"""Versions side by side: written together, kept whatever is chosen; the choice is an opinion."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from talecraft.errors import UsageError
from talecraft.story.turns import Turn
from talecraft.studio import Studio, reading
from talecraft.studio.events import AlternativesFailed, AlternativesReady
from tests.support.tiny import Heard

Write = Callable[[str], Turn]


def ready(heard: Heard) -> AlternativesReady:
    return heard.wait(AlternativesReady, lambda event: True)


def test_versions_stand_beside_the_one_that_is_there(
    studio: Studio, write: Write, heard: Heard
) -> None:
    first = write("A fox.")
    studio.alternatives.ask(first.story_id, 4, seed=1)
    found = ready(heard)
    assert found.turns[0] == first
    assert len(found.turns) == 4
    assert {turn.parent_id for turn in found.turns} == {first.parent_id}
    assert len({turn.prose for turn in found.turns}) == 4
    assert all(turn.generation is not None and not turn.trial for turn in found.turns)
    page = reading.page(studio.library, first.story_id)
    assert (page.path[-1].id, page.versions) == (first.id, 4), "none of them is open yet"
    assert studio.alternatives.waiting is None


def test_a_choice_is_read_from_now_on_and_remembered(
    studio: Studio, write: Write, heard: Heard
) -> None:
    first = write("A fox.")
    studio.alternatives.ask(first.story_id, 3, seed=1)
    turns = ready(heard).turns
    studio.branching.choose(turns, turns[2])
    assert reading.page(studio.library, first.story_id).path[-1].id == turns[2].id
    (said,) = studio.writing.opinions(turns[2].id)
    assert (said.kind, said.value, set(said.others)) == ("choice", 1, {turns[0].id, turns[1].id})
    studio.branching.undo(first.story_id)
    assert reading.page(studio.library, first.story_id).path[-1].id == first.id


def test_after_the_writers_words_all_of_them_are_new(
    studio: Studio, write: Write, heard: Heard
) -> None:
    first = write("A fox.")
    mine = studio.writing.say(first.story_id, "Rain.")
    assert mine is not None
    studio.alternatives.ask(first.story_id, 3, seed=1)
    turns = ready(heard).turns
    assert [turn.parent_id for turn in turns] == [mine.id] * 3


def test_one_set_at_a_time_and_it_can_be_stopped(
    studio: Studio, write: Write, heard: Heard
) -> None:
    first = write("A fox.")
    studio.writing.say(first.story_id, "SLOW")
    studio.alternatives.ask(first.story_id)
    assert studio.alternatives.waiting == first.story_id
    with pytest.raises(UsageError, match="being written"):
        studio.alternatives.ask(first.story_id)
    studio.alternatives.stop()
    assert heard.wait(AlternativesFailed, lambda event: True).message == ""
    assert studio.alternatives.waiting is None


@pytest.mark.parametrize(("word", "message"), [("EMPTY", "wrote nothing"), ("REFUSED", "no room")])
def test_what_goes_wrong_is_said(
    studio: Studio, write: Write, heard: Heard, word: str, message: str
) -> None:
    first = write("A fox.")
    studio.writing.say(first.story_id, word)
    studio.alternatives.ask(first.story_id)
    assert message in heard.wait(AlternativesFailed, lambda event: True).message
    assert studio.alternatives.waiting is None


def test_what_was_edited_stands_beside_them_as_it_is_read(
    studio: Studio, write: Write, heard: Heard
) -> None:
    first = write("A fox.")
    studio.branching.edit(first.id, "As I would say it.")
    studio.alternatives.ask(first.story_id, 2, seed=1)
    assert ready(heard).turns[0].prose == "As I would say it."
