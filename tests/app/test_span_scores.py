"""Words selected with the mouse are scored by themselves."""

from __future__ import annotations

from talecraft.story.feedback import SPAN, SPAN_WEIGHT, Score
from talecraft.studio import reading
from tests.app.conftest import begun, notices, seen, until


async def select(pilot, page, words: str, until: str = "") -> None:
    """Drag the mouse over `words`, or from there to the end of `until`."""
    rows = seen(pilot).splitlines()
    begin = next(at for at, row in enumerate(rows) if words in row)
    end = next(at for at, row in enumerate(rows) if (until or words) in row)
    await pilot.mouse_down(offset=(rows[begin].index(words), begin))
    last = (rows[end].index(until or words) + len(until or words) - 1, end)
    await pilot.hover(offset=last)
    await pilot.mouse_up(offset=last)
    await pilot.pause()


def scores(app, page):
    return reading.page(app.studio.library, page.story_id).scores


async def test_words_are_scored_and_the_passage_is_not(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        turn = page.page.path[0].id
        await select(pilot, page, "nets were drying")
        assert page.manuscript.has_focus
        await pilot.press("5")
        (said,) = app.studio.writing.opinions(turn)
        assert (said.kind, said.value, said.note) == ("stars", 5, "nets were drying")
        assert said.tags == (SPAN,)
        assert scores(app, page) == {turn: Score(5, SPAN_WEIGHT)}
        assert "3 words of the passage scored by themselves: 5 of 5" in notices(pilot)
        assert "5 of 5 for some of its words" in seen(pilot)
        assert page.manuscript.selected is None
        await pilot.press("2")
        assert scores(app, page) == {turn: Score(2, 1.0)}, "without a selection the whole passage"
        await pilot.press("u")
        assert app.studio.writing.opinions(turn) == []


async def test_signs_score_words_too_also_over_a_line_break(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        turn = page.page.path[0].id
        await select(pilot, page, "asked it why. At", until="noon a boat")
        await pilot.press("minus")
        (said,) = app.studio.writing.opinions(turn)
        assert (said.kind, said.value) == ("thumb", -1)
        assert said.note == "asked it why. At noon a boat"


async def test_ones_own_words_and_two_passages_at_once_are_not_scored(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        app.studio.writing.say(page.story_id, "Rain fell on it.")
        page.reload()
        await pilot.pause()
        await select(pilot, page, "Rain fell")
        await pilot.press("4")
        assert "writer's own" in notices(pilot)
        await select(pilot, page, "that is one way", until="Rain fell")
        await pilot.press("4")
        assert "words of one passage" in notices(pilot)
        assert scores(app, page) == {}


async def test_in_the_editor_selected_words_are_scored_by_key(running, studio):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab", "e")
        await until(pilot, lambda: page.editor.has_focus)
        await pilot.press("alt+4")
        assert studio.library.feedback.of_story(page.story_id) == [], "no words are selected"
        page.editor.move_cursor((0, 0))
        page.editor.move_cursor((0, 7), select=True)
        await pilot.press("alt+4")
        await until(pilot, lambda: "2 words of the passage scored" in notices(pilot))
        (line,) = studio.library.feedback.of_story(page.story_id)
        assert (line.kind, line.value, line.tags, line.note) == ("stars", 4, ("span",), "The fox")
        assert page.editor.is_open
