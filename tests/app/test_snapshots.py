"""How each screen looks, at two sizes. Renew with `pytest tests/app --snapshot-update`."""

from __future__ import annotations

import pytest
from textual import events

from talecraft.app.screens.pasting import LongPaste
from talecraft.app.widgets import whisper
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
    seen,
    static,
    step,
    until,
)
from tests.app.test_adapters import adapter
from tests.app.test_skeleton import a_story
from tests.app.test_tree import a_tree

SIZES = [(80, 24), (120, 40)]
MOMENT = "2026-11-20T20:15:00.000+00:00"
PREMISE = "A lighthouse keeper counts the ships that do not come."


@pytest.fixture(autouse=True)
def _fixed_times(monkeypatch):
    for module in ("stories", "feedback", "adapters", "runs", "branches"):
        monkeypatch.setattr(f"talecraft.library.{module}.now", lambda: MOMENT)
    assert stories.now() == MOMENT
    monkeypatch.setattr(memory, "free_mb", lambda: 12_000.0)
    monkeypatch.setattr(memory, "_own_mb", lambda pid: 0.0)
    monkeypatch.setattr(memory, "free_disk_mb", lambda folder: 80_000.0)


@pytest.fixture
def look(make_app, snap_compare, place):
    """Compare the screen that `prepare` leads to."""

    def compare(prepare, size, plain=False):
        if plain:
            place.settings_file.parent.mkdir(parents=True, exist_ok=True)
            place.settings_file.write_text("[page]\nplain = true\n")
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
        await _page(app, pilot, story)
        await pilot.pause()

    assert look(prepare, size)


@pytest.mark.parametrize(("size", "theme"), [((80, 24), "paper"), ((120, 40), "lamplight")])
def test_proposal(look, studio, size, theme):
    story = _written(studio)

    async def prepare(app, pilot):
        app.theme = theme
        await _page(app, pilot, story)
        page = app.screen
        await pilot.press("tab", "e")
        await until(pilot, lambda: page.editor.has_focus)
        page.editor.move_cursor((0, 0))
        page.editor.move_cursor((0, page.editor.text.index(" At noon")), select=True)
        await pilot.press("alt+r")
        await until(pilot, lambda: page.proposal.current is not None)
        await until(pilot, lambda: app.phase.phase == "ready")

    assert look(prepare, size)


def test_writing_plain(look, studio):
    story = _written(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("enter")
        await finished(app, pilot)
        app.studio.writing.say(story, "She wrote the number down, and crossed it out.")
        await pilot.press("enter")
        await finished(app, pilot)
        await pilot.press("4", "tab", "k")
        await pilot.pause()

    assert look(prepare, SIZES[0], plain=True)


def test_tree_plain(look, studio):
    story = a_tree(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("f4", "up", "up", "m", "down", "t", "up")
        app.clear_notifications()

    assert look(prepare, SIZES[1], plain=True)


def test_settings_plain(look):
    async def prepare(app, pilot):
        await pilot.press("escape", "f5", "down")
        await pilot.pause()

    assert look(prepare, SIZES[0], plain=True)


def test_training_plain(look, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events(), *[step(n) for n in range(1, 8)])

    async def prepare(app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await pilot.press("f3")
        await until(pilot, lambda: "Ended" in seen(pilot))

    assert look(prepare, SIZES[0], plain=True)
    run.end()


@pytest.mark.parametrize("size", [*SIZES, (200, 60)])
def test_tree(look, studio, size):
    story = a_tree(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("f4", "up", "up", "m", "down", "t", "up", "up", "up", "up")
        app.clear_notifications()

    assert look(prepare, size)


def test_tree_on_paper(look, studio):
    story = a_tree(studio)

    async def prepare(app, pilot):
        app.theme = "paper"
        await page_of(app, pilot, story)
        await pilot.press("f4", "slash", *"lamp")
        app.clear_notifications()

    assert look(prepare, (120, 40))


@pytest.mark.parametrize("size", SIZES)
def test_two_branches_compared(look, studio, size):
    story = a_tree(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("f4", "home", "down", "down", "m", "end", "d")
        await until(pilot, lambda: "marked" in static(pilot, "#difference-head"))
        app.clear_notifications()

    assert look(prepare, size)


@pytest.mark.parametrize("size", SIZES)
def test_models(look, size):
    async def prepare(app, pilot):
        await pilot.press("f2")
        await pilot.pause()
        app.screen.query_one("#model-files").display = False  # a path of this machine

    assert look(prepare, size)


@pytest.mark.parametrize("size", [*SIZES, (200, 60)])
def test_settings(look, place, size):
    place.config.mkdir(parents=True)
    place.settings_file.write_text("[writing]\ntemperature = 0.7\n[page]\ngoal = 500\n")

    async def prepare(app, pilot):
        await pilot.press("f5", "down")
        await pilot.pause()

    assert look(prepare, size)


async def _page(app, pilot, story):
    """A page with passages of both, and a score."""
    await page_of(app, pilot, story)
    await pilot.press("enter")
    await finished(app, pilot)
    app.studio.writing.say(story, "She wrote the number down, and crossed it out.")
    await pilot.press("enter")
    await finished(app, pilot)
    await pilot.press("4", "O", "n")


def test_focus_mode(look, studio, monkeypatch):
    monkeypatch.setattr(whisper, "SECONDS", 600)
    story = _written(studio)

    async def prepare(app, pilot):
        await _page(app, pilot, story)
        await pilot.press("f9")
        await pilot.pause()

    assert look(prepare, (120, 40))


@pytest.mark.parametrize("theme", ["night", "paper"])
def test_reading_themes(look, studio, place, theme):
    place.config.mkdir(parents=True)
    place.settings_file.write_text(f'[page]\ntheme = "{theme}"\ngoal = 12\n')
    story = _written(studio)

    async def prepare(app, pilot):
        await _page(app, pilot, story)
        await pilot.pause()

    assert look(prepare, (120, 40))


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


@pytest.mark.parametrize("size", [*SIZES, (200, 60)])
def test_tokens(look, studio, size):
    story = _written(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("enter")
        await finished(app, pilot)
        await pilot.press("tab", "t")
        await until(pilot, lambda: getattr(app.screen, "_event", None) is not None)
        await pilot.press("right", "right", "right", "right", "right", "right")

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


@pytest.mark.parametrize("size", [*SIZES, (200, 60)])
def test_skeleton(look, studio, size):
    story = a_story(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("tab", "s", "home", "down", "down")

    assert look(prepare, size)


def test_skeleton_on_paper(look, studio):
    story = a_story(studio)

    async def prepare(app, pilot):
        app.theme = "paper"
        await page_of(app, pilot, story)
        await pilot.press("tab", "s", "slash", *"bell")
        app.screen.query_one("#bones").cursor_blink = False

    assert look(prepare, (120, 40))


@pytest.mark.guided
@pytest.mark.parametrize("size", [(60, 16), *SIZES])
def test_guide_at_the_beginning(look, size):
    async def prepare(app, pilot):
        await pilot.pause()

    assert look(prepare, size)


@pytest.mark.guided
@pytest.mark.parametrize("size", [(60, 16), *SIZES])
def test_guide_after_a_refusal(look, studio, size):
    studio.guide.show(True)
    past_run(
        studio,
        outcome(
            "refused",
            "I ordered 58% of 71 unseen pairs as you did, but that may still be chance. A taste"
            " round tells most in the least time. Nothing was changed.",
        ),
    )
    story = scored(studio, [4], PREMISE)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)

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
