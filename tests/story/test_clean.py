"""What reaches a terminal or the library holds no control sequence, however it was cut."""

from __future__ import annotations

import itertools
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.story.clean import CleanStream, bounded, clean, clean_line

# The payloads that RELIABILITY F9 names, each between two words that must survive.
PAYLOADS = {
    "osc 52, clipboard, BEL": "\x1b]52;c;ZXZpbA==\x07",
    "osc 52, clipboard, ST": "\x1b]52;c;ZXZpbA==\x1b\\",
    "osc 8, link": "\x1b]8;;http://evil\x1b\\",
    "osc 0, title": "\x1b]0;owned\x07",
    "csi 2J, wipe": "\x1b[2J",
    "csi colour": "\x1b[38;5;196m",
    "csi private mode": "\x1b[?1049h",
    "csi report": "\x1b[6n",
    "dcs": "\x1bP+q544e\x1b\\",
    "apc": "\x1b_payload\x1b\\",
    "pm": "\x1b^payload\x1b\\",
    "sos": "\x1bXpayload\x1b\\",
    "8-bit csi": "\x9b31m",
    "8-bit osc": "\x9d52;c;ZXZpbA==\x9c",
    "8-bit dcs": "\x90payload\x9c",
    "full reset": "\x1bc",
    "charset": "\x1b(0",
    "del and backspace": "\x7f\x08\x08",
    "nul and bell": "\x00\x07",
    "bidi override": "\u202e\u2066\u2069",
    "zero width": "\u200b\u2060\ufeff",
    "tags": "\U000e0041\U000e007f",
    "surrogate": "\ud83d",
}
FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
# Text rich in what the terminal's grammar is made of, so that fuzzing meets whole sequences.
hostile = st.text(
    alphabet=st.sampled_from(list("\x1b\x1b\x1b[]P_^X\\\x07\x9b\x9c\x9d\x90\r\n\t;?0123mJHca é“—")),
    max_size=40,
) | st.text(max_size=40)


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_payload_goes_and_the_words_stay(payload: str) -> None:
    assert clean(f"Mara{payload} ran.") == "Mara ran."


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_payload_cut_in_pieces_goes_too(payload: str, size: int) -> None:
    text = f"Mara{payload} ran."
    stream = CleanStream()
    pieces = [stream.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join([*pieces, stream.close()]) == "Mara ran."


@given(hostile)
def test_nothing_forbidden_ever_remains(text: str) -> None:
    result = clean(text)
    assert not FORBIDDEN.search(result)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") and char != "\n" for char in result)


@given(hostile)
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(hostile, st.lists(st.integers(0, 40), max_size=6))
def test_pieces_equal_the_whole(text: str, cuts: list[int]) -> None:
    edges = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    stream = CleanStream()
    pieces = [stream.feed(text[a:b]) for a, b in itertools.pairwise(edges)]
    assert "".join([*pieces, stream.close()]) == clean(text)


def test_an_unterminated_sequence_swallows_its_line_only() -> None:
    assert clean("One\x1b]52;c;rest of line\nTwo") == "One\nTwo"


def test_a_stream_is_not_held_back_for_ever() -> None:
    stream = CleanStream()
    shown = stream.feed("Once. \x1b]0;" + "x" * 5000)
    assert shown == "Once. "
    assert stream.feed("\nThen.") == "\nThen."


def test_line_ends_tabs_and_foreign_letters() -> None:
    assert clean("a\r\nb\rc\u2028d\te") == "a\nb\nc\nd    e"
    assert clean("naïve “café” 日本語 👩") == "naïve “café” 日本語 👩"


def test_a_line_end_cut_in_two_is_one_line_end() -> None:
    stream = CleanStream()
    assert (
        stream.feed("a\r") + stream.feed("\nb\r") + stream.feed("c\r") + stream.close()
        == "a\nb\nc\n"
    )


def test_a_line_is_one_line() -> None:
    assert clean_line("  [/oops]\n\x1b[2J title\t ") == "[/oops] title"


def test_a_line_is_cut_with_a_sign_that_it_was() -> None:
    assert bounded("\x1b[2JOnce  upon", 9) == "Once upon"
    assert bounded("Once upon a time", 10) == "Once upon…"
    assert bounded("Once upon a time", 6) == "Once…", "no blank before the sign"
