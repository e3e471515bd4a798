"""Training as it is seen: before, during, after; a run never depends on being watched."""

from __future__ import annotations

import itertools
import json

import pytest

from talecraft.app.screens.training import TrainingScreen
from talecraft.library.adapters import Adapter
from talecraft.process.run_events import RunPhase
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
        assert "3 scores in 1 story" in text
        assert "Not yet. 17 more scores or choices are needed." in text
        assert "★★★★  ━━━━━━━━━━━━━━━━━━━━━━━━ 2" in text
        await pilot.press("s")
        assert app.run_watch is None
        assert "s Start" not in seen(pilot)
        assert "Not yet. 17 more scores or choices are needed." in notices(pilot)


async def test_the_plan_counts_what_another_model_wrote(running, studio):
    story = scored(studio, ENOUGH)
    turn = studio.library.stories.add_turn(story, None, "model", "By another.", "", None)
    studio.writing.rate(turn.id, "stars", 5)
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        text = static(pilot, "#training-plan")
        assert "20 scores in 1 story" in text
        assert "1 other opinion is left out" in text
        assert "Press s to start. It takes about" in text
        assert "estimated" in text


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

    def resume(runs, run_id):
        run.take()
        run.say(RunPhase("Practising", 0.2), step(2), step(3))
        return 1

    monkeypatch.setattr(Training, "resumable", resumable)
    monkeypatch.setattr("talecraft.studio.training.run_client.resume", resume)
    async with running((100, 50), loaded=False) as (app, pilot):
        await until(pilot, lambda: studio.library.runs.get(run.run_id).state == "interrupted")
        await shown(app, pilot)
        await until(pilot, lambda: "Press c to go on." in seen(pilot))
        await pilot.press("c")
        await until(pilot, lambda: "Step 3 of 14" in seen(pilot))
        assert [one.step for one in app.run_watch.steps] == [1, 2, 3], "the second was taken again"
        assert studio.library.runs.get(run.run_id).state == "running"
    run.end()


async def test_a_run_is_found_again_and_shown_live(running, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events(), *[step(n) for n in range(1, 6)])
    async with running((100, 40), loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await shown(app, pilot)
        text = seen(pilot)
        assert "Step 5 of 14 · about 1 min left" in text
        assert "Reward +0.60 · distance (KL) 2.00, held near 3" in text
        assert "orders 71% of 400 unseen pairs as you do, 64% to 78%" in text
        await until(pilot, lambda: len(app.screen.query("Plot")) == 2)
        run.say(step(6))
        await until(pilot, lambda: "Step 6 of 14" in seen(pilot))
        assert "training 6/14" in seen(pilot)
    run.end()
    assert studio.library.runs.get(run.run_id).state == "running", "leaving stopped nothing"


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


async def test_a_run_that_dies_without_a_word_is_interrupted(running, studio, place):
    run = HandRun(place, studio)
    run.say(step(1))
    async with running((100, 40), loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        run.end()
        await until(pilot, lambda: "Training: interrupted" in notices(pilot))
        await shown(app, pilot)
        assert "✗ Interrupted" in seen(pilot)


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
