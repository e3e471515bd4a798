"""The library, the catalogue, the settings the page takes."""

from __future__ import annotations

import pytest

from talecraft.app.app import TalecraftApp
from talecraft.app.screens.library import LibraryScreen
from talecraft.app.screens.models import ModelsScreen
from talecraft.app.screens.opening import OpeningScreen
from talecraft.app.screens.writing import WritingScreen
from talecraft.errors import ConfigError
from talecraft.studio import Studio
from tests.app.conftest import begun, notices, options, page_of, scored, seen, static, until


async def test_the_library_opens_where_there_are_stories(running, studio):
    studio.writing.new_story("A fox at the harbour")
    story = studio.writing.new_story("A lighthouse")
    studio.writing.say(story.id, "The keeper counted ships.")
    async with running(loaded=False) as (app, pilot):
        assert isinstance(app.screen, LibraryScreen)
        shown = options(pilot, "#stories")
        assert shown[0].startswith("A lighthouse\n6 words · ")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        assert "The keeper counted ships." in seen(pilot)


async def test_rename_keeps_an_odd_title_literal(running, studio):
    story = studio.writing.new_story("A fox at the harbour")
    async with running(loaded=False) as (app, pilot):
        await pilot.press("r")
        await pilot.pause()
        app.screen.query_one("Input").value = "[/oops] the fox"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LibraryScreen))
        assert studio.library.stories.get(story.id).title == "[/oops] the fox"
        assert "[/oops] the fox" in seen(pilot)
        await pilot.press("r")
        await pilot.pause()
        await pilot.press("backspace", "enter")
        await pilot.pause()
        assert not isinstance(app.screen, LibraryScreen), "an empty name asks again"
        await pilot.press("escape")
        await pilot.pause()
        assert studio.library.stories.get(story.id).title == "[/oops] the fox"


async def test_the_trash_gives_back_with_one_key(running, studio):
    story = studio.writing.new_story("A fox at the harbour")
    async with running((120, 40), loaded=False) as (_app, pilot):
        await pilot.press("d")
        await until(pilot, lambda: "u brings it back" in notices(pilot))
        assert studio.library.stories.get(story.id).trashed
        assert "Press n to begin a story" in seen(pilot)
        await pilot.press("u")
        assert not studio.library.stories.get(story.id).trashed
        await pilot.press("d", "t")
        assert "Trash" in static(pilot, "#shelf-head")
        assert options(pilot, "#stories")[0].startswith("A fox")
        await pilot.press("enter")
        assert not studio.library.stories.get(story.id).trashed
        await pilot.press("t")
        assert "Stories" in static(pilot, "#shelf-head")


async def test_a_key_that_can_do_nothing_says_why(running, studio):
    scored(studio, [3])
    async with running() as (_, pilot):
        await pilot.press("u")
        assert "Nothing was put into the trash just now." in notices(pilot)
        await pilot.press("t")
        assert "The trash is empty." in notices(pilot)
        await pilot.press("d", "t", "r")
        assert "It is in the trash. u brings it back first." in notices(pilot)
        await pilot.press("u", "t", "d", "u")
        assert "The story is back" in notices(pilot)


async def test_n_begins_a_new_story_and_escape_comes_back(running, studio):
    studio.writing.new_story("A fox at the harbour")
    async with running(loaded=False) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, OpeningScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, LibraryScreen))


async def test_escape_on_the_page_leads_home_and_the_order_is_by_last_work(running, studio):
    first = studio.writing.new_story("The first")
    studio.writing.new_story("The second")
    async with running(loaded=False) as (app, pilot):
        await page_of(app, pilot, first.id)
        studio.writing.say(first.id, "On.")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, LibraryScreen))
        assert options(pilot, "#stories")[0].startswith("The first")


async def test_the_models_say_what_they_are_and_what_they_need(running):
    async with running((120, 60)) as (app, pilot):
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen))
        shown = options(pilot, "#models")
        assert len(shown) == len(list(app.studio.catalogue)) == 5
        assert "● in use" in shown[0]
        assert "Built with Llama" in seen(pilot)
        llama = next(text for text in shown if text.startswith("Llama 3 8B"))
        assert "not installed" in llama
        assert "8.0 B · nf4 · 6.5 GB to write, 14 GB to train" in llama
        await pilot.press("down")
        await pilot.pause()
        assert "models/openai-community--gpt2" in static(pilot, "#model-files")
        await pilot.press("enter")
        await until(pilot, lambda: "GPT-2 is not installed" in notices(pilot))
        assert app.studio.model.id == "llama-ember"
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, ModelsScreen)


async def test_an_installed_model_can_be_chosen_and_the_status_tells_it(running, place):
    folder = place.models / "openai-community--gpt2"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    async with running((120, 60)) as (app, pilot):
        assert "llama-ember · no adapter · not quantised · cpu float32" in seen(pilot)
        await pilot.press("f2")
        await pilot.pause()
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.studio.loaded.model_id == "gpt2")
        assert "gpt2 · no adapter" in seen(pilot)
        assert "● in use" in options(pilot, "#models")[1]


async def test_a_model_that_is_not_installed_is_told_and_words_are_safe(place):
    place.config.mkdir(parents=True)
    place.settings_file.write_text('[writing]\nmodel = "gpt2"\n')
    app = TalecraftApp(lambda listener: Studio(listener, place))
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, lambda: "GPT-2 is not installed" in notices(pilot))
        assert "× no model" in seen(pilot)
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await pilot.press("h", "i", "enter")
        await pilot.pause()
        assert "No model is loaded" in notices(pilot)
        assert [turn.prose for turn in page.page.path] == ["hi"]
        assert page.composer.text == ""
    app.studio.close()


def test_an_unknown_theme_is_an_error_before_the_screen_is_taken(place):
    place.config.mkdir(parents=True)
    place.settings_file.write_text('[page]\ntheme = "neon"\n')
    with pytest.raises(ConfigError, match="there is no theme 'neon'"):
        TalecraftApp(lambda listener: Studio(listener, place))


@pytest.mark.parametrize("theme", ["lamplight", "paper", "textual-light"])
async def test_themes(running, place, theme):
    place.config.mkdir(parents=True)
    place.settings_file.write_text(
        f'[page]\ntheme = "{theme}"\nmeasure = 40\nshow_outline = false\n'
    )
    async with running() as (app, pilot):
        assert app.theme == theme
        page = await begun(app, pilot, "A harbour")
        assert "▸ Plan" in seen(pilot)
        prose = [line for line in page.manuscript.visible_text if line]
        assert max(map(len, prose)) <= 40
        assert app.current_theme.dark is (theme == "lamplight")
