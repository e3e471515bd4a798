"""How each screen looks, at three sizes, dark and light: `pytest tests/app/test_snapshots.py
--snapshot-update` renews the pictures. One app is led to a screen once and shown in all of them.
"""

from __future__ import annotations

import pytest
from pytest_textual_snapshot import SVGImageExtension
from textual import events
from textual.widgets import Input, TextArea

from talecraft.app.screens.choosing import ChoosingScreen
from talecraft.app.screens.dialogs import AskName, Confirm
from talecraft.app.screens.form import Form
from talecraft.app.screens.pasting import LongPaste
from talecraft.app.widgets import whisper
from talecraft.library import stories
from talecraft.process.run_events import Example, Sample
from talecraft.story.notes import Entry
from talecraft.studio import memory
from talecraft.studio.fetching import Progress
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
    typed,
    until,
)
from tests.app.test_adapters import adapter
from tests.app.test_skeleton import a_story
from tests.app.test_tree import a_tree

SIZES = [(80, 24), (120, 40), (200, 60)]
THEMES = ("lamplight", "paper")
SMALL = (60, 16)
PLAIN = [(80, 24), (120, 40)]
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
def looks(make_app, snapshot, tmp_path):
    """Compare the screen that `prepare` leads to, in each of these sizes and themes."""
    kept = snapshot.use_extension(SVGImageExtension)

    async def compare(prepare, sizes=SIZES, themes=THEMES):
        app = make_app()
        others = []
        async with app.run_test(size=sizes[0], notifications=True) as pilot:
            await until(pilot, lambda: app.phase.phase == "ready")
            app.theme = themes[0]
            await prepare(app, pilot)
            for size in sizes:
                await pilot.resize_terminal(*size)
                for theme in themes:
                    app.theme = theme
                    picture = await _settled(app, pilot)
                    name = f"{size[0]}x{size[1]}-{theme}"
                    if picture != kept(name=name):
                        others.append(tmp_path / f"{name}.svg")
                        others[-1].write_text(picture)
        assert not others, "another look than the one that is kept"

    return compare


@pytest.fixture
def plain(place):
    place.settings_file.parent.mkdir(parents=True, exist_ok=True)
    place.settings_file.write_text("[page]\nplain = true\n")


async def _settled(app, pilot):
    """The picture once it changes no more, seen so three times: curves come when there is room."""
    before, same = "", 0
    for _ in range(200):
        for area in (*app.screen.query(TextArea), *app.screen.query(Input)):
            area.cursor_blink = False
        await pilot.pause(0.02)
        picture = app.export_screenshot()
        same = same + 1 if picture == before else 0
        if same == 3:
            return picture
        before = picture
    raise AssertionError("the screen never comes to rest")


def _written(studio):
    story = studio.writing.new_story(PREMISE)
    return story.id


async def test_library(looks, studio):
    scored(studio, [4], "The salt road to the north is closed.")
    story = _written(studio)
    studio.writing.say(story, "The keeper counted ships all night.")
    studio.library.stories.save_draft(story, "In the morning")

    async def prepare(app, pilot):
        await pilot.pause()

    await looks(prepare)


async def test_opening(looks):
    async def prepare(app, pilot):
        await pilot.pause()

    await looks(prepare)


async def test_writing(looks, studio):
    story = _written(studio)

    async def prepare(app, pilot):
        await _page(app, pilot, story)
        await pilot.pause()

    await looks(prepare)


async def test_proposal(looks, studio):
    story = _written(studio)

    async def prepare(app, pilot):
        await _page(app, pilot, story)
        page = app.screen
        await pilot.press("tab", "e")
        await until(pilot, lambda: page.editor.has_focus)
        page.editor.move_cursor((0, 0))
        page.editor.move_cursor((0, page.editor.text.index(" At noon")), select=True)
        await pilot.press("alt+r")
        await until(pilot, lambda: page.proposal.current is not None)
        await until(pilot, lambda: app.phase.phase == "ready")

    await looks(prepare)


async def test_writing_plain(looks, studio, plain):
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

    await looks(prepare, PLAIN, THEMES[:1])


async def test_tree_plain(looks, studio, plain):
    story = a_tree(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("f4", "up", "up", "m", "down", "t", "up")
        app.clear_notifications()

    await looks(prepare, PLAIN, THEMES[:1])


async def test_settings_plain(looks, plain):
    async def prepare(app, pilot):
        await pilot.press("escape", "f5", "down")
        await pilot.pause()

    await looks(prepare, PLAIN, THEMES[:1])


async def test_training_plain(looks, studio, place, plain):
    run = HandRun(place, studio)
    run.say(*phase_events(), *[step(n) for n in range(1, 8)])

    async def prepare(app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await pilot.press("f3")
        await until(pilot, lambda: "Reined in" in seen(pilot))

    await looks(prepare, PLAIN, THEMES[:1])
    run.end()


async def test_tree(looks, studio):
    story = a_tree(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("f4", "up", "up", "m", "down", "t", "up", "up", "up", "up")
        app.clear_notifications()

    await looks(prepare)


async def test_tree_search(looks, studio):
    story = a_tree(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("f4", "slash", *"lamp")
        app.clear_notifications()

    await looks(prepare)


async def test_two_branches_compared(looks, studio):
    story = a_tree(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("f4", "home", "down", "down", "m", "end", "d")
        await until(pilot, lambda: "marked" in static(pilot, "#difference-head"))
        app.clear_notifications()

    await looks(prepare)


async def test_models(looks):
    async def prepare(app, pilot):
        await pilot.press("f2")
        await pilot.pause()
        app.screen.query_one("#model-files").display = False  # a path of this machine

    await looks(prepare)


async def test_models_fetching(looks):
    async def prepare(app, pilot):
        await pilot.press("f2", "down")
        app.fetching, app.fetch_progress = "gpt2", Progress(210_000_000, 548_000_000, 8.3e6, 40.0)
        app._fetch_changed()
        await pilot.pause()
        app.screen.query_one("#model-files").display = False  # a path of this machine

    await looks(prepare)


async def test_settings(looks, place):
    place.config.mkdir(parents=True)
    place.settings_file.write_text("[writing]\ntemperature = 0.7\n[page]\ngoal = 500\n")

    async def prepare(app, pilot):
        await pilot.press("f5", "down")
        await pilot.pause()

    await looks(prepare)


async def _page(app, pilot, story):
    """A page with passages of both, and a score."""
    await page_of(app, pilot, story)
    await pilot.press("enter")
    await finished(app, pilot)
    app.studio.writing.say(story, "She wrote the number down, and crossed it out.")
    await pilot.press("enter")
    await finished(app, pilot)
    await pilot.press("4", "O", "n")


async def test_focus_mode(looks, studio, monkeypatch):
    monkeypatch.setattr(whisper, "SECONDS", 600)
    story = _written(studio)

    async def prepare(app, pilot):
        await _page(app, pilot, story)
        await pilot.press("f9")
        await pilot.pause()

    await looks(prepare)


async def test_at_night_with_a_goal(looks, studio, place):
    place.config.mkdir(parents=True)
    place.settings_file.write_text("[page]\ngoal = 12\n")
    story = _written(studio)

    async def prepare(app, pilot):
        await _page(app, pilot, story)
        await pilot.pause()

    await looks(prepare, themes=("night",))


async def test_help(looks):
    async def prepare(app, pilot):
        await pilot.press("f1")
        await pilot.pause()

    await looks(prepare)


async def test_training_live(looks, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events(), *[step(n) for n in range(1, 8)])

    async def prepare(app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await pilot.press("f3")
        await until(pilot, lambda: len(app.screen.query("Plot")) == 2)
        await until(pilot, lambda: all(plot._datasets for plot in app.screen.query("Plot")))

    await looks(prepare)
    run.end()


async def test_training_example(looks, studio, place):
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
        await until(pilot, lambda: len(app.screen.query("Plot")) == 2)
        await until(pilot, lambda: all(plot._datasets for plot in app.screen.query("Plot")))
        run.say(Example(7, sample))
        await until(pilot, lambda: app.screen.query_one("#example").display)
        await pilot.pause()
        app.screen.query_one("#example").scroll_visible(animate=False, top=True)
        await until(pilot, lambda: app.screen.query_one("#training").scroll_y > 0)
        app.clear_notifications()  # that it has come; it goes by itself, sooner or later

    await looks(prepare)
    run.end()


async def test_pattern_live(looks, studio, place):
    from tests.app.test_pattern import begun
    from tests.app.test_pattern import step as pattern_step

    run = HandRun(place, studio, method="pattern")
    run.say(*begun(), *[pattern_step(n) for n in range(1, 61)])

    async def prepare(app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await pilot.press("f3")
        await until(pilot, lambda: len(app.screen.query("Plot")) == 2)
        await until(pilot, lambda: all(plot._datasets for plot in app.screen.query("Plot")))

    await looks(prepare)
    run.end()


async def test_training_outcome(looks, studio):
    scored(studio, [1, 2, 3, 4, 5] * 4)
    past_run(studio, outcome())

    async def prepare(app, pilot):
        await pilot.press("f3")
        await until(pilot, lambda: "So far I think" in static(pilot, "#training-plan"))

    await looks(prepare)


async def test_adapters(looks, studio):
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

    await looks(prepare)


async def a_storys_notes(app, pilot, studio):
    """A story with everything a writer can note beside it, and what the model sees of it."""
    story = studio.writing.new_story(PREMISE)
    for words in (
        "Maren went down to the rocks at low tide. Tomas watched from the door.",
        "Far out a horn answered. The ship was near the Teeth, where no ship should be.",
    ):
        studio.writing.say(story.id, words)
    notebook = studio.notebook
    notebook.remember(story.id, "It is the winter of 1887. Nobody else lives on the island.")
    notebook.tell_model(story.id, "Keep the sentences short.", 1)
    notebook.keep(story.id, Entry("The Teeth", "black rocks north of the island", keys=("Teeth",)))
    notebook.keep(story.id, Entry("Tomas", "Maren's brother, afraid of water", "character"))
    notebook.keep(story.id, Entry("The mill", "It burned down long ago."))
    await page_of(app, pilot, story.id)
    await pilot.press("f6")
    await until(pilot, lambda: getattr(app.screen, "_event", None) is not None)


async def test_context(looks, studio):
    await looks(lambda app, pilot: a_storys_notes(app, pilot, studio))


async def test_context_entry(looks, studio):
    async def prepare(app, pilot):
        await a_storys_notes(app, pilot, studio)
        await pilot.pause()
        app.screen._list.choose("character")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, Form))

    await looks(prepare)


async def test_tokens(looks, studio):
    story = _written(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("enter")
        await finished(app, pilot)
        await pilot.press("tab", "t")
        await until(pilot, lambda: getattr(app.screen, "_event", None) is not None)
        await pilot.press("right", "right", "right", "right", "right", "right")

    await looks(prepare)


async def test_tasting(looks, studio):
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

    await looks(prepare)


async def test_comparison_over(looks, studio):
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

    await looks(prepare)


async def test_skeleton(looks, studio):
    story = a_story(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("tab", "s", "home", "down", "down")

    await looks(prepare)


async def test_skeleton_search(looks, studio):
    story = a_story(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("tab", "s", "slash", *"bell")
        app.screen.query_one("#bones").cursor_blink = False

    await looks(prepare)


@pytest.mark.guided
async def test_guide_at_the_beginning(looks):
    async def prepare(app, pilot):
        await pilot.pause()

    await looks(prepare, [SMALL, *SIZES])


@pytest.mark.guided
async def test_guide_after_a_refusal(looks, studio):
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

    await looks(prepare, [SMALL, *SIZES])


async def test_too_small(looks, studio):
    _written(studio)

    async def prepare(app, pilot):
        await pilot.pause()

    await looks(prepare, [(50, 12)])


async def test_long_paste(looks, studio):
    story = scored(studio, [4], PREMISE)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        app.post_message(events.Paste("The keeper counted.\n" * 500_000))
        await until(pilot, lambda: isinstance(app.screen, LongPaste))

    await looks(prepare, [SMALL, *SIZES])


async def test_editing(looks, studio):
    story = _written(studio)

    async def prepare(app, pilot):
        await _page(app, pilot, story)
        await pilot.press("tab", "k", "k", "e")
        await until(pilot, lambda: app.screen.editor.has_focus)

    await looks(prepare)


async def test_editing_a_plan(looks, studio):
    story = _written(studio)

    async def prepare(app, pilot):
        await _page(app, pilot, story)
        await pilot.press("tab", "p", "e")
        await until(pilot, lambda: app.screen.editor.has_focus)

    await looks(prepare)


async def test_at_the_plan(looks, studio):
    story = _written(studio)

    async def prepare(app, pilot):
        await _page(app, pilot, story)
        await pilot.press("tab", "p", "4")
        await until(pilot, lambda: app.screen.plan_pane.has_focus)

    await looks(prepare)


async def test_a_ghost(looks, studio):
    story = _written(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await typed(pilot, "The keeper went down to the boats, and it was")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: app.screen.composer.ghost)
        await until(pilot, lambda: app.phase.phase == "ready")

    await looks(prepare)


async def test_versions_side_by_side(looks, studio):
    story = _written(studio)

    async def prepare(app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("enter")
        await finished(app, pilot)
        await pilot.press("tab", "v")
        await until(pilot, lambda: isinstance(app.screen, ChoosingScreen))
        await until(pilot, lambda: app.phase.phase == "ready")

    await looks(prepare)


async def test_a_yes_or_no(looks, studio):
    adapter(studio, 1)

    async def prepare(app, pilot):
        await pilot.press("f3", "b")
        await until(pilot, lambda: isinstance(app.screen, Confirm))

    await looks(prepare, SIZES[:2])


async def test_a_name_is_asked(looks, studio):
    _written(studio)

    async def prepare(app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, AskName))

    await looks(prepare, SIZES[:2])


async def test_the_palette(looks, studio):
    _written(studio)

    async def prepare(app, pilot):
        await pilot.press("ctrl+p", *"goal")
        await until(pilot, lambda: "a goal for the day" in seen(pilot))

    await looks(prepare, SIZES[:2], THEMES[:1])
    await looks(prepare, SIZES[:2], THEMES[1:])


async def test_the_trash(looks, studio):
    studio.library.stories.trash(_written(studio))
    _written(studio)

    async def prepare(app, pilot):
        await pilot.press("t")
        await pilot.pause()

    await looks(prepare, SIZES[:2])
