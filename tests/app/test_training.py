"""Training as it is seen: before, during, after; a run never depends on being watched."""

from __future__ import annotations

import itertools
import json
import re
import threading

import msgspec
import pytest
from textual.widgets import Static

from talecraft.app.screens.training import TrainingScreen
from talecraft.app.widgets.figures import Curve, taste_words
from talecraft.app.widgets.run_plan import RunPlan
from talecraft.library.adapters import Adapter
from talecraft.process.run_events import (
    Check,
    Example,
    GoingOn,
    RunPhase,
    Sample,
    TasteLearned,
    Waiting,
)
from talecraft.studio.training import Training
from tests.app.conftest import (
    HandRun,
    begun,
    notices,
    options,
    outcome,
    past_run,
    phase_events,
    scored,
    seen,
    static,
    step,
    until,
)

ENOUGH = [1, 2, 3, 4, 5] * 4


async def shown(app, pilot) -> TrainingScreen:
    await pilot.press("f3")
    await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
    await pilot.pause()
    return app.screen


async def test_too_few_scores_are_refused_in_plain_words(running, studio):
    scored(studio, [4, 4, 5])
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        text = static(pilot, "#training-plan")
        assert re.search(r"3 scores of passages by .+, in 1 story", text)
        assert "Not yet. 17 more scores or choices are needed." in text
        assert "★★★★  ━━━━━━━━━━━━━━━━━━━━━━━━ 2" in text
        await pilot.press("s")
        assert app.run_watch is None
        assert "s Start" not in seen(pilot)
        assert "Not yet. 17 more scores or choices are needed." in notices(pilot)


async def test_keys_that_can_do_nothing_now_say_why(running, studio):
    scored(studio, [4, 4, 5])
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        for key, words in {
            "c": "There is no run to go on with.",
            "p": "No run is going.",
            "e": "No run is going.",
            "x": "No run is going.",
            "b": "The bare model writes: there is no adapter to roll back.",
        }.items():
            app.clear_notifications()
            await pilot.pause()
            assert words not in notices(pilot), key
            await pilot.press(key)
            assert words in notices(pilot), key


async def test_what_was_said_meanwhile_is_counted_on_coming_back(running, studio):
    """A taste round lies over this screen; what it taught is there when it is over."""
    story = scored(studio, ENOUGH)
    async with running((100, 50)) as (app, pilot):
        screen = await shown(app, pilot)
        assert "★★★★★ ━━━━━━━━━━━━━━━━━━━━━━━━ 4" in static(pilot, "#training-plan")
        await pilot.press("t")
        await until(pilot, lambda: app.screen is not screen)
        turn = next(one for one in studio.library.stories.tree(story) if one.prose)
        studio.writing.rate(turn.id, "stars", 5)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await until(pilot, lambda: "━ 5" in static(pilot, "#training-plan"))


async def test_the_plan_counts_what_another_model_wrote(running, studio):
    story = scored(studio, ENOUGH)
    turn = studio.library.stories.add_turn(story, None, "model", "By another.", "", None)
    studio.writing.rate(turn.id, "stars", 5)
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await until(pilot, lambda: "Press s to start." in seen(pilot))
        text = static(pilot, "#training-plan")
        assert re.search(r"20 scores of passages by .+, in 1 story", text)
        assert "1 passage that you judged left out: another model wrote it." in text
        assert "Press s to start. It takes about" in text
        assert "estimated" in text


async def test_what_is_known_of_the_taste_is_said_before_a_run(running, studio):
    scored(studio, ENOUGH)
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await until(pilot, lambda: "So far I think" in static(pilot, "#training-plan"))
        text = static(pilot, "#training-plan")
        assert "So far I think you like [/dialogue]; right 71% of the time" in text
        assert "Press s to start." in text


async def test_where_the_gate_would_refuse_a_taste_round_is_offered(running, studio, monkeypatch):
    monkeypatch.setenv("TINY_LOOK", "refused")
    scored(studio, ENOUGH)
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await until(pilot, lambda: "60% are needed" in static(pilot, "#training-plan"))
        assert "Press t for a taste round" in static(pilot, "#training-plan")
        await pilot.press("s")
        assert app.run_watch is None
        assert "60% are needed" in notices(pilot)


async def test_a_reward_model_may_know_what_the_head_does_not(running, studio, place, monkeypatch):
    """Where one is tried, a head that knows too little refuses nothing."""
    monkeypatch.setenv("TINY_LOOK", "refused")
    place.config.mkdir(parents=True, exist_ok=True)
    place.settings_file.write_text('[training]\ntaste_model = "adapter"\n')
    scored(studio, ENOUGH)
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await until(pilot, lambda: "So far I think" in static(pilot, "#training-plan"))
        text = static(pilot, "#training-plan")
        assert "A reward model is tried beside the taste head" in text
        assert "Press s to start." in text
        assert "60% are needed" not in text


def test_what_came_of_a_trial_stands_beside_what_is_known_of_the_taste():
    told = TasteLearned(60, 6, 300, 0.58, 0.5, 0.66, False, "Dialogue.", tried="It [was] tried.")
    assert "Dialogue." in str(taste_words(told))
    assert str(taste_words(told)).endswith("to 66%) It [was] tried.")


async def test_a_look_that_fails_is_said_and_a_run_can_be_started_all_the_same(
    running, studio, monkeypatch
):
    monkeypatch.setenv("TINY_LOOK", "died")
    scored(studio, ENOUGH)
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await until(pilot, lambda: "The last words of a look." in notices(pilot))
        assert "Press s to start." in static(pilot, "#training-plan")
        assert "s Start" in seen(pilot)


async def test_s_waits_until_the_taste_is_read(running, studio, monkeypatch):
    scored(studio, ENOUGH)
    read, started = threading.Event(), []
    monkeypatch.setattr(Training, "look", lambda self, model: read.wait(20) and None)
    monkeypatch.setattr(Training, "start", lambda self, model: started.append(model))
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await until(pilot, lambda: "I am reading your opinions" in seen(pilot))
        assert "s Start" not in seen(pilot)
        await pilot.press("s")
        await pilot.pause()
        assert "I am still reading your opinions; then s starts." in notices(pilot)
        assert not started
        read.set()
        await until(pilot, lambda: "Press s to start." in seen(pilot))
        assert "s Start" in seen(pilot)


async def test_s_starts_a_run_and_x_stops_it(running, studio, monkeypatch):
    scored(studio, ENOUGH)
    runs: list[HandRun] = []

    def start(self, model):
        runs.append(HandRun(studio.home, studio))
        runs[0].say(RunPhase("Reading your scores", 0.1))
        return studio.library.runs.get(runs[0].run_id)

    monkeypatch.setattr(Training, "start", start)
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await until(pilot, lambda: "Press s to start." in seen(pilot))
        await pilot.press("s")
        await until(pilot, lambda: "Reading your scores" in seen(pilot))
        assert "Not yet" not in notices(pilot)
        await pilot.press("s")
        await until(pilot, lambda: "A run is going." in notices(pilot))
        assert len(runs) == 1
        await pilot.press("x")
        await pilot.pause()
        assert "Stop the training run?" in seen(pilot)
        await pilot.press("y")
        await until(pilot, lambda: "training: stopping" in seen(pilot))
        control = studio.home.runs / runs[0].run_id / "control"
        assert control.read_bytes() == b"cancel\n"
        runs[0].say(outcome("cancelled", "You stopped it."))
        runs[0].end()
        await until(pilot, lambda: app.run_watch is None)
        assert "□ Stopped. You stopped it." in seen(pilot)


async def test_a_run_that_was_cut_off_goes_on_with_c(running, studio, place, monkeypatch):
    scored(studio, ENOUGH)
    run = HandRun(place, studio)
    run.say(*phase_events(), step(1), step(2))
    run.end()

    def resumable(self, model):
        found = self._library.runs.get(run.run_id)
        return found if found.state == "interrupted" else None

    def resume(runs, run_id, elsewhere, launcher):
        run.take()
        run.say(RunPhase("Practising", 0.2), step(2), step(3))
        return 1

    monkeypatch.setattr(Training, "resumable", resumable)
    monkeypatch.setattr("talecraft.studio.training.run_client.resume", resume)
    async with running((100, 50), loaded=False) as (app, pilot):
        await until(pilot, lambda: studio.library.runs.get(run.run_id).state == "interrupted")
        await shown(app, pilot)
        assert app.farewell == ""
        await until(pilot, lambda: "Press c to go on." in seen(pilot))
        await pilot.press("c")
        await until(pilot, lambda: "Step 3 of 14" in seen(pilot))
        assert [one.step for one in app.run_watch.steps] == [1, 2, 3], "the second was taken again"
        assert "goes on by itself" in app.farewell, "it is said when the program is closed"
        assert studio.library.runs.get(run.run_id).state == "running"
    run.end()


async def test_a_run_is_found_again_and_shown_live(running, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events(), *[step(n) for n in range(1, 6)])
    async with running((100, 40), loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await shown(app, pilot)
        text = seen(pilot)
        assert "Step 5 of 14 · about 2 min left, the closing test included" in text
        assert "of 400 unseen pairs; 90 % sure: 64% to 78%" in text
        await until(pilot, lambda: len(app.screen.query("Plot")) == 8)
        run.say(step(6))
        await until(pilot, lambda: "Step 6 of 14" in seen(pilot))
        assert "training 6/14" in seen(pilot)
    run.end()
    assert studio.library.runs.get(run.run_id).state == "running", "leaving stopped nothing"


async def test_the_time_left_is_that_to_the_end_of_the_closing_test(running, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events(), *[step(n) for n in range(1, 14)])
    async with running((100, 40), loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await shown(app, pilot)
        # One step of 9 s, and a test as long as 2.1 steps; without it there would be 9 s left.
        assert "Step 13 of 14 · about 28 s left, the closing test included" in seen(pilot)
        assert "training 13/14, 28 s left" in seen(pilot)
        run.say(step(14), RunPhase("Comparing before and after", 0.0))
        await until(pilot, lambda: "Step 14 of 14" in seen(pilot))
        assert "Step 14 of 14 · the closing test takes about 19 s" in seen(pilot)
        assert "training: closing test" in seen(pilot)
        assert " 87%" in seen(pilot), "the bar is not full before the end"
    run.end()


FIGURES = {
    "Pleasing (reward)": ("+0.60", "more is better"),
    "your taste": ("+0.50", ""),
    "Change (KL)": ("2.00", "from how it wrote; aim 3, end 6"),
    "Freedom (entropy)": ("2.00", "how freely it chooses its words"),
    "Reined in (clip)": ("10.0%", "changes cut off as too large"),
    "Misjudged (value)": ("0.20", "how far its forecasts were off"),
    "Length": ("80 words", "of a passage"),
    "Repetition": ("10%", "word pairs that come again"),
    "Ended": ("100%", "passages that it ended itself"),
}


@pytest.mark.parametrize(("size", "curves"), [((80, 24), 2), ((120, 40), 8), ((200, 60), 8)])
async def test_every_figure_is_told_in_words_and_as_a_curve_where_there_is_room(
    running, studio, place, size, curves
):
    run = HandRun(place, studio)
    run.say(*phase_events(), *[step(n) for n in range(1, 6)])
    async with running(size, loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await shown(app, pilot)
        lines = static(pilot, "#figures").splitlines()
        assert max(map(len, lines)) <= 75, "no line is folded in the smallest window"
        for name, (value, meaning) in FIGURES.items():
            (line,) = (line for line in lines if line.strip().startswith(name))
            assert value in line
            assert meaning in line
        await until(pilot, lambda: len(app.screen.query("Plot")) == curves)
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: len(app.screen.query("Plot")) == 8)
        await until(pilot, lambda: all(plot._datasets for plot in app.screen.query("Plot")))
    run.end()


async def test_what_the_last_step_did_not_measure_is_told_of_the_one_before(running, studio, place):
    """Turns that end a run are not learned from: nought is not what learning came to."""
    run = HandRun(place, studio)
    ended = msgspec.structs.replace(
        step(3), note="Too far.", clip_fraction=0.0, value_loss=0.0, policy_loss=0.0
    )
    run.say(*phase_events(), step(1), step(2), ended)
    async with running((120, 40), loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await shown(app, pilot)
        lines = static(pilot, "#figures").splitlines()
        assert any(line.startswith("Misjudged (value)") and " 0.20 " in line for line in lines)
        assert any(line.startswith("Reined in (clip)") and " 10.0% " in line for line in lines)
        assert any(line.startswith("Change (KL)") and " 1.20 " in line for line in lines)
        await until(pilot, lambda: all(plot._datasets for plot in app.screen.query("Plot")))
        drawn = {
            name: len(app.screen.query_one(f"#{name}", Curve)._data.values)
            for name in ("value", "distance")
        }
        assert drawn == {"value": 2, "distance": 3}
    run.end()


async def test_a_run_is_paused_and_goes_on(running, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events(), step(1))
    async with running((100, 40), loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await shown(app, pilot)
        assert "c Go on" not in seen(pilot)
        await pilot.press("c")
        assert run.asked == set()
        await pilot.press("p")
        await until(pilot, lambda: "Pausing at the next step" in seen(pilot))
        assert "training: pausing" in seen(pilot)
        assert run.asked == {"pause"}
        run.say(Waiting("pause"))
        await until(pilot, lambda: "training paused" in seen(pilot))
        assert "Paused. Press c to go on." in seen(pilot)
        assert "p Pause" not in seen(pilot)
        await pilot.press("p")
        assert run.asked == {"pause"}
    # Closed meanwhile: the next start finds it as it was left.
    async with running((100, 40), loaded=False) as (app, pilot):
        await until(pilot, lambda: "training paused" in seen(pilot))
        await shown(app, pilot)
        assert "Paused. Press c to go on." in seen(pilot)
        await pilot.press("c")
        await until(pilot, lambda: "▶ Practising" in seen(pilot))
        assert run.asked == set()
        run.say(GoingOn(60.0), step(2))
        await until(pilot, lambda: "training 2/14" in seen(pilot))
        # A pause by another program is seen too; the run can be stopped while it is paused.
        studio.training.pause()
        run.say(Waiting("pause"))
        await until(pilot, lambda: "training paused" in seen(pilot))
        await pilot.press("x", "y")
        await until(pilot, lambda: "training: stopping" in seen(pilot))
        assert run.asked == {"pause", "control"}
    run.end()


async def test_a_run_that_gives_way_says_so(running, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events(), step(1), Waiting("writing"))
    async with running((100, 40), loaded=False) as (app, pilot):
        await until(pilot, lambda: "training waits" in seen(pilot))
        await shown(app, pilot)
        assert "Waiting while a passage is written" in seen(pilot)
        run.say(GoingOn(4.0))
        await until(pilot, lambda: "training 1/14" in seen(pilot))
        assert "▶ Practising" in seen(pilot)
    run.end()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_an_example_is_shown_when_it_is_asked_for(running, studio, place, size):
    run = HandRun(place, studio)
    run.say(*phase_events(), step(1))
    async with running(size, loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await shown(app, pilot)
        await pilot.press("e")
        await until(pilot, lambda: "An example comes after the next step" in seen(pilot))
        assert run.asked == {"example"}
        sample = Sample("A [/oops] boat.", "It was big\x1b[2J.", "“Who steers?” she asked.")
        run.say(step(2), Example(2, sample))
        await until(pilot, lambda: "“Who steers?” she asked." in seen(pilot))
        text = seen(pilot)
        assert "A [/oops] boat." in text
        assert "After step 2" in text
        before = next(line for line in text.splitlines() if "As it writes now" in line)
        assert ("After step 2" in before) is (size[0] >= 100), "side by side where there is room"
        assert "An example comes" not in text
        # Whoever has read elsewhere since is told of it, and not moved.
        await pilot.press("e", "home")
        run.say(step(3), Example(3, msgspec.structs.replace(sample, after="A third.")))
        await until(pilot, lambda: "It stands under the figures." in notices(pilot))
        assert app.screen.query_one("#training").scroll_y == 0
        for number in range(4, 15):
            run.say(step(number))
        await until(pilot, lambda: "training: closing test" in seen(pilot))
        # Elsewhere a notice tells of it; opened again, the screen begins at its top.
        await pilot.press("escape")
        run.say(Example(14, msgspec.structs.replace(sample, after="Another.")))
        await until(pilot, lambda: "The example has come: F3 shows it." in notices(pilot))
        await shown(app, pilot)
        assert app.screen.query_one("#training").scroll_y == 0
        assert "Another." in str(app.screen.query(".sample-text").last(Static).visual)
        assert "e Example" not in seen(pilot), "no update is left to show one after"
        await pilot.press("e")
        assert app.run_watch.example_asked is False
    run.end()


async def test_an_engine_without_room_sleeps_and_wakes_with_the_first_key(
    running, studio, place, monkeypatch
):
    run = HandRun(place, studio)
    run.say(step(1))
    monkeypatch.setattr(Training, "runs_alone", property(lambda self: self.running() is not None))
    async with running((100, 40), loaded=False) as (app, pilot):
        await until(pilot, lambda: "asleep; writing wakes it" in seen(pilot))
        assert app.studio.engine.pid is None
        await begun(app, pilot, "A harbour", turns=0)
        await pilot.press("enter")
        await until(pilot, lambda: app.live is None and app.phase.phase == "asleep")
        assert "The fox waited" in seen(pilot)
        run.say(outcome("rejected", "It does not write better."))
        run.end()
        await until(pilot, lambda: app.phase.phase == "ready")
        assert app.studio.engine.running


async def test_a_plan_tells_what_room_there_is(running, studio, monkeypatch):
    scored(studio, ENOUGH)
    monkeypatch.setattr("talecraft.studio.memory._own_mb", lambda pid: 0.0)
    monkeypatch.setattr("talecraft.studio.memory.free_disk_mb", lambda folder: 80_000.0)
    async with running((100, 50), loaded=False) as (app, pilot):
        for free, words in (
            (
                20_000.0,
                "of memory (20.0 GB free), what writes beside it 618 MB, and 23 MB on the disk",
            ),
            (1_500.0, "that sleeps while the run works"),
            (500.0, "of memory; 500 MB are free."),
        ):
            monkeypatch.setattr("talecraft.studio.memory.free_mb", lambda free=free: free)
            await shown(app, pilot)
            await until(pilot, lambda: not app.screen.query_one(RunPlan).reading)
            text = " ".join(static(pilot, "#training-plan").split())
            assert words in text
            assert ("that sleeps" in text) is (free == 1_500.0)
            assert ("s Start" in seen(pilot)) is (free > 1_000.0)
            await pilot.press("escape")


async def test_a_run_that_ends_while_writing_is_told_and_settled(running, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events(), step(1))
    async with running((100, 40)) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await until(pilot, lambda: "training 1/14" in seen(pilot))
        run.say(outcome("rejected", "It does not write better."))
        run.end()
        await until(pilot, lambda: "Training: not adopted" in notices(pilot))
        assert studio.library.runs.get(run.run_id).state == "rejected"
        assert "training" not in seen(pilot).splitlines()[-2]
        await shown(app, pilot)
        assert "✗ Not adopted. It does not write better." in seen(pilot)
        assert "✗ preferred on 72 of 100" in seen(pilot)
        assert "✓ other prose" in seen(pilot)


async def test_no_notice_lies_over_the_verdict_that_is_shown(running, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events(), step(1))
    async with running((100, 40)) as (app, pilot):
        await shown(app, pilot)
        run.say(outcome("rejected", "It does not write better."))
        run.end()
        await until(pilot, lambda: "✗ Not adopted. It does not write better." in seen(pilot))
        assert "not adopted" not in notices(pilot)


async def test_a_run_that_dies_without_a_word_is_interrupted(running, studio, place):
    run = HandRun(place, studio)
    run.say(step(1))
    async with running((100, 40), loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        run.end()
        await until(pilot, lambda: "Training: cut off" in notices(pilot))
        await shown(app, pilot)
        assert "✗ Cut off" in seen(pilot)


@pytest.mark.parametrize(
    ("state", "words"),
    [("adopted", "✓ Adopted"), ("refused", "✗ Refused"), ("failed", "✗ Failed")],
)
async def test_outcomes_in_plain_words_with_before_and_after(running, studio, state, words):
    past_run(
        studio, outcome(state, "Told [/oops] plainly."), error="[red]why" * (state == "failed")
    )
    async with running((120, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        text = seen(pilot)
        assert f"{words}. Told [/oops] plainly." in text
        assert "Before" in text
        assert "After" in text
        assert "“Who steers?” she asked." in text
        assert "Rose: “she asked” 0.2 → 2.4" in text
        assert "Fell: “there was [/a]” 3.8 → 1.5" in text
        assert ("[red]why" in text) is (state == "failed")


def adapter(studio, number: int, state: str, parent: str | None) -> str:
    from talecraft.process import adapter_files

    folder = studio.home.adapters / f"draft-{number}"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({"number": number}))
    (folder / "adapter_model.safetensors").write_bytes(bytes([number]) * 8)
    files = adapter_files.checksums(folder)
    name = adapter_files.content_id(files)
    folder.rename(studio.home.adapters / name)
    studio.library.adapters.add(
        Adapter(
            name, studio.model.id, studio.model.revision, parent, "run", name, files, "retired", ""
        )
    )  # fmt: skip
    if state == "active":
        studio.library.adapters.activate(studio.model.id, name)
    return name


async def test_roll_back_asks_first_and_is_heard_by_the_engine(running, studio):
    first = adapter(studio, 1, "retired", None)
    second = adapter(studio, 2, "active", first)
    async with running((100, 40)) as (app, pilot):
        assert f"adapter {second[:8]}" in seen(pilot)
        await shown(app, pilot)
        await pilot.press("b")
        await pilot.pause()
        assert f"Roll back to adapter {first[:8]}?" in seen(pilot)
        await pilot.press("n")
        await pilot.pause()
        assert studio.library.adapters.active(studio.model.id).id == second
        await pilot.press("b", "y")
        await until(pilot, lambda: app.studio.loaded.adapter_id == first)
        assert studio.library.adapters.active(studio.model.id).id == first
        await until(pilot, lambda: f"adapter {first[:8]}" in seen(pilot).splitlines()[-2])


async def test_any_adapter_of_the_list_can_be_chosen(running, studio):
    first = adapter(studio, 1, "active", None)
    async with running((100, 40)) as (app, pilot):
        await shown(app, pilot)
        assert options(pilot, "#adapters")[1].startswith(f"● {first[:8]}  writes now")
        await pilot.press("a", "up", "enter")
        await until(pilot, lambda: app.studio.loaded.adapter_id is None)
        assert "as it came  writes now" in options(pilot, "#adapters")[0]


async def test_a_run_settled_by_another_program_is_told_too(running, studio, place):
    run = HandRun(place, studio)
    run.say(step(1))
    async with running((100, 40), loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        studio.library.runs.end(run.run_id, "cancelled")
        run.end()
        await until(pilot, lambda: "Training: stopped" in notices(pilot))
        assert app.run_watch is None


@pytest.mark.parametrize("ends", [(-0.6, 1.0), (0.0, 6.6), (-1.0, 2.5), (0.0, 13.0)])
def test_a_plot_has_few_ticks_of_even_steps_and_nought_among_them(ends):
    from talecraft.app.widgets.plots import MOST_TICKS, _Exact

    ticks, labels = _Exact().get_ticks_and_labels(*ends)
    assert 2 < len(ticks) <= MOST_TICKS
    assert labels.count("0") == 1
    steps = [b - a for a, b in itertools.pairwise(map(float, labels))]
    assert steps == pytest.approx([steps[0]] * len(steps)), "the labels are what they stand for"


async def test_a_long_condition_goes_on_beneath_itself(running, studio):
    long = "preferred on 72 of 100 unseen prompts that nobody has practised, by all that was said"
    check = Check("win", 0.72, ">= 0.5", True, f"{long} of it so far")
    past_run(studio, msgspec.structs.replace(outcome(), checks=[check]))
    async with running((80, 40), loaded=False) as (app, pilot):
        await shown(app, pilot)
        lines = seen(pilot).splitlines()
        at = next(at for at, line in enumerate(lines) if "✓ preferred on" in line)
        begun = lines[at].index("preferred")
        assert lines[at + 1][:begun].strip() == ""
        assert lines[at + 1][begun] != " "


async def test_each_run_that_is_told_of_has_its_own_head(running, studio):
    """The newest, of whatever model; the newest of this one, cut short; the newest verdict."""
    past_run(studio, outcome(words="It was the first."))
    past_run(studio, outcome("cancelled", "It was the second."))
    past_run(studio, outcome(words="It was the third."))
    newest = studio.library.runs.list()[0].id
    studio.library.database.execute("UPDATE runs SET model_id='other' WHERE id=?", (newest,))
    async with running((120, 60), loaded=False) as (app, pilot):
        await shown(app, pilot)
        heads = ["The last run", "The last run of this model", "The last one that was judged"]
        told = " ".join(str(one.visual) for one in app.screen.query("#outcome Static"))
        places = [told.index(words) for head in heads for words in (f"{head}  ",)]
        assert places == sorted(places)
        words = [told.index(f"It was the {which}.") for which in ("third", "second", "first")]
        assert [a < b for a, b in zip(places, words, strict=True)] == [True] * 3
        assert words == sorted(words)
        assert "It was a run of other" in told
