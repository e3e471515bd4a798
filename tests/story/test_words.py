"""Which beats of a plan the prose took up."""

from __future__ import annotations

import pytest

from talecraft.story.words import kept

PROSE = (
    "Mara walked down to the harbour in the old town, and the keeper went with her. She lit the"
    " lamp above the stones. “Whose is the boat?” she asked. Nobody knew, and Mara laughed."
)


@pytest.mark.parametrize(
    "beat",
    [
        "Mara lights the lamp",  # which is told as "lit"
        "The keeper follows her to the harbour",
        "Mara laughs",
        "She asks whose boat lies at the stones",
        "Mara and the keeper walk to the harbour",
    ],
)
def test_a_beat_that_was_taken_up(beat: str) -> None:
    assert kept(beat, PROSE) is True


@pytest.mark.parametrize(
    "beat",
    [
        "Mara sells the lamp",  # a name that stands in every passage, and one word of two
        "Mara drowns",
        "The keeper is drunk",
        "She walks home",  # everyday words alone, of which one is missing
        "An old man",
        "The old town burns",
        "Mara finds a letter in the lamp",
        "She found",
    ],
)
def test_a_beat_that_was_not(beat: str) -> None:
    assert kept(beat, PROSE) is False


def test_a_name_may_begin_the_beat_and_own_something() -> None:
    assert kept("Mara's brother dies", "Mara's brother was tall.") is False
    assert kept("Ships burn", "The ships burned. Ships are wood.") is True, "no name"


def test_of_beats_without_content_nothing_is_said() -> None:
    assert kept("She goes away", PROSE) is None
    assert kept("", PROSE) is None
