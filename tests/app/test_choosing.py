"""Versions side by side: written, chosen by key or click, left alone, stopped."""

from __future__ import annotations

import pytest

from talecraft.app.screens.choosing import ChoosingScreen
from talecraft.app.screens.writing import WritingScreen
from talecraft.config.entries import find
from talecraft.studio import reading
from tests.app.conftest import begun, generation, notices, page_of, seen, typed, until

WIDE = (120, 40)


async def asked(app, pilot) -> None:
    if app.focused is app.screen.composer:
        await pilot.press("tab")
    await pilot.press("v")
    await until(pilot, lambda: isinstance(app.screen, ChoosingScreen))


async def test_a_version_is_chosen_by_its_letter(running):
    async with running(WIDE) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        first = page.page.path[0]
        await asked(app, pilot)
        text = seen(pilot)
        assert "Which one does the story go on with?" in text
        assert "She walked down to the water" in text
        await pilot.press("d")
        assert isinstance(app.screen, ChoosingScreen), "there are three"
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        path = reading.page(app.studio.library, page.story_id).path
        assert path[0].prose.startswith("She walked down")
        (said,) = app.studio.writing.opinions(path[0].id)
        assert said.kind == "choice"
        assert first.id in said.others
        assert "She walked down" in seen(pilot)
        assert app.focused is page.manuscript, "back where they were asked for"
        await pilot.press("ctrl+z")
        assert "The fox waited" in seen(pilot)
        assert app.studio.writing.opinions(path[0].id) == [], "the opinion goes with it"
        await pilot.press("ctrl+y")
        (again,) = app.studio.writing.opinions(path[0].id)
        assert (again.kind, again.value, again.others) == ("choice", 1, said.others)


@pytest.mark.parametrize("count", [2, 4])
async def test_there_are_as_many_as_the_settings_say(running, count):
    async with running(WIDE) as (app, pilot):
        app.studio.preferences.put(find("writing.versions"), str(count))
        await begun(app, pilot, "A harbour")
        await asked(app, pilot)
        assert len(app.screen.query(".version")) == count


async def test_the_version_that_is_read_can_be_chosen_and_that_taken_back(running):
    async with running(WIDE) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await asked(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: app.screen is page)
        turn = page.page.path[0]
        assert [one.kind for one in app.studio.writing.opinions(turn.id)] == ["choice"]
        await pilot.press("ctrl+z")
        assert page.page.path[0].id == turn.id, "the passage stays"
        assert app.studio.writing.opinions(turn.id) == []


async def test_an_earlier_choice_stands_again_when_the_later_one_is_taken_back(studio):
    story = studio.writing.new_story("A harbour").id
    turns = [
        studio.library.stories.add_turn(story, None, "model", word, "", generation(studio, n))
        for n, word in enumerate(("one", "two", "three"))
    ]
    studio.branching.choose(turns[:2], turns[0])
    studio.branching.choose(turns, turns[0])
    studio.branching.undo(story)
    (said,) = studio.writing.opinions(turns[0].id)
    assert said.others == (turns[1].id,)


async def test_versions_in_the_midst_are_gone_through_with_what_follows_them(running, studio):
    stories, branching = studio.library.stories, studio.branching
    story = studio.writing.new_story("A harbour").id
    first = stories.add_turn(story, None, "model", "One.", "", generation(studio, 1))
    stories.add_turn(story, first.id, "model", "Two.", "", generation(studio, 2))
    other = stories.add_turn(story, None, "model", "Uno.", "", generation(studio, 3))
    stories.add_turn(story, other.id, "model", "Due.", "", generation(studio, 4))
    branching.go_to(first.id)
    async with running(WIDE) as (app, pilot):
        page = await page_of(app, pilot, story)
        await pilot.press("tab", "k", "k")
        assert "version 1 of 2" in seen(pilot)
        await pilot.press("right")
        assert [turn.prose for turn in page.page.path] == ["Uno.", "Due."]
        assert "version 2 of 2" in seen(pilot)
        await pilot.press("left")
        assert [turn.prose for turn in page.page.path] == ["One.", "Two."]


async def test_none_of_them_leaves_the_page_as_it_was_and_the_versions_there(running):
    async with running((80, 24)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await asked(app, pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        assert page.page.path[0].prose.startswith("The fox")
        assert page.page.versions == 3
        assert app.studio.library.feedback.all() == []


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (200, 60)])
async def test_a_click_and_enter_choose_at_any_size(running, size):
    async with running(size) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await asked(app, pilot)
        await pilot.press("right", "enter")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        assert page.page.path[0].prose.startswith("She walked down")
        await asked(app, pilot)
        await pilot.click("#version-a")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        assert page.page.path[0].prose.startswith("She walked down"), "it was the first of these"


@pytest.mark.parametrize("letter", "bc")
async def test_a_click_on_the_head_of_one_that_is_not_read_chooses_it(running, letter):
    async with running((80, 24)) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await asked(app, pilot)
        await pilot.pause()
        await pilot.click(f"#version-{letter} .version-head")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))


async def test_they_can_be_stopped_and_what_was_typed_stays(running):
    async with running() as (app, pilot):
        story = app.studio.writing.new_story("SLOW harbour")
        page = await page_of(app, pilot, story.id)
        await typed(pilot, "Half a li")
        await pilot.press("tab", "v")
        await until(pilot, lambda: "Other versions are being written" in seen(pilot))
        await pilot.press("ctrl+r")
        assert app.live is None
        await pilot.press("escape")
        await until(pilot, lambda: app.studio.alternatives.waiting is None)
        await until(pilot, lambda: "Other versions" not in seen(pilot))
        assert isinstance(app.screen, WritingScreen)
        assert page.composer.text == "Half a li"


async def test_hostile_versions_are_letters(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "MARKUP harbour")
        await asked(app, pilot)
        assert "[red]blood[/red]" in seen(pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))


async def test_at_temperature_zero_there_is_nothing_to_choose(running, place):
    place.config.mkdir(parents=True, exist_ok=True)
    place.settings_file.write_text("[writing]\ntemperature = 0\n")
    async with running() as (app, pilot):
        await begun(app, pilot, "A harbour")
        await pilot.press("tab", "v")
        assert "the same every time" in notices(pilot)
