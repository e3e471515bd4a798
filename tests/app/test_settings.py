"""The settings screen: every key, edited in place, kept in config.toml and in force at once."""

from __future__ import annotations

import os

import pytest
from textual import events
from textual.widgets import Input

from talecraft.app import preferring
from talecraft.app.screens.dialogs import AskName, Choose
from talecraft.app.screens.settings import SettingsScreen
from talecraft.app.screens.writing import WritingScreen
from talecraft.app.widgets.settings import Row, SettingsList
from talecraft.config.entries import entries, find
from tests.app.conftest import begun, notices, page_of, seen, static, typed, until


async def settings_of(app, pilot, key: str = "") -> SettingsList:
    """Open the screen and choose a setting."""
    await pilot.press("f5")
    await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and app.screen.is_mounted)
    await pilot.pause()
    found = app.screen.query_one(SettingsList)
    if key:
        found.choose(find(key))
    await pilot.pause()
    return found


def row(app, key: str) -> str:
    found = app.screen.query_one(SettingsList).row(find(key))
    return found.value[0].strip()


async def value(pilot, text: str) -> None:
    """Type a value over the one that is selected, and send it."""
    await pilot.press("enter")
    await until(pilot, lambda: pilot.app.screen.query(Input))
    await typed(pilot, text)
    await pilot.press("enter")
    await pilot.pause()


async def test_every_key_is_there_with_value_meaning_and_range(running):
    async with running((120, 60)) as (app, pilot):
        found = await settings_of(app, pilot)
        assert [one.entry for one in found.query(Row)] == list(entries())
        text = seen(pilot)
        for entry in entries():
            assert entry.name in text
            assert entry.description in text
        assert "How the model writes." in text
        for _ in entries():
            entry = found.chosen
            detail = static(pilot, "#setting-detail")
            assert entry.key in detail
            assert app.studio.preferences.range(entry) in detail
            assert f"default: {entry.words(entry.default)}" in detail
            await pilot.press("down")
        assert found.chosen == entries()[-1]  # and no further


async def test_a_value_is_typed_in_place_kept_and_taken_back(running, place):
    place.config.mkdir(parents=True)
    place.settings_file.write_text("# mine\n[writing]\ntemperature = 0.9 # hot\n")
    async with running() as (app, pilot):
        found = await settings_of(app, pilot, "temperature")
        assert row(app, "temperature") == "• 0.9"
        await value(pilot, "0.5")
        assert found.editor is None
        assert row(app, "temperature") == "• 0.5"
        assert place.settings_file.read_text() == "# mine\n[writing]\ntemperature = 0.5 # hot\n"
        assert app.studio.settings.writing.temperature == 0.5
        assert found.has_focus
        await pilot.press("d")
        await pilot.pause()
        assert row(app, "temperature") == "0.8"
        assert app.studio.settings.writing.temperature == 0.8
        assert place.settings_file.read_text() == "# mine\n[writing]\n# temperature = 0.5 # hot\n"


async def test_a_value_that_will_not_do_stays_where_it_was_typed(running, place):
    async with running() as (app, pilot):
        found = await settings_of(app, pilot, "measure")
        await value(pilot, "7")
        assert "page.measure is a whole number from 20 to 200, not '7'" in notices(pilot)
        assert found.editor.value == "7"
        assert found.editor.has_focus
        await pilot.press("0", "enter")
        await pilot.pause()
        assert app.studio.settings.page.measure == 70
        assert place.settings_file.read_text() == "[page]\nmeasure = 70\n"


async def test_escape_leaves_the_value_then_the_screen(running, place):
    async with running() as (app, pilot):
        found = await settings_of(app, pilot, "measure")
        await pilot.press("enter", "9", "9", "escape")
        await pilot.pause()
        assert found.editor is None
        assert row(app, "measure") == "72"
        assert not place.settings_file.exists()
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, SettingsScreen)


async def test_letters_of_commands_are_text_while_a_value_is_typed(running):
    async with running() as (app, pilot):
        found = await settings_of(app, pilot, "measure")
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("d", "up", "down")
        assert found.editor.value == "d"
        assert found.chosen == find("measure")


async def test_a_switch_is_switched_and_holds_on_the_page_below(running):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        assert page.query_one("#plan").display
        await settings_of(app, pilot, "show_outline")
        await pilot.press("enter")
        await pilot.pause()
        assert row(app, "show_outline") == "• false"
        assert not app.show_outline
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, WritingScreen)
        assert not page.query_one("#plan").display


async def test_the_measure_holds_at_once_on_the_page_below(running):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await settings_of(app, pilot, "measure")
        await value(pilot, "30")
        await pilot.press("escape")
        await pilot.pause()
        prose = [line for line in page.manuscript.visible_text if line]
        assert 20 < max(map(len, prose)) <= 30


async def test_the_theme_is_seen_before_it_is_taken(running, place):
    async with running((100, 40)) as (app, pilot):
        await settings_of(app, pilot, "theme")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("down")
        await pilot.pause()
        assert app.theme == "night"
        await pilot.press("escape")
        await pilot.pause()
        assert app.theme == "lamplight"
        assert not place.settings_file.exists()
        await pilot.press("enter", "down", "down", "enter")
        await pilot.pause()
        assert app.theme == "paper"
        assert row(app, "theme") == "• paper"
        assert place.settings_file.read_text() == '[page]\ntheme = "paper"\n'
        await pilot.press("d")
        await pilot.pause()
        assert app.theme == "lamplight"


async def test_the_palette_leads_to_the_colours(running):
    async with running((100, 40)) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press(*"colours")
        await until(pilot, lambda: "Change the colours" in seen(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert isinstance(app.screen, WritingScreen)


async def test_a_model_is_chosen_and_writes(running, place):
    folder = place.models / "openai-community--gpt2"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    async with running((120, 40)) as (app, pilot):
        await settings_of(app, pilot, "model")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        assert "● automatic" in seen(pilot)
        await pilot.press("end", "enter")
        await until(pilot, lambda: app.studio.loaded.model_id == "gpt2")
        assert row(app, "model") == "• gpt2"
        await pilot.press("d")
        await until(pilot, lambda: app.studio.loaded.model_id == "llama-ember")


async def test_a_hand_in_the_file_is_respected(running, place):
    async with running((100, 40)) as (app, pilot):
        await settings_of(app, pilot, "measure")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query(Input))
        place.config.mkdir(parents=True)
        place.settings_file.write_text("# by hand\n[page]\nmeasure = 50\ngoal = 9\n")
        preferring.watch(app)  # not while a value is being typed
        assert row(app, "goal") == "0"
        await typed(pilot, "60")
        await pilot.press("enter")
        assert "page.measure was changed in the file meanwhile, to 50" in notices(pilot)
        assert row(app, "measure") == "• 50"
        assert row(app, "goal") == "• 9"
        await pilot.press("enter")
        await pilot.pause()
        assert app.studio.settings.page.measure == 60
        assert place.settings_file.read_text() == "# by hand\n[page]\nmeasure = 60\ngoal = 9\n"


async def test_what_was_written_by_hand_holds_when_the_screen_opens(running, place):
    async with running((100, 40)) as (app, pilot):
        place.config.mkdir(parents=True)
        place.settings_file.write_text('[page]\ntheme = "paper"\n')
        await settings_of(app, pilot)
        assert app.theme == "paper"
        await pilot.press("escape")
        place.settings_file.write_text("[page]\ntheme = \n")
        await settings_of(app, pilot)
        assert "config.toml:2: " in notices(pilot)
        assert row(app, "theme") == "• paper"


async def test_a_change_by_another_hand_holds_on_an_open_page(running, place, monkeypatch):
    monkeypatch.setattr("talecraft.app.app.SETTINGS_SECONDS", 0.05)
    async with running((100, 40)) as (app, pilot):
        place.config.mkdir(parents=True)
        place.settings_file.write_text("[writing]\nprose_tokens = 40\n[training]\nupdates = 3\n")
        await until(pilot, lambda: app.studio.settings.writing.prose_tokens == 40)
        assert "config.toml was changed; F5 says from when on what holds." in notices(pilot)
        assert app.studio.settings.training.updates == 3
        page = await begun(app, pilot, "A lamp.")
        made = app.studio.library.stories.turn(page.page.path[-1].id).generation
        assert made.sampling.prose_tokens == 40
        place.settings_file.write_text("[writing]\nprose_tokens = \n")
        await until(pilot, lambda: "config.toml:2: " in notices(pilot))
        await pilot.pause(0.3)
        assert notices(pilot).count("config.toml:2: ") == 1  # said once for a change
        assert app.studio.settings.writing.prose_tokens == 40


async def test_a_value_being_typed_is_not_overtaken_while_the_terminal_has_no_focus(running, place):
    async with running((100, 40)) as (app, pilot):
        await settings_of(app, pilot, "measure")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query(Input))
        app.post_message(events.AppBlur())
        await pilot.pause()
        place.config.mkdir(parents=True)
        place.settings_file.write_text("[page]\nmeasure = 50\n")
        preferring.watch(app)
        preferring.watch(app)
        assert app.studio.settings.page.measure == 72


async def test_a_change_while_a_screen_comes_up_is_no_crash(running, place):
    async with running((100, 40)) as (app, pilot):
        place.config.mkdir(parents=True)
        for measure in (50, 51):
            place.settings_file.write_text(f"[page]\nmeasure = {measure}\n")
            app.studio.preferences.stale()
            story = app.studio.writing.new_story("A lamp.")
            app.push_screen(SettingsScreen() if measure == 50 else WritingScreen(story.id))
            preferring.watch(app)
            assert app.studio.settings.page.measure == measure
            await pilot.pause()


async def test_a_score_given_last_is_taken_back_after_a_change_by_another_hand(running, place):
    async with running((100, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        turn = page.page.path[-1].id
        await pilot.press("4")
        place.config.mkdir(parents=True)
        place.settings_file.write_text("[page]\nmeasure = 50\n")
        preferring.watch(app)
        preferring.watch(app)
        assert app.studio.settings.page.measure == 50
        await pilot.press("ctrl+z")
        assert app.studio.writing.opinions(turn) == []
        assert page.page.path[-1].id == turn


async def test_a_theme_written_by_hand_that_there_is_not_is_told(running, place):
    async with running((100, 40)) as (app, pilot):
        place.config.mkdir(parents=True)
        place.settings_file.write_text('[page]\ntheme = "[/neon]"\n')
        await settings_of(app, pilot)
        assert "There is no theme '[/neon]'" in notices(pilot)
        assert app.theme == "lamplight"
        assert row(app, "theme") == "• [/neon]"


async def test_a_read_only_disk_is_one_notice_and_nothing_changes(running, place, monkeypatch):
    async with running((100, 40)) as (app, pilot):
        await settings_of(app, pilot, "measure")

        def refused(*_: object) -> None:
            raise OSError(30, "Read-only file system")

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", refused)
            await value(pilot, "60")
        assert notices(pilot).count("read-only file system") == 1
        assert app.studio.settings.page.measure == 72
        assert not place.settings_file.exists()


async def test_the_mouse_chooses_and_changes(running):
    async with running((100, 40)) as (app, pilot):
        found = await settings_of(app, pilot)
        target = found.row(find("show_outline"))
        await pilot.click(target, offset=(3, 0))
        await pilot.pause()
        assert found.chosen == find("show_outline")
        assert app.show_outline
        await pilot.click(target, offset=(3, 0))
        await pilot.pause()
        assert not app.show_outline


# ---------------------------------------------------------------------- words and the goal
async def test_words_of_the_session_and_the_goal_are_on_the_status_line(running):
    async with running((120, 40)) as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        assert "2 words · +2 yours, +2 together" in seen(pilot), "the first line is one's own"
        app.studio.writing.say(page.story_id, "One two three four.")
        page.reload()
        await pilot.pause()
        assert "6 words · +6 yours, +6 together" in seen(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: app.live is None)
        words = page.words
        assert f"+6 yours, +{words} together" in seen(pilot)
        other = app.studio.writing.new_story("Another")
        await page_of(app, pilot, other.id)
        assert f"1 word · +7 yours, +{words + 1} together" in seen(pilot)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "1 word · +7 yours" in seen(pilot)
        assert "together" not in seen(pilot)


async def test_a_goal_is_set_by_name_and_told_once_when_it_is_reached(running, place):
    async with running((120, 40)) as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await pilot.press("ctrl+p")
        await pilot.pause()
        await pilot.press(*"goal")
        await until(pilot, lambda: "Words: a goal for the day" in seen(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AskName))
        await pilot.press(*"x", "enter")
        assert "page.goal is a whole number" in notices(pilot)
        await pilot.press("backspace", *"12", "enter")
        await pilot.pause()
        assert place.settings_file.read_text() == "[page]\ngoal = 12\n"
        assert "▱▱▱▱▱ 2 of 12 today" in seen(pilot)

        def say(text: str) -> None:
            app.studio.writing.say(page.story_id, text)
            page.reload()

        say("One two three four five.")
        await pilot.pause()
        assert "▰▰▱▱▱ 7 of 12 today" in seen(pilot)
        assert "your goal" not in notices(pilot)
        say("One two three four five.")
        await pilot.pause()
        assert "✓ 12 of 12 today" in seen(pilot)
        assert notices(pilot).count("12 words of your own today. That was your goal.") == 1
        app.clear_notifications()
        app.studio.branching.undo(page.story_id)
        page.reload()
        app.studio.branching.redo(page.story_id)
        page.reload()
        await pilot.pause()
        assert "✓ 12 of 12 today" in seen(pilot)
        assert "your goal" not in notices(pilot)


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
async def test_the_status_line_keeps_to_its_line(running, place, size):
    place.config.mkdir(parents=True)
    place.settings_file.write_text("[page]\ngoal = 500\n")
    async with running(size) as (app, pilot):
        await begun(app, pilot, "A harbour")
        line = seen(pilot).splitlines()[-2]
        assert line.startswith(" ○ ready")
        assert line.endswith("of 500")
