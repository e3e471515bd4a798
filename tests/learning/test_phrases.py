"""Phrases that rose and fell: by hand, and not by chance."""

import random

import pytest

from talecraft.learning import phrases
from talecraft.process.run_events import Phrase


def test_log_odds_with_a_prior_by_hand():
    """10 and 30 of 117 each; the prior's share is 1000 * 40 / 234 = 170.94: the odds are
    180.94 / 936.06 and 200.94 / 916.06, the variance 1 / 180.94 + 1 / 200.94."""
    assert phrases._z((10, 30), (117, 117)) == pytest.approx(1.2337198252484725, rel=1e-5)
    assert phrases._z((30, 10), (117, 117)) == pytest.approx(-1.2337198252484725, rel=1e-5)
    assert phrases._z((5, 5), (100, 100)) == 0


def test_counts_are_told_as_they_are():
    before, after = ["owl " * 10 + "fox " * 30] * 20, ["owl " * 30 + "fox " * 10] * 20
    was, now = phrases._counts(before), phrases._counts(after)
    found = phrases.changed(before, after)
    assert found
    assert all((p.before, p.after) == (was[p.text], now[p.text]) for p in found)
    assert (was["owl"], was["owl owl"], was["owl fox"]) == (200, 180, 20)


def test_a_phrase_is_told_per_thousand_words_and_never_of_function_words_alone():
    before, after = ["of the dog and of the owl"] * 40, ["of the fox and of the fox"] * 80
    found = phrases.changed(before, after)
    assert {one.text.split()[-1] for one in found} <= {"dog", "owl", "fox"}
    fox = next(one for one in found if "fox" in one.text)
    assert (fox.words_before, fox.words_after, fox.rose) == (280, 560, True)
    assert Phrase("owl", 40, 40, 280, 560).told == ("142.9", "71.4")
    assert not Phrase("owl", 40, 40, 280, 560).rose, "as often, in twice as many words"
    assert Phrase("owl", 3, 7).told == ("3", "7"), "older runs told no words"


def test_what_rose_comes_first_and_contains_nothing_twice():
    before = ["The cat sat on the mat and looked out."] * 40
    after = ["“Come in,” said the king, and the cat sat down."] * 40
    found = phrases.changed(before, after, most=3)
    rose = [one for one in found if one.rose]
    assert found[: len(rose)] == rose
    texts = [one.text for one in rose]
    assert not any(a != b and f" {a} " in f" {b} " for a in texts for b in texts)
    assert len(rose) <= 3


def test_chance_is_seldom_told():
    words = [f"w{number}" for number in range(60)]
    dice = random.Random(1)

    def passage():
        return " ".join(dice.choices(words, k=80))

    found = phrases.changed([passage() for _ in range(60)], [passage() for _ in range(60)])
    assert len(found) <= 6
    assert phrases.changed(["the same"] * 5, ["the same"] * 5) == []
