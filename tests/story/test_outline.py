"""The splitter gives the same plan and prose however the stream is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.story.outline import OutlineSplitter, Piece

STOPS = ("<think>", "<story>", "<prompt>", "<eos>")
fragments = st.lists(
    st.sampled_from(["<story>", "<think>", "<eos>", "<sto", "<", ">", "Mara ran.", "\n", "- a"]),
    max_size=8,
).map("".join)


def split(text: str, size: int, part: str = "think") -> tuple[dict[str, str], OutlineSplitter]:
    splitter = OutlineSplitter("<story>", STOPS, part)  # type: ignore[arg-type]
    pieces: list[Piece] = []
    for at in range(0, len(text), size):
        pieces += splitter.feed(text[at : at + size])
    pieces += splitter.close()
    assert all(piece.text for piece in pieces)
    joined: dict[str, str] = {}
    for piece in pieces:
        joined[piece.part] = joined.get(piece.part, "") + piece.text
    return joined, splitter


@pytest.mark.parametrize("size", range(1, 12))
def test_plan_then_prose_then_end(size: int) -> None:
    text = "- a fox\n<story>\nThe fox ran.\n<eos>never seen"
    parts, splitter = split(text, size)
    assert parts == {"think": "- a fox\n", "prose": "\nThe fox ran.\n"}
    assert splitter.part == "done"
    assert splitter.prose_at == len("- a fox\n<story>")
    assert splitter.ended_at == text.index("<eos>")


@given(fragments, st.integers(1, 9))
def test_any_chunking_gives_the_same(text: str, size: int) -> None:
    parts, splitter = split(text, size)
    whole, reference = split(text, max(1, len(text)))
    assert parts == whole
    assert (splitter.part, splitter.prose_at, splitter.ended_at) == (
        reference.part,
        reference.prose_at,
        reference.ended_at,
    )


@given(fragments)
def test_nothing_is_lost_before_the_end(text: str) -> None:
    parts, splitter = split(text, 3)
    seen = text if splitter.ended_at is None else text[: splitter.ended_at]
    assert parts.get("think", "") + parts.get("prose", "") == seen.replace("<story>", "", 1)


def test_a_beginning_of_a_tag_is_held_back_until_it_is_none() -> None:
    splitter = OutlineSplitter("<story>", STOPS)
    assert splitter.feed("a <st") == [Piece("think", "a ")]
    assert splitter.feed("ar>") == [Piece("think", "<star>")]


def test_a_stop_in_the_plan_leaves_no_prose_until_it_is_forced() -> None:
    splitter = OutlineSplitter("<story>", STOPS)
    assert splitter.feed("- plan<eos>") == [Piece("think", "- plan")]
    assert (splitter.part, splitter.prose_at) == ("done", None)
    assert splitter.force_prose() == []
    assert splitter.part == "prose"
    assert splitter.feed("Now.") == [Piece("prose", "Now.")]


def test_a_forced_close_gives_what_was_held_to_the_plan() -> None:
    splitter = OutlineSplitter("<story>", STOPS)
    assert splitter.feed("- plan <sto") == [Piece("think", "- plan ")]
    assert splitter.force_prose() == [Piece("think", "<sto")]
    splitter.resume(len("- plan <sto<story>\n"))  # the program wrote the tag itself
    assert splitter.prose_at == len("- plan <sto<story>\n")
    assert splitter.feed("Then.<eos>") == [Piece("prose", "Then.")]
    assert splitter.part == "done"


def test_the_prose_tag_within_prose_ends_the_turn() -> None:
    parts, splitter = split("Once.<story>Again.", 4, part="prose")
    assert parts == {"prose": "Once."}
    assert splitter.prose_at == 0
