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
    "The boys slept, the dogs too.",
    "The boy\u2019s fox slept. A DOG!",
    "The boy woke the princess.",
    "The end. The princes slept.",
    "The end, boys.",
    "The end. A prince slept.",
    "The end of the dog.",
    "The end; a prince.",
    "Princess and prince.",
    "Prince!",
]


def test_known_words_are_neither_rare_nor_everywhere():
    """`dog` is in five of thirteen with its plurals, and so are `end`, `prince` and `slept`; `the`
    is in most, `boy` in three, and a princess is no two princes."""
    known = Vocabulary.of(TEXTS)
    assert known.words == ("dog", "end", "prince", "slept")
    assert known("Three princesses, one princess.") == [0] * 4


def test_counts_by_hand():
    counts = Vocabulary.of(TEXTS)("Dogs, dogs and a dog. He slept; the sleepless END.")
    assert counts == pytest.approx([log1p(3), log1p(1), 0, log1p(1)])
    assert Vocabulary.of(TEXTS)("") == [0] * 4


def test_words_of_other_tongues_stay_whole():
    """Decomposed accents are the composed ones; vowel signs belong to their word."""
    texts = [
        "Le caf\u00e9 \u0915\u093f\u0924\u093e\u092c",
        "Un cafe\u0301 \u0915\u093f\u0924\u093e\u092c",
        "x",
        "y",
    ] * 3
    assert Vocabulary.of(texts).words == ("caf\u00e9", "\u0915\u093f\u0924\u093e\u092c")


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
