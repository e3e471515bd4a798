"""Inverse document frequency: hand-computed, and of any script."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.story import idf
from talecraft.story.idf import Idf, terms

FOUND = Idf.of(["The fox ran. The fox!", "The owl’s nest", "A fox and the owl"])


def test_words_are_counted_once_a_passage() -> None:
    assert FOUND.documents == 3
    assert FOUND.words["fox"] == 2
    assert FOUND.words["owl's"] == 1
    assert FOUND("the") == pytest.approx(0.0)
    assert FOUND("fox") == pytest.approx(math.log(4 / 3))
    assert FOUND("dragon") == pytest.approx(math.log(4))


def test_rare_words_are_left_out() -> None:
    kept = Idf.of(["The fox", "the fox", "the owl"], fewest=2)
    assert kept.words == {"fox": 2, "the": 3}
    assert kept("owl") == Idf(3, {})("anything")


def test_the_rarest_are_let_go_before_they_fill_the_memory(monkeypatch):
    """After three passages a, b, c, d, e, f are held: one too many, so the words of one passage
    go. What comes later is counted from there, and never too high."""
    monkeypatch.setattr(idf, "MOST_WORDS", 5)
    found = Idf.of(["a b c", "a b d", "a e f", "a c", "x" * 41])
    assert found == Idf(5, {"a": 4, "b": 2, "c": 1})


def test_other_scripts_have_words_too() -> None:
    assert terms("Чёрный кот, l’été 3 times_of") == ["чёрный", "кот", "l'été", "times", "of"]


@given(st.lists(st.text(max_size=40), max_size=8))
def test_what_is_in_more_passages_never_tells_more(passages: list[str]) -> None:
    found = Idf.of(passages)
    ranked = sorted(found.words, key=lambda word: found.words[word])
    told = [found(word) for word in ranked]
    assert told == sorted(told, reverse=True)
    assert all(0 <= one <= found("\0") for one in told)
