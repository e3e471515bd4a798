"""The taste round as it is played: one key a pair, and every key does something or says why."""

from __future__ import annotations

import re

import pytest
from textual.command import CommandPalette

from talecraft.app.screens.tasting import TastingScreen
from talecraft.app.screens.training import TrainingScreen
from talecraft.errors import LibraryError
from talecraft.story import feedback
from talecraft.studio import tasting
from tests.app.conftest import begun, notices, page_of, seen, until
from tests.support.scripted_engine import DRAFTS


async def shown(app, pilot, wait=True) -> TastingScreen:
    await pilot.press("f3")
    await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
    await pilot.press("t")
    await until(pilot, lambda: isinstance(app.screen, TastingScreen))
    if wait:
        await until(pilot, lambda: "Which do you like better?" in seen(pilot))
    return app.screen


def log(app):
    return [(one.kind, one.value) for one in feedback.current(app.studio.library.feedback.all())]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A round of four."""
    begin = tasting.Tasting.begin
    monkeypatch.setattr(
        tasting.Tasting, "begin", lambda self, story, seed=None: begin(self, story, 4, seed)
    )


async def test_a_whole_round_one_key_a_pair(running):
    async with running((120, 40)) as (app, pilot):
        await shown(app, pilot)
        assert "1 of 4" in seen(pilot)
        assert DRAFTS[0][:30] in seen(pilot)
        assert DRAFTS[1][:30] in seen(pilot)
        for number, key in enumerate(("a", "b", "equals_sign", "space"), 1):
            await until(pilot, lambda: app.screen._round.pair is not None)
            assert f"{number} of 4" in seen(pilot)
            await pilot.press(key)
        await until(pilot, lambda: "The round is over: 4 choices." in seen(pilot))
        words = " ".join(seen(pilot).split())
        assert "F3 shows what you have taught, and what is missing." in words
        assert log(app) == [("choice", 1), ("choice", 1), ("choice", 0), ("thumb", -1),
                            ("thumb", -1)]  # fmt: skip
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TastingScreen))
        assert len([one for one in app.screen_stack if isinstance(one, TastingScreen)]) == 1
        await pilot.press("n")
        await until(pilot, lambda: "1 of 4" in seen(pilot))
        assert len(log(app)) == 5


async def test_u_takes_the_last_choice_back(running):
    async with running() as (app, pilot):
        screen = await shown(app, pilot)
        await pilot.press("u")
        assert "There is no choice to take back." in notices(pilot)
        first = screen._round.pair
        await pilot.press("a")
        await pilot.press("u")
        assert screen._round.pair == first
        assert log(app) == []
        await pilot.press("b", "backspace", "equals_sign")
        await pilot.pause()
        assert log(app) == [("choice", 0)]


async def test_esc_stops_and_says_what_was_kept(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await shown(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: app.screen._round.pair is not None)
        await pilot.press("b")
        a_round = app.screen._round
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert (
            "2 choices kept. This screen shows what you have taught, and what is missing."
            in notices(pilot)
        )
        assert a_round.stopped
        assert log(app) == [("choice", 1), ("choice", 1)]
        assert page.page.versions == 1


async def test_the_open_storys_places_are_among_the_pairs(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        screen = await shown(app, pilot)
        assert screen._round.pair.a.story_id == page.story_id
        assert "is one way to arrive.”" in seen(pilot)


async def test_the_palette_leads_here_and_not_twice(running):
    async with running((100, 40)) as (app, pilot):
        await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"taste round")
        await until(pilot, lambda: "Choose between pairs" in seen(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TastingScreen))
        assert not app.check_action("taste", ())
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"choose")
        await until(pilot, lambda: "Choose the model that writes" in seen(pilot))
        assert "taste round" not in seen(pilot)


async def test_keys_say_why_they_do_nothing(running):
    async with running((100, 40)) as (app, pilot):
        await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await shown(app, pilot, wait=False)
        await until(pilot, lambda: "The first pair is being written." in seen(pilot))
        for key, words in (
            ("a", "There is no pair to choose from yet."),
            ("space", "There is no pair to choose from yet."),
            ("u", "There is no choice to take back."),
            ("n", "This round is not over yet."),
            ("r", "Nothing has failed"),
            ("x", "Choose with a, b, = or the space bar."),
        ):
            await pilot.press(key)
            await pilot.pause()
            assert words in notices(pilot)
        await pilot.press("x", "x", "x")
        await pilot.pause()
        assert notices(pilot).count("Choose with a, b") == 1, "once is enough"
        keys = seen(pilot).splitlines()[-1]
        assert "esc Stop" in keys
        assert "First" not in keys
        assert log(app) == []
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
        assert "Nothing was chosen." in notices(pilot)


async def test_help_and_models_lie_over_a_round_that_goes_on(running):
    async with running() as (app, pilot):
        screen = await shown(app, pilot)
        await pilot.press("a")
        await pilot.press("f1", "escape", "f2", "escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen._round.judged == 1
        assert not screen._round.stopped


async def test_leaving_for_a_story_ends_the_round(running):
    async with running() as (app, pilot):
        screen = await shown(app, pilot)
        a_round = screen._round
        await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await until(pilot, lambda: a_round.stopped)


async def test_an_engine_that_stops_in_mid_round_is_started_again(running):
    import os
    import signal

    async with running() as (app, pilot):
        screen = await shown(app, pilot)
        os.kill(app.studio.engine.pid, signal.SIGKILL)
        while not screen._round.over:
            await until(pilot, lambda: screen._round.pair is not None)
            await pilot.press("b")
        await until(pilot, lambda: "4 choices." in seen(pilot))


async def test_a_choice_that_cannot_be_kept_stays_on_the_screen(running, monkeypatch):
    async with running() as (app, pilot):
        screen = await shown(app, pilot)

        def full(_):
            raise LibraryError("The disk is full.", "Free some.")

        with monkeypatch.context() as patch:
            patch.setattr(app.studio.tasting, "_score", full)
            await pilot.press("a")
            assert "The disk is full." in notices(pilot)
            assert "1 of 4" in seen(pilot)
        await pilot.press("a")
        assert screen._round.judged == 1


async def test_no_pairs_is_said_and_r_asks_again(running, monkeypatch):
    async with running((100, 30)) as (app, pilot):
        stories = app.studio.library.stories

        def full(*_):
            raise LibraryError("The disk is full.", "Free some.")

        with monkeypatch.context() as patch:
            patch.setattr(stories, "add_trials", full)
            await shown(app, pilot, wait=False)
            await until(pilot, lambda: "r tries again" in seen(pilot))
            assert "The disk is full." in seen(pilot)
        await pilot.press("r")
        await until(pilot, lambda: "Which do you like better?" in seen(pilot))


async def test_without_a_model_that_writes_the_round_says_so(make_app):
    app = make_app()
    app.studio.catalogue.installed = lambda spec, home: False
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await until(pilot, lambda: app.phase.phase == "stopped")
        await shown(app, pilot, wait=False)
        await until(pilot, lambda: "No model is loaded." in seen(pilot))
        await pilot.press("a")
        assert app.studio.library.feedback.all() == []


@pytest.mark.parametrize(("script", "there"), [("MARKUP", "[/oops]"), ("ESCAPES", "before")])
@pytest.mark.parametrize("size", [(80, 30), (120, 40)])
async def test_a_hostile_draft_is_shown_as_text(running, script, there, size):
    async with running(size) as (app, pilot):
        story = app.studio.writing.new_story(f"{script} [red]harbour[/] [/oops] [@click=app.quit]x")
        await page_of(app, pilot, story.id)
        await shown(app, pilot)
        text = seen(pilot)
        assert there in text
        assert "[red]harbour[/] [/oops] [@click=app.quit]x" in text
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
        await pilot.press("a")
        assert len(log(app)) == 1


@pytest.mark.parametrize("size", [(1, 1), (59, 24), (60, 16), (80, 24), (300, 100)])
async def test_any_size(running, size):
    async with running((120, 40)) as (app, pilot):
        await shown(app, pilot)
        await pilot.resize_terminal(*size)
        await pilot.pause()
        await pilot.press("a")
        await until(pilot, lambda: len(log(app)) == 1)
