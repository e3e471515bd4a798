"""Each criterion of the score, computed by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

from talecraft.corpus import quality
from talecraft.corpus.quality import parts
from talecraft.story.words import STOPWORDS
from tests.support import hostile

PROSE = (
    "Mara walked down to the harbour in the old town, and the keeper of the light went with her."
    " She had a lantern in her hand, but the wind had blown it out before they came to the"
    " bridge.\n\n"
    '"Whose is that boat?" she asked. Nobody knew it. The keeper looked at the water for a long'
    " while, as if the answer were written there, and then he laughed and shook his head."
)


def test_sound_prose_is_a_perfect_specimen() -> None:
    found = parts(PROSE)
    assert found == quality.Parts(1, 1, 1, 1, 1, 1, 1, 1)
    assert found.score == 1.0


def test_the_score_is_the_product() -> None:
    found = quality.Parts(1, 0.5, 1, 0.5, 0.8, 1, 1, 0.9)
    assert found.score == pytest.approx(0.18)
    assert parts("").score == 0.0


def test_letters_are_counted_among_what_is_no_blank() -> None:
    """19 letters of 20 characters are a share of 0.95: five sevenths of the way up."""
    assert parts("abcdefghijklmnopqrs7").letters == pytest.approx((0.95 - 0.90) / 0.07, abs=1e-4)
    assert parts("12, 14-20; 33").letters == 0.0


def test_words_by_their_length_and_by_stop_words() -> None:
    """Ten words of 4 letters, three of them stop words: 0.3 is two thirds of the way up."""
    text = "with into upon wolf bear deer hare crow frog toad"
    assert {"with", "into", "upon"} <= STOPWORDS
    assert parts(text).words == pytest.approx((0.3 - 0.2) / 0.15, abs=1e-4)
    assert parts("antidisestablishmentarian considerations").words == 0.0
    assert parts("a I a I a I").words == 0.0


def test_sentences_beyond_150_words_count_half() -> None:
    ends = "word " * 149 + "end. "
    assert parts(ends).sentences == 1.0
    assert parts("word " * 151).sentences == 0.5
    # 50 of 201 words in a sound sentence: 0.5 + 0.5 * (50 / 201) / 0.7
    mixed = "word " * 49 + "end. " + "Word " * 151
    assert parts(mixed).sentences == pytest.approx(0.5 + 0.5 * (50 / 201) / 0.7, abs=1e-4)


def test_repetition_is_the_share_of_four_grams_that_stood_before() -> None:
    """'a b c d e a b c d' has six 4-grams, one of them twice: 1/6, of 0.05 to 0.3."""
    assert parts("a b c d e a b c d").repetition == pytest.approx(
        1 - (1 / 6 - 0.05) / 0.25, abs=1e-4
    )
    assert parts("Ho, ho, ho! " * 20).repetition == 0.0
    assert parts("a b c").repetition == 1.0


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("[", 1), ("{a}", 2), ("Illustration", 1), ("see http://x.org", 1), ("THE END OF ALL", 1),
        ("CHAPTER IV", 1), ("page . . . . . 7", 0), ("page .... 7", 1), ("'Oh, NO,' he said", 0),
        ("Project Gutenberg's [1]", 3),
    ],
)  # fmt: skip
def test_leftovers_are_marks(text: str, marks: int) -> None:
    """With 1,000 other words: each takes a thirtieth of what may be."""
    total = 1000 + len(quality.words(text))
    found = parts(f"{text} {'word ' * 1000}").marks
    assert found == pytest.approx(1 - marks / total / 0.03, abs=2e-4)


def test_verse_and_lists_are_no_prose() -> None:
    """Of 20 words 10 are verse: 0.5 is half of the way from 0.2 to 0.8."""
    verse = "one two three four five\nsix seven eight nine ten,"
    assert parts(f"{verse}\n\n{'word ' * 9}end.").lines == pytest.approx(0.5)
    assert parts(verse).lines == 0.0
    assert parts("word " * 20).lines == pytest.approx(0.5), "without a mark at its end"


def test_what_is_spoken_is_no_narration() -> None:
    """One word of ten is told: 0.1 of 0.15, above a floor of a half."""
    spoken = '"One two three four five six seven eight nine," said.'
    assert parts(spoken).narration == pytest.approx(0.5 + 0.5 * 0.1 / 0.15, abs=1e-4)
    assert parts('"One two three."').narration == 0.5
    assert parts("'One two three,' said the old man by the mill.").narration == 1.0


def test_length_is_measured_against_what_is_enough() -> None:
    assert parts("word " * 30, 40).length == pytest.approx(0.75)
    assert parts("word " * 80, 40).length == 1.0


@given(hostile.texts)
def test_every_text_has_a_score(text):
    found = parts(text)
    assert all(0 <= getattr(found, name) <= 1 for name in found.__struct_fields__)
    assert 0 <= found.score <= 1
    assert not math.isnan(found.score)
