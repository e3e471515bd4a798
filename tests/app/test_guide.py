"""The guide through the whole loop, as a new user goes it: it says each step, and steps aside."""

from __future__ import annotations

import pytest
from textual.command import CommandPalette

from talecraft.app import keymap, rebinding
from talecraft.app.screens.comparing import ComparisonScreen
from talecraft.app.screens.library import LibraryScreen
from talecraft.app.screens.opening import OpeningScreen
from talecraft.app.screens.tasting import TastingScreen
from talecraft.app.screens.training import TrainingScreen
from talecraft.app.screens.writing import WritingScreen
from talecraft.app.widgets.guide import _IDS, _WORDS, GuideLine, guide_words
from talecraft.app.widgets.run_plan import RunPlan
from talecraft.process import run_client
from talecraft.studio import comparing
from talecraft.studio.guide import Next
from tests.app.conftest import begun, finished, outcome, page_of, past_run, seen, until
from tests.support import tiny

pytestmark = pytest.mark.guided


@pytest.fixture(autouse=True)
def _tiny_run(monkeypatch):
    monkeypatch.setattr(run_client, "COMMAND", tiny.RUN)


def guide(app) -> str:
    """What the guide says on this screen; nothing where it is silent."""
    found = app.screen.query(GuideLine)
    return str(found.first().visual) if found and found.first().display else ""


async def told(app, pilot, *words: str) -> None:
    await until(pilot, lambda: all(one in guide(app) for one in words))


async def on(app, pilot, kind) -> None:
    await until(pilot, lambda: isinstance(app.screen, kind))
    await pilot.pause()


async def learned(app, pilot) -> None:
    """From nothing to a run that has been started, as the guide says."""
    await on(app, pilot, OpeningScreen)
    await told(app, pilot, "Guide 1 of 5", "1, 2 or 3")
    await pilot.press("escape")
    await told(app, pilot, "1 of 5", "n begins a story")
    await pilot.press("n")
    await told(app, pilot, "1, 2 or 3")
    await pilot.press("2")
    await on(app, pilot, WritingScreen)
    await finished(app, pilot)
    await told(app, pilot, "Guide 2 of 5", "1–5")
    await pilot.press("4")
    await told(app, pilot, "Guide 3 of 5", "F3, then t")
    await pilot.press("f3")
    await told(app, pilot, "3 of 5", "t begins a taste round")
    await pilot.press("t")
    await on(app, pilot, TastingScreen)
    await told(app, pilot, "3 of 5", "a or b")
    for number in range(24):
        await until(pilot, lambda: app.screen._round and app.screen._round.pair is not None)
        await pilot.press("ab"[number % 2])
    await told(app, pilot, "4 of 5", "F3 reads it all; there s starts a run")
    await pilot.press("f3")
    await on(app, pilot, TrainingScreen)
    assert [type(one) for one in app.screen_stack].count(TrainingScreen) == 1
    assert not any(isinstance(one, TastingScreen) for one in app.screen_stack)
    await told(app, pilot, "4 of 5", "s trains")
    await until(pilot, lambda: not app.screen.query_one(RunPlan).reading)
    await pilot.press("s")


async def test_the_whole_loop_to_an_adapter_that_writes(running, place, monkeypatch):
    begin = comparing.Comparison.__init__
    monkeypatch.setattr(
        comparing.Comparison, "__init__",
        lambda self, studio, **more: begin(self, studio, pairs=2, **more),
    )  # fmt: skip
    async with running((80, 24)) as (app, pilot):
        await learned(app, pilot)
        await told(app, pilot, "Guide 5 of 5", "It has learned", "Esc")
        await pilot.press("escape")
        await on(app, pilot, WritingScreen)
        await told(app, pilot, "Enter writes on with it")
        await until(pilot, lambda: app.phase.phase == "ready" and app.studio.loaded.adapter_id)
        await pilot.press("enter")
        await finished(app, pilot)
        await told(app, pilot, "5 of 5", "F3, then v")
        await pilot.press("f3", "v")
        await on(app, pilot, ComparisonScreen)
        await told(app, pilot, "Which is which you learn at the end")
        for _ in range(2):
            await until(pilot, lambda: app.screen._round and app.screen._round.pair is not None)
            await pilot.press("a")
        await pilot.press("escape")
        await told(app, pilot, "That was the loop")
        await pilot.press("f8")
        await until(pilot, lambda: guide(app) == "")
    async with running((80, 24)) as (app, pilot):
        assert guide(app) == ""


async def test_a_refusal_ends_well_too(running, monkeypatch):
    monkeypatch.setenv("TINY_RUN", "rejected")
    async with running((80, 24)) as (app, pilot):
        await learned(app, pilot)
        await told(app, pilot, "Guide 5 of 5", "A fair end, too", "Each run begins anew")
        await pilot.press("escape")
        await on(app, pilot, WritingScreen)
        await told(app, pilot, "it was tried and not taken", "F3 says more")
        await pilot.press("2")
        await told(app, pilot, "That was the loop")
        assert "of 5" not in guide(app)
    async with running((80, 24)) as (app, pilot):
        assert guide(app) == ""


async def test_a_run_is_watched_and_the_page_stays_free(running, monkeypatch):
    monkeypatch.setenv("TINY_RUN", "wait")
    async with running((120, 40)) as (app, pilot):
        await learned(app, pilot)
        await told(app, pilot, "4 of 5", "e shows an example")
        await pilot.press("escape")
        await told(app, pilot, "it goes on by itself")
        await pilot.press("f3", "x", "y")
        await told(app, pilot, "The run came to no verdict", "c goes on with it")


# ---------------------------------------------------------------------- out of the way
async def test_one_key_puts_it_away_for_good_and_the_palette_brings_it_back(running, place):
    async with running((80, 24)) as (app, pilot):
        await told(app, pilot, "Guide 1 of 5", "F8 hides this")
        height = app.screen.query_one("#opening").size.height
        await pilot.press("f8")
        await until(pilot, lambda: guide(app) == "")
        assert app.screen.query_one("#opening").size.height > height
    async with running((80, 24)) as (app, pilot):
        assert guide(app) == ""
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.press(*"the guide")
        await until(pilot, lambda: "The guide: what comes next" in seen(pilot))
        await pilot.press("down", "enter")
        await told(app, pilot, "Guide 1 of 5")


async def test_who_has_trained_before_never_sees_it(running, studio):
    past_run(studio, outcome())
    async with running((80, 24)) as (app, pilot):
        assert guide(app) == ""
        await pilot.press("f8")
        await told(app, pilot, "It has learned, and writes from now on.")


async def test_what_is_there_already_is_not_asked_for(running, studio):
    story = studio.writing.new_story("A harbour").id
    async with running((80, 24)) as (app, pilot):
        await on(app, pilot, LibraryScreen)
        await told(app, pilot, "Guide 2 of 5", "Enter opens your story")
        await page_of(app, pilot, story)
        await told(app, pilot, "2 of 5", "Enter lets the model write")
        await pilot.press("enter")
        await finished(app, pilot)
        await pilot.press("ctrl+r")
        await finished(app, pilot)
        await told(app, pilot, "Guide 3 of 5")


async def test_while_the_first_passage_comes_it_tells_what_comes(running):
    async with running((80, 24)) as (app, pilot):
        await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await told(app, pilot, "Enter lets the model write")
        await pilot.press("enter")
        await told(app, pilot, "Its plan comes first", "Esc stops it")
        await until(pilot, lambda: app.live and app.live.prose)
        await pilot.press("escape")
        await told(app, pilot, "Guide 2 of 5", "1–5")


async def test_focus_mode_and_other_screens_are_without_it(running):
    async with running((80, 24)) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await told(app, pilot, "Guide 2 of 5")
        await pilot.press("f9")
        await pilot.pause()
        assert guide(app) == ""
        assert "Guide" not in seen(pilot)
        await pilot.press("f9")
        await told(app, pilot, "Guide 2 of 5")
        for key in ("f1", "f2", "f5", "f4"):
            await pilot.press(key)
            await pilot.pause()
            assert guide(app) == "", key
            await pilot.press("escape")
        await pilot.press("f3", "t")  # choosing before anything was scored: nobody is called back
        await on(app, pilot, TastingScreen)
        assert guide(app) == ""


async def test_it_takes_no_key_and_no_letter(running):
    async with running((60, 16)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await told(app, pilot, "Guide 2 of 5")
        assert page.composer.has_focus
        await pilot.press("x")
        assert page.composer.text == "x"
        assert page.manuscript.size.height >= 6


@pytest.mark.parametrize("width", [60, 80])
def test_all_it_says_has_room(width):
    """Two lines at most, and five where a run's own words are told."""
    for step, by_place in _WORDS.items():
        for place in (*by_place, "page", "training"):
            ends = step in ("rejected", "refused")
            words = "Told. " * 200 if ends else ""
            found = guide_words(Next(step, words), place or "page")
            assert found is not None
            lines = found.wrap(width - 2)
            assert len(lines) <= (5 if ends else 2), (step, place)
            assert "F8 hides this" in str(found)


async def test_a_runs_last_words_are_shown_as_text(running, studio, place):
    hostile = "[/oops] [red]so[/red] \x1b]52;c;ZXZpbA==\x07 {} `F9`"
    async with running((80, 24)) as (app, pilot):
        past_run(studio, outcome("refused", hostile))
        await page_of(app, pilot, studio.writing.new_story("A harbour").id)
        await told(app, pilot, "[/oops] [red]so[/red]", "{} `F9`", "clearer choices help")


async def test_a_library_that_cannot_be_read_silences_it(running, monkeypatch):
    from talecraft.errors import LibraryError

    async with running((80, 24)) as (app, pilot):
        await told(app, pilot, "Guide 1 of 5")

        def look():
            raise LibraryError("Gone.", "")

        monkeypatch.setattr(app.studio.guide, "look", look)
        app.refresh_status()
        assert guide(app) == ""


def test_every_key_it_names_is_that_of_a_binding_and_the_writers_own(monkeypatch):
    names = rebinding.known_ids()
    for words in (words for places in _WORDS.values() for words in places.values()):
        for told in words.split("`")[1::2]:
            name, _, key = told.rpartition(":")
            assert key == "1–5" or (name or _IDS[key]) in names, told
    own = {"app.training": ("f7",), "training.start": ("S",)}
    monkeypatch.setattr(keymap, "_in_force", keymap.Keymap(own))
    words = str(guide_words(Next("train"), "taste"))
    assert "F7 reads it all; there S starts a run." in words
