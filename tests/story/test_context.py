"""What the model is shown, and what leaves when the window is full."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.story.context import Block, PromptStyle, assemble, blocks, fit
from talecraft.story.turns import Generation, Sampling, Story, Turn

STYLE = PromptStyle()
STORY = Story(1, "T", " A fox. ", None, "", "")


def made(model: str = "m", prose_end: int = 3) -> Generation:
    return Generation(
        model, "r1", "none", None, "eager", Sampling(), [1], [10, 11, 12, 99], [False] * 4, 1,
        prose_end, [0.0] * 4, [0.0] * 4, "end", 0.1,
    )  # fmt: skip


def test_blocks_follow_the_pattern() -> None:
    path = [
        Turn(1, 1, None, "model", " - plan ", " It ran. ", "", made()),
        Turn(2, 1, 1, "writer", "", "It hid.", ""),
        Turn(3, 1, 2, "model", "", "It slept.", "", made(model="other")),
    ]
    assert blocks(STORY, path, STYLE, "m@r1") == [
        Block("<prompt>\nA fox.\n"),
        Block("<think>\n- plan\n<story>\nIt ran.\n", [10, 11, 12]),  # the stop tag is not carried
        Block("<story>\nIt hid.\n"),
        Block("<story>\nIt slept.\n"),  # another model's ids mean nothing here
    ]
    assert blocks(STORY, path, STYLE, "m@r2")[1].ids == []


def test_the_prose_tag_is_bare() -> None:
    assert PromptStyle(story_open="\n<story>\n").prose_tag == "<story>"


def test_nothing_leaves_while_there_is_room() -> None:
    assert fit([10, 30, 60], 100) == 0
    assert fit([], 100) == 0


def test_text_leaves_in_quarters() -> None:
    # 10 too many: a step of 25 must leave, which takes two blocks of 20.
    assert fit([10, 20, 20, 20, 20, 20], 100) == 2
    # 30 too many: two steps, 50, three blocks.
    assert fit([10, 20, 20, 20, 20, 20, 20], 100) == 3


def test_premise_and_newest_stay_even_when_too_long() -> None:
    assert fit([50, 10, 10, 500], 100) == 2
    assert fit([500], 100) == 0


lengths = st.lists(st.integers(1, 60), min_size=1, max_size=40)


@given(lengths, st.integers(16, 300))
def test_the_budget_is_kept(sizes: list[int], budget: int) -> None:
    numbers = itertools.count()
    story = [Block("", [next(numbers) for _ in range(size)]) for size in sizes]
    ids = assemble(story, lambda block: block.ids, budget)
    assert len(ids) <= budget
    if len(sizes) > 1:
        assert ids[-1] == story[-1].ids[-1]  # the newest word is always there
    assert ids[0] == story[0].ids[0]  # and so is the premise
    if sum(sizes) <= budget:
        assert ids == [token for block in story for token in block.ids]


@given(lengths, st.integers(60, 300))
def test_the_prefix_is_stable_between_drops(sizes: list[int], budget: int) -> None:
    """While a story grows the dropped count never falls, and each drop frees a quarter or more."""
    step = budget // 4
    before = 0
    for end in range(1, len(sizes) + 1):
        dropped = fit(sizes[:end], budget)
        assert dropped >= before
        if dropped > before and dropped < end - 2:
            gone = sum(sizes[1 : 1 + dropped])
            assert sum(sizes[:end]) - gone <= budget
            assert gone >= step
        before = dropped


def test_drops_are_rare() -> None:
    """Sixty passages of 20 tokens in a window of 200: a drop every second or third, not each."""
    drops = [fit([20] * n, 200) for n in range(1, 61)]
    changes = sum(a != b for a, b in itertools.pairwise(drops))
    assert drops[-1] > 40
    assert changes <= len(drops) / 2


def test_a_long_premise_is_cut_only_where_it_must_be() -> None:
    premise, last = Block("", list(range(60))), Block("", list(range(100, 130)))
    whole = assemble([premise, last], lambda block: block.ids, 100)
    assert whole == [*range(60), *range(100, 130)]
    cut = assemble([premise, last], lambda block: block.ids, 80)
    assert cut == [*range(40), *range(100, 130)]
    assert assemble([premise], lambda block: block.ids, 50) == list(range(50))


@pytest.mark.parametrize(
    ("think_open", "outline", "added"),
    [
        ("<think>\n", "- a\n", "- The end\n"),
        ("<think>\n", "- a", "\n- The end\n"),
        ("<think>\n", "", "- The end\n"),
        ("<think>\n", "- a\n- The end\n", ""),
        ("Plan:\n- ", "", "The end\n"),
        ("Plan:\n- ", "The end", ""),
        ("Plan:\n- ", "a\n- The end", ""),
        ("<think>\n", "- Not The end", "\n- The end\n"),
    ],
)
def test_a_plan_asks_for_the_end_once(think_open: str, outline: str, added: str) -> None:
    assert PromptStyle(think_open=think_open).asked_to_end(outline) == added
