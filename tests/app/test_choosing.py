"""Versions side by side: written, chosen by key or click, left alone, stopped."""

from __future__ import annotations

import pytest

from talecraft.app.screens.choosing import ChoosingScreen
from talecraft.app.screens.writing import WritingScreen
from talecraft.studio import reading
from tests.app.conftest import begun, notices, page_of, seen, typed, until

WIDE = (120, 40)


async def asked(app, pilot) -> None:
    await pilot.press("tab", "v")
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
        await pilot.press("ctrl+z")
        assert "The fox waited" in seen(pilot)


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
