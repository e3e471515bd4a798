"""How each screen looks, at two sizes. Renew with `pytest tests/app --snapshot-update`."""

from __future__ import annotations

import pytest
from textual import events

from talecraft.app.screens.pasting import LongPaste
from talecraft.library import stories
from talecraft.process.run_events import Example, Sample
from talecraft.studio import memory
from tests.app.conftest import (
    HandRun,
    finished,
    outcome,
    page_of,
    past_run,
    phase_events,
    scored,
    static,
    step,
    until,
)
from tests.app.test_adapters import adapter

SIZES = [(80, 24), (120, 40)]
MOMENT = "2026-11-20T20:15:00.000+00:00"
PREMISE = "A lighthouse keeper counts the ships that do not come."


@pytest.fixture(autouse=True)
def _fixed_times(monkeypatch):
    for module in ("stories", "feedback", "adapters", "runs"):
        monkeypatch.setattr(f"talecraft.library.{module}.now", lambda: MOMENT)
    assert stories.now() == MOMENT
    monkeypatch.setattr(memory, "free_mb", lambda: 12_000.0)
    monkeypatch.setattr(memory, "_own_mb", lambda pid: 0.0)
    monkeypatch.setattr(memory, "free_disk_mb", lambda folder: 80_000.0)


@pytest.fixture
def look(make_app, snap_compare):
    """Compare the screen that `prepare` leads to."""

    def compare(prepare, size):
        app = make_app()

        async def ready(pilot):
            await until(pilot, lambda: app.phase.phase == "ready")
            await prepare(app, pilot)
            for area in app.screen.query("TextArea"):
                area.cursor_blink = False
            await pilot.pause()

        return snap_compare(app, terminal_size=size, run_before=ready)

    return compare


def _written(studio):
    story = studio.writing.new_story(PREMISE)
    return story.id


@pytest.mark.parametrize("size", SIZES)
def test_library(look, studio, size):
    scored(studio, [4], "The salt road to the north is closed.")
    story = _written(studio)
    studio.writing.say(story, "The keeper counted ships all night.")
    studio.library.stories.save_draft(story, "In the morning")

    async def prepare(app, pilot):
        await pilot.pause()

    assert look(prepare, size)


@pytest.mark.parametrize("size", SIZES)
def test_opening(look, size):
    async def prepare(app, pilot):
        await pilot.pause()

    assert look(prepare, size)


@pytest.mark.parametrize("size", SIZES)
def test_writing(look, studio, size):
    story = _written(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("enter")
        await finished(app, pilot)
        app.studio.writing.say(story, "She wrote the number down, and crossed it out.")
        await pilot.press("enter")
        await finished(app, pilot)
        await pilot.press("4", "O", "n")
        await pilot.pause()

    assert look(prepare, size)


@pytest.mark.parametrize("size", SIZES)
def test_models(look, size):
    async def prepare(app, pilot):
        await pilot.press("f2")
        await pilot.pause()
        app.screen.query_one("#model-files").display = False  # a path of this machine

    assert look(prepare, size)


@pytest.mark.parametrize("size", SIZES)
def test_help(look, size):
    async def prepare(app, pilot):
        await pilot.press("f1")
        await pilot.pause()

    assert look(prepare, size)


@pytest.mark.parametrize("size", SIZES)
def test_training_live(look, studio, place, size):
    run = HandRun(place, studio)
    run.say(*phase_events(), *[step(n) for n in range(1, 8)])

    async def prepare(app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await pilot.press("f3")
        curves = 2 if size == SIZES[0] else 8
        await until(pilot, lambda: len(app.screen.query("Plot")) == curves)
        await until(pilot, lambda: all(plot._datasets for plot in app.screen.query("Plot")))

    assert look(prepare, size)
    run.end()


@pytest.mark.parametrize("size", SIZES)
def test_training_example(look, studio, place, size):
    run = HandRun(place, studio)
    sample = Sample(
        "A boat comes in without a crew.",
        "The boat was big. It was a big boat, and the man was big too.",
        "“Who steers?” she asked. Nobody on the quay would say, and the bell went on ringing.",
    )
    run.say(*phase_events(), *[step(n) for n in range(1, 8)])

    async def prepare(app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await pilot.press("f3")
        curves = 2 if size == SIZES[0] else 8
        await until(pilot, lambda: len(app.screen.query("Plot")) == curves)
        await until(pilot, lambda: all(plot._datasets for plot in app.screen.query("Plot")))
        run.say(Example(7, sample))
        await until(pilot, lambda: app.screen.query_one("#training").scroll_y > 0)

    assert look(prepare, size)
    run.end()


@pytest.mark.parametrize("size", SIZES)
def test_pattern_live(look, studio, place, size):
    from tests.app.test_pattern import begun
    from tests.app.test_pattern import step as pattern_step

    run = HandRun(place, studio, method="pattern")
    run.say(*begun(), *[pattern_step(n) for n in range(1, 61)])

    async def prepare(app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await pilot.press("f3")
        await until(pilot, lambda: len(app.screen.query("Plot")) == 2)
        await until(pilot, lambda: all(plot._datasets for plot in app.screen.query("Plot")))

    assert look(prepare, size)
    run.end()


@pytest.mark.parametrize("size", SIZES)
def test_training_outcome(look, studio, size):
    scored(studio, [1, 2, 3, 4, 5] * 4)
    past_run(studio, outcome())

    async def prepare(app, pilot):
        await pilot.press("f3")
        await until(pilot, lambda: "So far I think" in static(pilot, "#training-plan"))

    assert look(prepare, size)


@pytest.mark.parametrize("size", SIZES)
def test_adapters(look, studio, size):
    first = adapter(studio, 1)
    adapter(studio, 2, first, "rejected")
    other = adapter(studio, 3, first)
    adapter(studio, 4, other, "rejected")
    writing = adapter(studio, 5, first)
    adapter(studio, 6, writing, "rejected")
    studio.adapters.name(writing, "long winter evenings")
    studio.adapters.note(writing, "Sentences she can get lost in.")
    studio.adapters.name(other, "dark turn")
    studio.adapters.name(first, "harbour")

    async def prepare(app, pilot):
        await pilot.press("f3")
        await pilot.press("a")
        await pilot.pause()

    assert look(prepare, size)


@pytest.mark.parametrize("size", SIZES)
def test_tasting(look, studio, size):
    story = _written(studio)
    studio.writing.say(story, "She wrote the number down, and crossed it out.")

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("f3", "t")
        for number in range(3):
            await until(pilot, lambda: getattr(app.screen, "_round", None) is not None)
            await until(pilot, lambda: app.screen._round.pair is not None)
            if number < 2:
                await pilot.press("a")
        await until(pilot, lambda: app.screen._round.waiting > 4)
        await until(pilot, lambda: app.phase.phase == "ready")

    assert look(prepare, size)


@pytest.mark.parametrize("size", SIZES)
def test_comparison_over(look, studio, size):
    from tests.app.test_training import adapter

    first = adapter(studio, 1, "active", None)

    async def prepare(app, pilot):
        await pilot.press("f3", "v")
        await until(pilot, lambda: getattr(app.screen, "_round", None) is not None)
        a_round = app.screen._round
        while not a_round.over:
            await until(pilot, lambda: a_round.pair is not None)
            mine = a_round.pair.a.generation.adapter_id == first
            keys = ["space", "b" if mine else "a", "b" if mine else "a"]
            await pilot.press(keys[a_round.judged % 3])
        await until(pilot, lambda: app.phase.phase == "ready")

    assert look(prepare, size)


def test_too_small(look, studio):
    _written(studio)

    async def prepare(app, pilot):
        await pilot.pause()

    assert look(prepare, (50, 12))


@pytest.mark.parametrize("size", [(60, 16), *SIZES])
def test_long_paste(look, studio, size):
    story = scored(studio, [4], PREMISE)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        app.post_message(events.Paste("The keeper counted.\n" * 500_000))
        await until(pilot, lambda: isinstance(app.screen, LongPaste))

    assert look(prepare, size)
