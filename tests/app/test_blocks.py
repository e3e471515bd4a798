"""Only what is near the reader is wrapped, and nobody can tell from what is read."""

from __future__ import annotations

import random

import pytest

from talecraft.app.widgets import block_view
from talecraft.app.widgets.blocks import Block, Column, Place, Setting
from talecraft.app.widgets.pages import Layout, Line
from talecraft.story.turns import Story, Turn
from talecraft.studio.reading import Page
from tests.app.conftest import page_of, until

WORDS = "the keeper counted ships that did not come and wrote them down".split()


def prose(number: int, size: int = 60) -> str:
    dice = random.Random(number)
    words = [f"Passage {number}.", *dice.choices(WORDS, k=size)]
    return " ".join(words[:20]) + "\n\n" + " ".join(words[20:])


def page(count: int, skip: int = -1) -> Page:
    path = [
        Turn(n, 1, None, "model", "- a", "" if n == skip else prose(n), "") for n in range(count)
    ]
    return Page(Story(1, "A harbour", "A harbour", None, "", ""), path, 1, 1, {}, 0)


def layout(width: int = 40) -> Layout:
    made = Layout()
    made.width = width
    return made


def rows(column: Column) -> list[Line]:
    return [column.line(row) for row in range(column.height)]


def test_a_column_measured_in_pieces_is_the_column_measured_at_once():
    whole, pieces = (Column(Setting(layout()).blocks(page(50), 50, None)) for _ in "ab")
    whole.measure(0, whole.height)
    dice = random.Random(1)
    while any(pieces.guessed()):
        row = dice.randrange(pieces.height)
        pieces.measure(row, row + 5)
    assert rows(pieces) == rows(whole)
    assert not whole.measure(0, whole.height), "nothing more moves"


def test_a_place_is_found_again_whatever_is_measured_and_at_another_width():
    column = Column(Setting(layout()).blocks(page(50), 50, None))
    row = column.find(Place(30, 150))
    column.measure(row, row + 1)
    row = column.find(Place(30, 150))
    text = column.line(row).text
    assert column.line(row).passage == 30
    assert column.place(row).passage == 30
    assert column.find(column.place(row)) == row
    assert column.measure(0, column.height)
    assert column.line(column.find(Place(30, 150))).text == text
    wide = Column(Setting(layout(72)).blocks(page(50), 50, None))
    found = wide.find(column.place(column.find(Place(30, 150))))
    wide.measure(found, found + 1)
    found = wide.find(Place(30, 150))
    assert text.split()[0] in wide.line(found).text


def test_a_passage_without_prose_has_no_block_and_no_place():
    column = Column(Setting(layout()).blocks(page(9, skip=4), 9, None))
    assert [block.passage for block in column.blocks] == [None, 0, 1, 2, 3, 5, 6, 7, 8]
    assert column.find(Place(4, 10)) == 0


def test_a_block_that_stays_is_not_wrapped_again():
    setting = Setting(layout())
    first, again = setting.blocks(page(5), 5, None), setting.blocks(page(6), 6, None)
    assert [a is b for a, b in zip(first[1:], again[1:], strict=False)] == [True] * 5
    other = setting.blocks(page(5), 5, ("- a plan", False))
    assert [a is b for a, b in zip(first[1:], other[1:], strict=True)] == [True] * 4 + [False]
    assert other[-1].lines[1].text == "  • a plan"


def test_an_empty_column_can_be_asked_anything():
    column = Column()
    assert column.height == 1
    assert column.line(0).text == ""
    assert column.place(3) == Place(None, 0)
    assert column.find(Place(2, 5)) == 0
    assert not column.measure(-5, 5)


@pytest.fixture
def long_story(studio) -> int:
    story = studio.writing.new_story("A long evening at the harbour")
    leaf = None
    with studio.library.transaction():
        for number in range(400):
            leaf = studio.library.stories.add_turn(story.id, leaf, "writer", prose(number)).id
    return story.id


async def test_pages_up_through_a_story_that_is_still_a_guess_lose_no_line(
    running, long_story, monkeypatch
):
    """Every line is seen once, in order, though heights change while one reads."""
    monkeypatch.setattr(block_view, "_NEAR", 0)
    monkeypatch.setattr(block_view, "_REST", 1_000.0)
    async with running((80, 24)) as (app, pilot):
        page = await page_of(app, pilot, long_story)
        manuscript = page.manuscript
        assert any(manuscript._column.guessed())
        read = list(manuscript.visible_text)
        for _ in range(40):
            before = list(manuscript.visible_text)
            await pilot.press("pageup")
            shown = list(manuscript.visible_text)
            assert shown[-2:] == before[:2], "two lines of the page before stay in sight"
            read = shown[:-2] + read
        whole = Column(Setting(manuscript._layout_of).blocks(page.page, 400, None))
        whole.measure(0, whole.height)
        texts = [line.text for line in rows(whole)]
        assert read == texts[-len(read) :]


async def test_when_the_rest_is_wrapped_what_is_read_stays_where_it_is(
    running, long_story, monkeypatch
):
    monkeypatch.setattr(block_view, "_NEAR", 0)
    async with running((80, 24)) as (app, pilot):
        page = await page_of(app, pilot, long_story)
        await pilot.press("pageup", "pageup")
        before = list(page.manuscript.visible_text)
        await until(pilot, lambda: page.manuscript._wrapping is None)
        assert not any(page.manuscript._column.guessed())
        assert list(page.manuscript.visible_text) == before


def test_a_blocks_height_is_a_guess_until_it_is_measured():
    block = Block(0, 7, lambda: [Line("a", "model", 0)])
    column = Column([block])
    block.wrap()
    assert (block.height, block.is_measured) == (7, False)
    assert column.measure(0, 1)
    assert (block.height, column.height) == (1, 2)
