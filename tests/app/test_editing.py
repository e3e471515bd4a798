"""Editing in place, throwing away, undo and redo: on the page, by key."""

from __future__ import annotations

import pytest

from talecraft.app.screens.writing import WritingScreen
from talecraft.studio import reading
from tests.app.conftest import begun, finished, notices, page_of, seen, typed, until


def read(app, page) -> list[str]:
    return [turn.prose for turn in reading.page(app.studio.library, page.story_id).path]


async def editing(pilot, page) -> None:
    await pilot.press("tab", "e")
    await until(pilot, lambda: page.editor.has_focus)


async def test_a_passage_is_edited_where_it_stands_and_the_edit_taken_back(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        first = read(app, page)[0]
        await editing(pilot, page)
        assert page.editor.text == first
        assert page.editor.region.y >= page.manuscript.region.y
        page.editor.move_cursor((0, 0))
        await typed(pilot, "Then: ")
        await pilot.press("escape")
        await until(pilot, lambda: not page.editor.is_open)
        assert read(app, page) == [f"Then: {first}"]
        assert "Then: The fox waited" in seen(pilot)
        assert "Ctrl+Z takes it back" in notices(pilot)
        (said,) = app.studio.writing.opinions(page.page.path[0].id)
        assert (said.kind, said.text) == ("edit", f"Then: {first}")
        await pilot.press("ctrl+z")
        assert read(app, page) == [first]
        await pilot.press("ctrl+y")
        assert read(app, page) == [f"Then: {first}"]


async def test_an_edit_that_changes_nothing_is_none(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await editing(pilot, page)
        await pilot.press("escape")
        await until(pilot, lambda: not page.editor.is_open)
        assert app.studio.writing.opinions(page.page.path[0].id) == []
        assert "Edited" not in notices(pilot)


async def test_an_empty_passage_is_refused_and_the_editor_stays(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await editing(pilot, page)
        page.editor.load_text("  ")
        await pilot.press("escape")
        await pilot.pause()
        assert page.editor.is_open
        assert "at least one letter" in notices(pilot)


async def test_an_edit_survives_the_end_of_the_program(running, make_app):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        story = page.story_id
        await editing(pilot, page)
        page.editor.move_cursor((0, 0))
        await typed(pilot, "Half an edit. ")
        await until(pilot, lambda: app.studio.library.branches.edited(story))
        app.end()
    again = make_app()
    async with again.run_test(size=(80, 24), notifications=True) as pilot:
        page = await page_of(again, pilot, story)
        await until(pilot, lambda: page.editor.is_open)
        assert page.editor.text.startswith("Half an edit. The fox")
        await pilot.press("escape")
        await until(pilot, lambda: not page.editor.is_open)
        assert read(again, page)[0].startswith("Half an edit. The fox")
        assert again.studio.library.branches.edited(story) == []


async def test_the_model_goes_on_from_the_cursor_as_another_version(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        first = page.page.path[0]
        await editing(pilot, page)
        page.editor.move_cursor((0, len("The fox waited")))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: not page.editor.is_open)
        await finished(app, pilot)
        assert read(app, page) == ["The fox waited and went on."]
        assert (page.page.version, page.page.versions) == (2, 2)
        assert app.studio.writing.opinions(first.id) == []


async def test_ones_own_passage_is_not_gone_on_from_by_the_model(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        app.studio.writing.say(page.story_id, "My own words.")
        page.reload()
        await editing(pilot, page)
        assert page.editor.text == "My own words."
        await pilot.press("end", "ctrl+g")
        await until(pilot, lambda: not page.editor.is_open)
        assert "your own" in notices(pilot)
        assert app.live is None


async def test_the_editor_keeps_to_the_text_in_a_small_window(running):
    async with running((60, 16)) as (app, pilot):
        page = await begun(app, pilot, "LONG harbour")
        await editing(pilot, page)
        region, manuscript = page.editor.region, page.manuscript.region
        assert manuscript.y <= region.y
        assert region.bottom <= manuscript.bottom
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        region, manuscript = page.editor.region, page.manuscript.region
        assert region.bottom <= manuscript.bottom
        assert page.editor.has_focus


async def test_what_was_sent_comes_back_into_the_composer(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await typed(pilot, "Rain fell.")
        await pilot.press("enter")
        await finished(app, pilot)
        assert len(read(app, page)) == 3
        await pilot.press("ctrl+z")
        assert len(read(app, page)) == 2
        assert page.composer.text == ""
        await pilot.press("ctrl+z")
        assert len(read(app, page)) == 1
        assert page.composer.text == "Rain fell."
        assert "your passage is taken back" in notices(pilot).lower()
        await pilot.press("tab", "ctrl+y")
        assert len(read(app, page)) == 2
        assert page.composer.text == "", "it would stand twice"
        await pilot.press("ctrl+y")
        assert len(read(app, page)) == 3
        await pilot.press("ctrl+y")
        assert "nothing to do again" in notices(pilot)


async def test_a_passage_is_thrown_away_and_brought_back(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        first = page.page.path[0]
        await typed(pilot, "Rain fell.")
        await pilot.press("enter")
        await finished(app, pilot)
        await pilot.press("tab", "k", "k", "k", "x")
        assert read(app, page) == []
        assert "with all that follows" in notices(pilot)
        assert "counts as an opinion" in notices(pilot)
        assert [one.kind for one in app.studio.writing.opinions(first.id)] == ["discard"]
        await pilot.press("ctrl+z")
        assert len(read(app, page)) == 3
        assert app.studio.writing.opinions(first.id) == []


async def test_nothing_to_edit_or_take_back_says_so(running):
    async with running() as (app, pilot):
        story = app.studio.writing.new_story("A harbour")
        page = await page_of(app, pilot, story.id)
        assert isinstance(page, WritingScreen)
        await pilot.press("tab", "ctrl+z")
        assert "nothing more to take back" in notices(pilot)
        await pilot.press("ctrl+y")
        assert "nothing to do again" in notices(pilot)


async def test_hostile_text_is_edited_as_letters(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "MARKUP harbour")
        await editing(pilot, page)
        assert "[red]blood[/red]" in page.editor.text
        await pilot.press("escape")
        await until(pilot, lambda: not page.editor.is_open)
        assert app.is_running


async def test_what_follows_makes_way_for_the_text_being_edited(running):
    """As much as it grows; and it has its place again afterwards."""
    async with running((80, 30)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        app.studio.writing.say(page.page.story.id, "Rain fell.")
        page.reload()
        await pilot.press("enter")
        await finished(app, pilot)
        follows = page.page.path[2].prose.split("\n")[0][:30]
        before = seen(pilot)
        await pilot.press("tab", "k", "k", "e")
        await until(pilot, lambda: page.editor.has_focus)
        for _ in range(6):
            await until(pilot, lambda: follows in seen(pilot))
            lines = seen(pilot).splitlines()
            at = next(n for n, line in enumerate(lines) if follows in line)
            assert at > page.editor.region.bottom, "a blank line between"
            await pilot.press("end", "enter", "x")
        assert page.editor.region.height > 6
        await pilot.press("escape")
        await until(pilot, lambda: not page.editor.is_open)
        await page.run_action("undo_step")
        app.clear_notifications()
        await pilot.pause()
        rows = [seen(pilot).splitlines(), before.splitlines()]
        then, first = ([n for n, one in enumerate(some) if follows in one] for some in rows)
        assert then == first


async def test_the_cursor_stands_at_the_end_or_where_the_passage_was_clicked(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour", turns=2)
        await editing(pilot, page)
        assert page.editor.cursor_location == page.editor.document.end
        await pilot.press("escape")
        await until(pilot, lambda: not page.editor.is_open)
        rows = seen(pilot).splitlines()
        y = next(at for at, row in enumerate(rows) if "The fox waited" in row) + 1  # its second row
        x = 3 + rows[y].index(rows[y].split()[1])
        await pilot.click("#manuscript", offset=(x, y - page.manuscript.region.y))
        await pilot.press("e")
        await until(pilot, lambda: page.editor.has_focus)
        at = len(page.editor.get_text_range((0, 0), page.editor.cursor_location))
        assert " ".join(page.editor.text[at:].split()).startswith(rows[y][x:].strip())
        assert 0 < at < len(page.editor.text)


@pytest.mark.parametrize("size", [(110, 34), (80, 40)])
async def test_the_editor_is_as_high_as_its_text_from_the_start(running, studio, size):
    """Paragraphs that wrap: the text below it would look as if it stood there twice."""
    story = studio.writing.new_story("A fox").id
    long = "The fox waited at the harbour. " * 4
    prose = "\n\n".join(f"Paragraph {n}. {long}" for n in range(4))
    studio.library.stories.add_turn(story, None, "model", prose + "\n", "- a", None)
    async with running(size) as (app, pilot):
        page = await page_of(app, pilot, story)
        await pilot.press("tab", "e")
        await until(pilot, lambda: page.editor.is_open)
        await pilot.pause(0.2)
        assert page.editor.size.height == page.editor.wrapped_document.height + 1
        assert seen(pilot).count("Paragraph 3.") == 1
        assert seen(pilot).count("Paragraph 0.") == 1
