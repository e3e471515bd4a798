"""What fits the model's window, and what leaves it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.story.context import Block
from talecraft.story.notes import NOT_CALLED
from talecraft.story.turns import LeftOut, Shown
from talecraft.story.window import (
    ALL_SHOWN,
    LIMIT,
    NO_BEGINNING,
    NO_END,
    NO_ROOM,
    Piece,
    assemble,
    fit,
)


class Words:
    """A token is a word; the form adds `form` of them before and after the head."""

    def __init__(self, form: int = 0) -> None:
        self._form = [-1] * form

    def encode(self, text: str) -> list[int]:
        return [int(word) for word in text.replace(".", " ").split()]

    def count(self, text: str) -> int:
        return len(self.encode(text))

    def block(self, block: Block) -> list[int]:
        return list(block.ids)

    def head(self, blocks: Sequence[Block]) -> list[Piece]:
        form = [Piece("form", "", self._form)] if self._form else []
        told = [Piece(one.source, one.name, self.encode(one.text)) for one in blocks]
        return [*form, *told, *form]

    def cut(self, text: str, most: int) -> str:
        return " ".join(text.split()[:most])


def numbers(count: int, start: int = 0) -> str:
    return " ".join(str(n) for n in range(start, start + count))


def premise(count: int = 10) -> Block:
    return Block(numbers(count), source="premise")


def passages(*lengths: int, first: int = 1) -> list[Block]:
    """Of ids from 1,000 on, each with its own; the beat of passage n is one word, 500 + n."""
    ids = itertools.count(1000)
    return [
        Block("", [next(ids) for _ in range(length)], name=str(n), beat=str(500 + n))
        for n, length in enumerate(lengths, first)
    ]


SUMMARY = Block("", source="summary")


def entry(name: str, count: int, priority: int = 0, left: str = "", limit: int = 0) -> Block:
    return Block(
        numbers(count, 200), source="lore", name=name, left=left, priority=priority, limit=limit
    )


def test_nothing_leaves_while_there_is_room() -> None:
    assert fit([30, 60], 90) == 0
    assert fit([], 100) == 0


def test_text_leaves_in_quarters() -> None:
    # 10 too many: a step of 25 must leave, which takes two passages of 20.
    assert fit([20, 20, 20, 20, 30], 100) == 2
    # 30 too many: two steps, 50, three passages.
    assert fit([20, 20, 20, 20, 20, 30], 100) == 3


def test_the_newest_stays_even_when_too_long() -> None:
    assert fit([10, 10, 500], 100) == 2
    assert fit([500], 100) == 0


def test_what_is_shown_is_said_in_order() -> None:
    note = Block("7 8", source="note")
    story = [
        premise(), Block("50 51", source="memory"), entry("Owls", 2),
        *passages(3), note, *passages(2, first=2),
    ]  # fmt: skip
    window = assemble(story, Words(1), 100)
    assert window.shown == [
        Shown("form", "", 1), Shown("premise", "", 10), Shown("memory", "", 2),
        Shown("lore", "Owls", 2), Shown("form", "", 1), Shown("text", "1", 3),
        Shown("note", "", 2), Shown("text", "2", 2),
    ]  # fmt: skip
    assert len(window.ids) == sum(one.tokens for one in window.shown)
    assert window.left_out == []


def test_what_leaves_is_told_in_the_story_so_far() -> None:
    story = [premise(), SUMMARY, *passages(*[20] * 6)]
    window = assemble(story, Words(), 100)
    # 130 in 100 less an eighth for the summary: of 78 left 42 are over, three steps of 19.
    assert [one.name for one in window.pieces if one.source == "text"] == ["4", "5", "6"]
    assert window.pieces[1] == Piece("summary", "", [501, 502, 503])
    assert window.left_out == [LeftOut("text", "1-3", 60, NO_ROOM)]


def test_the_writers_summary_comes_before_the_beats() -> None:
    told = Block("90 91", source="summary", earlier=["501", "502"])
    window = assemble([premise(), told, *passages(*[20] * 5, first=3)], Words(), 100)
    assert window.pieces[1].ids == [90, 91, 501, 502, 503, 504]
    assert window.left_out == [LeftOut("text", "1-4", 0, NO_ROOM)], "not all were counted"


def test_a_long_summary_leaves_room_for_beats_and_says_what_it_lost() -> None:
    told = Block(numbers(40, 50), source="summary")
    window = assemble([premise(), told, *passages(*[20] * 6)], Words(), 100)
    # 12 tokens for it, one of them its line's end; three quarters of the rest are the writer's.
    assert window.pieces[1].ids[:8] == list(range(50, 58))
    assert window.pieces[1].ids[8:] == [501, 502, 503]
    assert LeftOut("summary", "", 32, NO_END) in window.left_out


def test_what_is_shortened_keeps_its_end() -> None:
    note = Block(f"{numbers(40, 300)} 99", source="note", end=" 99")
    aside = Block(f"{numbers(9, 400)} 88", source="lore", name="a", end=" 88", limit=4, late=True)
    window = assemble([premise(), aside, *passages(*[30] * 3), note], Words(), 100)
    assert window.pieces[-1].ids == [*range(300, 311), 99]
    shown = {one.name: one.ids for one in window.pieces if one.source == "lore"}
    assert shown == {"a": [400, 401, 402, 88]}
    assert LeftOut("note", "", 29, NO_END) in window.left_out
    assert LeftOut("lore", "a", 6, LIMIT) in window.left_out


def test_a_summary_of_what_is_all_there_is_not_shown() -> None:
    told = Block("90 91", source="summary")
    window = assemble([premise(), told, *passages(20)], Words(), 100)
    assert window.left_out == [LeftOut("summary", "", 2, ALL_SHOWN)]


def test_the_weightiest_entries_come_in_while_there_is_room_for_them() -> None:
    story = [
        premise(), entry("a", 15, 1), entry("b", 12, 3), entry("c", 8, 2, limit=5),
        entry("d", 2, 9, left="not spoken of"), SUMMARY, *passages(*[20] * 5),
    ]  # fmt: skip
    window = assemble(story, Words(), 100)  # 25 of it for lore
    assert [(one.name, len(one.ids)) for one in window.pieces if one.source == "lore"] == [
        ("b", 12), ("c", 5),
    ]  # fmt: skip
    assert window.left_out[:3] == [
        LeftOut("lore", "d", 2, "not spoken of"), LeftOut("lore", "c", 3, LIMIT),
        LeftOut("lore", "a", 15, NO_ROOM),
    ]  # fmt: skip


def test_many_that_nobody_spoke_of_are_told_as_one() -> None:
    idle = [entry(str(n), 2, left=NOT_CALLED) for n in range(21)]
    few = assemble([premise(), *idle[:20]], Words(), 100).left_out
    assert [one.name for one in few] == [str(n) for n in range(20)]
    many = assemble([premise(), *idle], Words(), 100).left_out
    assert many == [LeftOut("lore", "21 entries", 42, NOT_CALLED)]


def test_the_text_stays_where_it_is_while_entries_come_and_go() -> None:
    def texts(*left: str) -> list[str]:
        entries = [entry(str(n), 8, left=one) for n, one in enumerate(left)]
        window = assemble([premise(), *entries, SUMMARY, *passages(*[11] * 9)], Words(), 120)
        return [one.name for one in window.pieces if one.source == "text"]

    assert texts("", "", "") == texts("x", "", "x") == texts("x", "x", "x")


def test_a_long_premise_is_cut_only_where_it_must_be() -> None:
    last = passages(30)[0]
    assert assemble([premise(60), last], Words(), 100).ids == [*range(60), *last.ids]
    assert assemble([premise(60), last], Words(), 80).ids == [*range(40), *last.ids]
    assert assemble([premise(60)], Words(), 50).ids == list(range(50))
    cut = assemble([premise(60), *passages(90)], Words(), 80)
    assert cut.left_out == [
        LeftOut("premise", "", 20, NO_END), LeftOut("text", "1", 50, NO_BEGINNING),
    ]  # fmt: skip


texts = st.lists(st.integers(1, 60), max_size=30)
sizes = st.integers(0, 80)


@given(
    st.integers(1, 80), sizes, sizes, sizes, texts, texts, st.integers(0, 5), st.integers(40, 300)
)
def test_the_budget_is_kept_and_the_newest_word_is_there(
    first: int, memory: int, note: int, own: int, lore: list[int], lengths: list[int],
    form: int, budget: int,
) -> None:  # fmt: skip
    story = [
        premise(first), Block(numbers(memory), source="memory"),
        *[entry(str(n), size, n % 3, "x" * (n % 2), n % 5 * 4) for n, size in enumerate(lore)],
        Block(numbers(own), source="summary"), *passages(*lengths),
    ]  # fmt: skip
    story.insert(max(len(story) - 2, 3), Block(numbers(note), source="note"))
    window = assemble(story, Words(form), budget)
    assert len(window.ids) <= budget
    if lengths:
        assert window.ids[-1] == story[-1].ids[-1]
    names = [one.name for one in window.pieces if one.source == "text"]
    assert names == [str(n) for n in range(len(lengths) - len(names) + 1, len(lengths) + 1)]
    whole = form * 2 + first + memory + note + own + sum(lore) + sum(lengths)
    if whole <= budget and own == 0:
        assert len(names) == len(lengths)
        assert not any(one.why == NO_ROOM for one in window.left_out)


@given(texts, st.integers(60, 300))
def test_the_prefix_is_stable_between_drops(lengths: list[int], budget: int) -> None:
    """While a story grows the dropped count never falls, and each drop frees a quarter or more."""
    before = 0
    for end in range(1, len(lengths) + 1):
        dropped = fit(lengths[:end], budget)
        assert dropped >= before
        if dropped > before and dropped < end - 1:
            gone = sum(lengths[:dropped])
            assert sum(lengths[:end]) - gone <= budget
            assert gone >= budget // 4
        before = dropped


def test_drops_are_rare() -> None:
    """Sixty passages of 20 tokens in a window of 200: a drop every second or third, not each."""
    drops = [fit([20] * n, 200) for n in range(1, 61)]
    changes = sum(a != b for a, b in itertools.pairwise(drops))
    assert drops[-1] > 40
    assert changes <= len(drops) / 2


@pytest.mark.parametrize("budget", [60, 100, 180])
def test_the_head_changes_only_when_text_leaves(budget: int) -> None:
    """Turn by turn: what stood before stands there still, unless the beginning has moved."""
    before: list[int] = []
    dropped = 0
    for end in range(1, 60):
        window = assemble([premise(), SUMMARY, *passages(*[9] * end)], Words(), budget)
        gone = end - sum(one.source == "text" for one in window.pieces)
        if gone == dropped:
            assert window.ids[: len(before)] == before
        before, dropped = window.ids, gone
