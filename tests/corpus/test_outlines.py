"""Plans taken from passages and summaries."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talecraft.corpus import outlines, passages

TEXT = (
    "Once upon a time there was a little fox named Nell. She lived under an old oak by the river."
    "\n\n"
    "One day, Nell found a silver key in the mud. \"What does it open?\" she asked. She carried the"
    " key to the owl and showed it to him.\n\n"
    "The owl looked at the key for a long time. Then he led Nell to a small door in the hill."
    " Nell opened the door and saw a room full of stars.\n\n"
    "The stars danced around her until the morning came. Nell thanked the owl and went home."
)  # fmt: skip


def test_beats_tell_what_happens_in_order_and_in_the_present() -> None:
    assert outlines.beats(TEXT) == (
        "Nell finds a silver key in the mud",
        "He leads Nell to a small door in the hill",
        "Nell opens the door and sees a room full of stars",
    )


def test_nothing_whole_is_no_plan() -> None:
    assert outlines.beats('"Oh!" cried the fox. Very well. Why not?') == ()


def test_a_summarys_beats_stand_where_they_happen() -> None:
    parts = ["The fox finds a key in the mud.", "Rain all day.", "The owl opens a door for her."]
    beats = ["A fox finds a key", "The owl opens the door", "The queen of Spain sneezes loudly"]
    assert outlines.placed(beats, parts) == [
        ("A fox finds a key",),
        (),
        ("The owl opens the door",),
    ]
    # order is kept: the second beat cannot stand before the first
    assert outlines.placed(beats[1::-1], parts) in (
        [("A fox finds a key",), (), ()],
        [(), (), ("The owl opens the door",)],
    )


def test_following_is_counted_in_stems() -> None:
    # opens/opened, door, owl are there; stars is not
    assert outlines.followed("- The owl opens a door of stars", "An owl opened the doors.") == 0.75
    assert outlines.followed("- It is so", "An owl.") is None


def test_copied_means_six_words_in_a_row() -> None:
    prose = "One day, Nell found a silver key in the deep mud."
    assert outlines.copied("- nell found a silver key in", prose)
    assert outlines.copied("- Nell finds a silver key in the deep mud", prose)
    assert not outlines.copied("- Nell finds a silver key in the mud", prose)
    assert not outlines.copied("- Nell found a silver\n- key in the deep", prose)


words = st.lists(st.sampled_from('the fox ran home. She saw it, "No!" \n\n Then'.split(" ")))


@given(words.map(" ".join), st.integers(0, 9))
@settings(max_examples=60)
def test_cutting_loses_no_word_and_keeps_the_order(text: str, seed: int) -> None:
    parts = passages.cut(text, random.Random(seed))
    assert " ".join(parts).split() == text.split()


def test_passages_have_a_turns_length() -> None:
    text = "\n\n".join([TEXT] * 8)
    sizes = [len(one.split()) for one in passages.cut(text, random.Random(1))]
    assert all(25 <= size <= passages.LONGEST for size in sizes)
    assert len(set(sizes)) > 3


def test_a_story_alone_becomes_a_tale() -> None:
    tale = passages.tale(TEXT, "", random.Random(3))
    assert tale.prose.split() == TEXT.split()
    assert re.match(r"(A little fox named Nell|She|Nell)", tale.premise)
    assert any(one.outline for one in tale.passages)
    assert passages.tale(TEXT, "My premise", random.Random(3)).premise == "My premise"


@pytest.mark.parametrize("text", ["", "?!", "...", "\n\n", "“", "a"])
def test_odd_texts_do_no_harm(text: str) -> None:
    assert passages.cut(text, random.Random(0)) in ([], [text.strip()])
    assert outlines.beats(text) == ()
