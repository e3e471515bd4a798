"""The story so far, fading with its age."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from talecraft.story.sofar import beat, faded, fitted, joined
from talecraft.story.turns import Turn


def turn(outline: str, prose: str, author: str = "model") -> Turn:
    return Turn(1, 1, None, author, outline, prose, "")  # type: ignore[arg-type]


def test_a_beat_is_the_plans_or_what_the_prose_tells() -> None:
    assert beat(turn("\n- Ro finds a key\n- She opens the door", "Ro ran.")) == "Ro finds a key"
    prose = "It was so. The miller's daughter hid the silver key under a stone. She went."
    assert beat(turn("", prose)) == "The miller's daughter hid the silver key under a stone"
    assert beat(turn("- a plan", prose, "writer")).startswith("The miller's")
    assert beat(turn("", "…")) == ""
    assert beat(turn("- \n* Ro ran", "x")) == "Ro ran"


def test_older_lines_fade() -> None:
    assert faded([1, 2, 3], 3) == [1, 2, 3]
    assert faded(range(16), 8) == [0, 4, 8, 10, 12, 13, 14, 15]
    assert faded(range(5), 0) == []
    assert faded(range(40), 8) == [0, 16, 32, 36, 38, 39]
    assert faded(range(1000), 6) == [0, 256, 512, 768], "some from all of it"


@given(st.integers(0, 2000), st.integers(1, 60))
def test_as_many_stay_as_there_is_room_for_in_order(count: int, keep: int) -> None:
    kept = faded(range(count), keep)
    assert kept == sorted(set(kept))
    assert len(kept) <= keep
    assert len(kept) >= min(count, keep) // 3
    if count:
        assert kept[0] == 0 or count <= keep


@given(st.lists(st.text("ab ", min_size=1, max_size=30), max_size=40), st.integers(0, 200))
def test_what_is_told_fits(lines: list[str], most: int) -> None:
    told = fitted("Own words.", lines, most, len)
    assert told == "Own words." or len(told) <= most
    kept = [n for n in range(len(lines) + 1) if len(joined("Own words.", faded(lines, n))) <= most]
    if kept == list(range(len(lines) + 1)):
        assert told == joined("Own words.", lines)
    elif kept:
        assert len(told) > len("Own words.") or not any(faded(lines, n) for n in kept)


def test_lines_become_sentences() -> None:
    assert (
        joined("So far, so good. ", ["Ro ran", "", "Who fell?"])
        == "So far, so good. Ro ran. Who fell?"
    )
    assert fitted("", [], 10, len) == ""
