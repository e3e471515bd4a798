"""Differences: nothing of either text is lost, and chance words are no common ground."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from talecraft.story.difference import BREAK, Piece, counts, words

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "\n"]), max_size=60).map(" ".join)


def _side(pieces: list[Piece], without: str) -> list[str]:
    return [word for piece in pieces if piece.sign != without for word in piece.words]


def test_a_changed_word_is_told_between_what_stays() -> None:
    pieces = words("The old lamp was lit.\n\nHe slept.", "The new lamp was lit.\n\nHe slept.")
    assert [(piece.sign, " ".join(piece.words)) for piece in pieces] == [
        (" ", "The"),
        ("-", "old"),
        ("+", "new"),
        (" ", f"lamp was lit. {BREAK} He slept."),
    ]
    assert counts(pieces) == (1, 1)


def test_a_few_words_in_common_by_chance_are_told_as_changed() -> None:
    before = "One grey morning the whole fleet came home again at last"
    after = "Nobody had ever seen the lamp go out before that night"
    assert [piece.sign for piece in words(before, after)] == ["-", "+"]


def test_empty_and_equal_texts() -> None:
    assert words("", "") == []
    assert words("a", "") == [Piece("-", ["a"])]
    assert words("a b\nc", "a  b\n\nc") == [Piece(" ", ["a", "b", BREAK, "c"])]


def test_escapes_do_not_pass() -> None:
    assert words("\x1b[2Ja", "\x1b]52;c;eA==\x07b") == [Piece("-", ["a"]), Piece("+", ["b"])]


@given(WORDS, WORDS)
def test_both_texts_can_be_read_from_it(before: str, after: str) -> None:
    pieces = words(before, after)
    for text, without in ((before, "+"), (after, "-")):
        expected = [word for word in text.replace("\n", " \n ").split(" ") if word]
        got = _side(pieces, without)
        assert [word for word in got if word != BREAK] == [w for w in expected if w != "\n"]
    assert all(piece.words for piece in pieces)
    assert all(a.sign != b.sign for a, b in pairwise(pieces))


def test_a_novels_branches_are_compared() -> None:
    """Some seconds at most, where a naive table of words against words would take minutes."""
    drawn = random.Random(1)
    before = [f"w{drawn.randrange(400)}" for _ in range(20_000)]
    after = [word if drawn.random() > 0.1 else "other" for word in before]
    lost, won = counts(words(" ".join(before), " ".join(after)))
    assert lost == won
    assert 1500 < lost < 3000
