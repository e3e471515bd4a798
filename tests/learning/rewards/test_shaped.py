"""The shaped parts, each by hand."""

import math

import pytest

from talecraft.learning.rewards import shaped
from talecraft.learning.rollouts import Rollout
from talecraft.process.run_events import PpoSettings


def rollout(prose="A fox came.", outline="- a fox", stop="end"):
    return Rollout([1], prose=prose, outline=outline, stop_reason=stop)


@pytest.mark.parametrize(
    ("one", "worth"),
    [
        (rollout(), 0.0),
        (rollout(stop="length"), -1.0),
        (rollout(outline=" "), -1.0),
        (rollout(prose="\n"), -1.0),
    ],
)
def test_a_turn_is_finished_with_a_plan_prose_and_its_own_end(one, worth):
    assert shaped.finished(one) == worth


def test_repetition_counts_beyond_what_people_do():
    """Pairs (the, cat) three times and (cat, the) twice: 3 of 5 are repeats."""
    again = rollout("the cat the cat the cat")
    assert shaped.repetition(again, 0.1) == pytest.approx(-0.5)
    assert shaped.repetition(again, 0.7) == 0
    assert shaped.human_repetition(["the cat the cat the cat", "one two three"]) == pytest.approx(
        0.3
    )


@pytest.mark.parametrize(
    ("words", "wanted", "worth"),
    [
        (13, 0, 0.0),
        (7, 0, 0.0),
        (16, 0, math.exp(-0.5) - 1),  # 0.6 off: one deviation, 0.3, beyond the room
        (4, 0, math.exp(-0.5) - 1),
        (4, -1, 0.0),
        (16, -1, math.exp(-0.5) - 1),
        (16, 1, 0.0),
        (4, 1, math.exp(-0.5) - 1),
    ],
)
def test_length_is_flexible_and_free_on_the_side_that_is_asked_for(words, wanted, worth):
    found = shaped.length(rollout(" ".join(["word"] * words)), 10.0, wanted)
    assert found == pytest.approx(worth, rel=1e-5)


def test_usual_is_the_mean_of_the_reference():
    assert shaped.usual_words([rollout("one two"), rollout("one")]) == pytest.approx(1.5)
    assert set(shaped.parts(0.1, 10.0, 0)) == set(PpoSettings().shaping), "each default is a part"
