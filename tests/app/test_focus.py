"""Focus mode: only the text and the composer; everything works as it did."""

from __future__ import annotations

from textual.widgets import Static

from talecraft.app.widgets import whisper
from talecraft.app.widgets.keyline import KeyLine
from talecraft.app.widgets.lines import ScoreLine, StatusLine
from talecraft.app.widgets.whisper import Whisper
from talecraft.errors import LibraryError
from tests.app.conftest import begun, finished, notices, page_of, seen, until


async def test_only_the_text_and_the_composer_are_left(running):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        app.studio.writing.say(page.story_id, "My own words.")
        page.reload()
        await pilot.press("4", "O")
        await pilot.pause()
        before = seen(pilot)
        assert "★4" in before
        assert "▎" in before
        await pilot.press("f9")
        await pilot.pause()
        text = seen(pilot)
        for gone in ("○ ready", "words", "f1", "Plan", "★", "Tab"):
            assert gone not in text.replace("My own words.", "My")
        assert "My own words." in text
        assert "F9 shows everything again" in text
        assert page.composer.text == "O"
        assert page.composer.has_focus
        await pilot.press("n")
        assert page.composer.text == "On"
        await pilot.press("f9")
        await pilot.pause()
        assert seen(pilot) == before.replace("▌  O\n", "▌  On\n")


async def test_the_reminder_fades_and_nothing_moves(running, monkeypatch):
    monkeypatch.setattr(whisper, "SECONDS", 0.05)
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("f9")
        line = page.query_one(Whisper)
        place = page.composer.region
        await until(pilot, lambda: line.styles.text_opacity == 0)
        await pilot.pause()
        assert "F9" not in seen(pilot)
        assert page.composer.region == place


async def test_it_is_left_by_escape_and_only_then_the_page(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("f9", "escape")
        await pilot.pause()
        assert app.screen is page
        assert not app.focus_mode
        assert page.query_one(StatusLine).display
        assert "esc Library" in seen(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is not page


async def test_it_is_remembered_from_story_to_story(running):
    async with running((120, 40)) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await pilot.press("f9")
        other = await page_of(app, pilot, app.studio.writing.new_story("Another").id)
        for kind in (StatusLine, KeyLine, ScoreLine):
            assert not other.query_one(kind).display
        assert not other.query_one("#plan").display
        await pilot.press("f1")  # other screens are whole
        await pilot.pause()
        assert app.screen.query_one(KeyLine).display


async def test_writing_goes_on_and_a_score_is_whispered(running):
    async with running((120, 40)) as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await pilot.press("f9", "enter")
        assert not app.live.prose
        assert "▌" in page.manuscript.visible_text  # it thinks: a sign of life
        await until(pilot, lambda: app.live and app.live.prose)
        await pilot.press("escape")  # stops, and does not leave
        await finished(app, pilot)
        assert app.focus_mode
        await pilot.press("4")
        await pilot.pause()
        assert "★★★★☆ 4 of 5" in seen(pilot)
        assert page.page.scores
        assert "○ ready" not in seen(pilot)


async def test_the_plan_is_not_shown_on_narrow_screens_either(running):
    async with running() as (app, pilot):
        await begun(app, pilot, "A harbour")
        assert "▾ Plan" in seen(pilot)
        await pilot.press("f9")
        await pilot.pause()
        assert "Plan" not in seen(pilot)
        await pilot.press("ctrl+t")  # folds nothing that is not seen
        assert app.show_outline


async def test_errors_are_still_told(running, monkeypatch):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("f9")

        def full(*_: object, **__: object) -> None:
            raise LibraryError("The disk is full.")

        monkeypatch.setattr(app.studio.writing, "continue_story", full)
        await pilot.press("x", "enter")
        await pilot.pause()
        assert "The disk is full." in notices(pilot)
        assert "The disk is full." in seen(pilot)
        assert page.composer.text == "x"


async def test_a_small_window_still_says_so(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("f9")
        await pilot.resize_terminal(50, 12)
        await pilot.pause()
        assert page.query_one("#too-small", Static).display
