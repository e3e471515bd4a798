"""Counting words: which are known, what counts as the same one, how a text is counted."""

from math import log1p

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.learning.vocabulary import NO_WORDS, Vocabulary

TEXTS = [
    "The dog ran. The dogs barked!",
    "A dog's life: the boy slept.",
    "The fox and the Dog.",
    "The boys slept.",
    "The boy’s fox slept.",
    "The boy woke.",
    "The end.",
    "The end, boys.",
    "The end.",
]


def test_known_words_are_neither_rare_nor_everywhere():
    """`end` and `slept` are in three of nine; `dog` in two, its plural counted, and `fox` in two;
    `boy` in four with its plural, more than a third; `the` in all."""
    known = Vocabulary.of(TEXTS)
    assert known.words == ("end", "slept")
    assert Vocabulary.of([*TEXTS, "Dogs!", "Nothing.", "More."]).words == (
        "boy", "dog", "end", "slept",
    )  # fmt: skip


def test_counts_by_hand():
    known = Vocabulary.of([*TEXTS, "Dogs!", "Nothing.", "More."])
    counts = known("Dogs, dogs and a dog. He slept; the sleepless END.")
    assert counts == pytest.approx([0, log1p(3), log1p(1), log1p(1)])
    assert known("") == [0] * 4


def test_no_words_count_nothing():
    assert NO_WORDS("the dog") == []
    assert len(Vocabulary.of([])) == 0


@given(st.lists(st.text(max_size=40), max_size=12), st.text(max_size=80))
def test_any_text_is_counted(texts, text):
    known = Vocabulary.of(texts)
    assert len(known(text)) == len(known) == len(known.words)
    assert list(known.words) == sorted(set(known.words))
    assert all(
        word and not any(c.isspace() or not c.isprintable() for c in word) for word in known.words
    ), "what is shown to the writer holds no control character"
