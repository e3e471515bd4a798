"""Chunks have every word of their chapter in its order, and are about as long as they should be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.corpus import sentences
from talecraft.corpus.chunking import LONGEST_WORD, by_words, chunks


def count(text: str) -> int:
    """A token a word."""
    return len(text.split())


def test_paragraphs_stay_whole_and_bring_the_chunk_nearest_to_its_size() -> None:
    """10 words are wanted. 8 and 7 would be 15, further away than 8; 7 and 4 are 11."""
    three = [f"{'a ' * 7}b.", f"{'c ' * 6}d.", f"{'e ' * 3}f."]
    assert chunks(three, 10, count) == [three[0], f"{three[1]}\n\n{three[2]}"]


def test_a_short_rest_goes_to_the_chunk_before() -> None:
    assert chunks(["a " * 9 + "b.", "c d."], 10, count) == ["a " * 9 + "b.\n\nc d."]
    assert chunks(["a " * 14 + "b.", "c d."], 15, count) == ["a " * 14 + "b.\n\nc d."]
    assert [count(one) for one in chunks(["a " * 10] * 3, 10, count)] == [10, 10, 10]


def test_a_long_paragraph_is_cut_between_sentences_into_like_parts() -> None:
    long = " ".join(f"The fox found key number {at} there." for at in range(9))  # 7 words each
    found = chunks([long], 30, count)
    assert [count(one) for one in found] == [21, 21, 21]
    assert " ".join(found) == long
    assert all(one.endswith(".") for one in found)


def test_a_sentence_without_an_end_is_cut_between_words() -> None:
    endless = " ".join(f"w{at}" for at in range(1000))
    found = chunks([endless], 30, count)
    assert " ".join(found).split() == endless.split()
    assert max(map(count, found)) <= 45


def test_a_word_that_is_no_word_is_cut() -> None:
    letters = "x" * 100_000
    found = chunks([letters], 20, lambda text: len(text) // 4 + 1)
    assert "".join("".join(found).split()) == letters
    assert max(map(len, "\n".join(found).split())) <= LONGEST_WORD


def test_tokens_are_reckoned_from_words() -> None:
    assert by_words("one two three four") == 6
    assert chunks([], 300) == []


paragraphs = st.lists(
    st.lists(
        st.lists(st.text("abc'", min_size=1, max_size=5), min_size=1, max_size=40).map(
            lambda one: f"{' '.join(one).capitalize()}."
        ),
        min_size=1,
        max_size=6,
    ).map(" ".join)
    | st.lists(st.text("abc", min_size=1, max_size=9), min_size=2, max_size=9).map("\n".join),
    max_size=20,
)


@given(paragraphs, st.integers(5, 80))
def test_no_word_is_lost_and_sizes_have_bounds(given_, size):
    found = chunks(given_, size, count)
    assert " ".join(found).split() == " ".join(given_).split()
    sizes = [count(one) for one in found]
    assert all(one <= 1.5 * size for one in sizes)
    assert all(one > size / 2 - 0.5 for one in sizes[:-1])
    assert chunks(given_, size, count) == found
    short = [one for one in given_ if count(one) <= size]
    assert all(any(one in chunk.split("\n\n") for chunk in found) for one in short)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('"Stop!" said Mr. Fox. He ran.', ['"Stop!" said Mr. Fox.', "He ran."]),
        ('He said, "Go." Then he went.', ['He said, "Go."', "Then he went."]),
        ("Was it? (It was.) And so", ["Was it?", "(It was.)", "And so"]),
        ("A line\nof verse", ["A line", "of verse"]),
        ("It is 3.5 miles. about", ["It is 3.5 miles. about"]),
        ("", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert sentences.split(text) == parts


@given(st.text(".!?\"' \nAbc", max_size=200))
def test_sentences_have_every_word_and_mark(text):
    assert "".join(" ".join(sentences.split(text)).split()) == "".join(text.split())
