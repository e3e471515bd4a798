"""The simulated writer: tastes measured by hand, and a hand whose slips are seeded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.errors import UsageError
from talecraft.studio import simulated
from talecraft.studio.simulated import TASTES, dialogue, grade, long_sentences, taste


def test_dialogue_is_the_share_inside_quotes() -> None:
    assert dialogue('"Hi" no') == 4 / 7
    assert dialogue("“Go!” “No!”") == 10 / 11
    assert dialogue('An "open quote') == 0.0
    assert dialogue("It's Mara's.") == 0.0
    assert dialogue("") == 0.0


def test_long_sentences_are_measured_in_words() -> None:
    assert long_sentences("One two three. Four five six!") == 3 / 24
    assert long_sentences("word " * 40) == 1.0
    assert long_sentences("... !") == 0.0


@given(st.text(max_size=200))
def test_every_taste_is_a_pure_share(prose: str) -> None:
    for one in TASTES.values():
        assert 0.0 <= one(prose) <= 1.0
        assert one(prose) == one(prose)


def test_an_unknown_taste_is_refused() -> None:
    assert taste("dialogue") is dialogue
    with pytest.raises(UsageError, match="dialogue, long_sentences, named_animal"):
        taste("salt")


def test_a_steady_hand_uses_the_whole_scale_of_what_it_read() -> None:
    assert grade([0.1 * n for n in range(10)], 0.0, 1) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert grade([5.0, 1.0, 3.0, 2.0, 4.0], 0.0, 1) == [5, 1, 3, 2, 4]
    assert grade([0.0, 0.0, 0.0, 1.0], 0.0, 1) == [1, 1, 1, 5]  # equals get equal
    assert grade([], 0.1, 1) == []


def test_a_hand_that_slips_slips_the_same_way_with_the_same_seed() -> None:
    values = [n / 100 for n in range(100)]
    steady, slipped = grade(values, 0.0, 1), grade(values, 0.15, 1)
    assert slipped == grade(values, 0.15, 1)
    assert slipped != grade(values, 0.15, 2)
    assert slipped != steady
    # At 15 % of the range most grades are at most one off, and none is turned around.
    off = [abs(a - b) for a, b in zip(steady, slipped, strict=True)]
    assert sum(one <= 1 for one in off) >= 90
    assert max(off) <= 3
    # With a slip as wide as ten ranges nothing of the taste is left.
    blind = grade(values, 10.0, 1)
    mean = sum((a - 3) * (b - 3) for a, b in zip(steady, blind, strict=True)) / 200
    assert abs(mean) < 0.3


@given(st.lists(st.floats(0, 1), max_size=30), st.floats(0, 2), st.integers(0, 9))
def test_stars_are_stars(values: list[float], noise: float, seed: int) -> None:
    assert all(one in range(1, 6) for one in grade(values, noise, seed))
    assert simulated.at_random("a") != simulated.at_random("b")


@pytest.mark.parametrize(
    ("name", "prose", "expected"),
    [
        ("named_animal", "The dog ran. " + "It was far away from " * 3 + "here.", 1.0),
        ("named_animal", "The dogma ran.", 0.0),
        ("plain_words", "A cat sat on it", (5 - 11 / 5) / 2),
        ("plain_words", "Extraordinary circumstances", 0.0),
        ("landscape", "The sun went over nine of them all at once today", 10 / 11),
        ("repetition", "the owl the owl the owl", 3 / 5),
    ],
)
def test_each_taste_by_hand(name: str, prose: str, expected: float) -> None:
    assert taste(name)(prose) == pytest.approx(min(1.0, expected))
