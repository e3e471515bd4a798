"""Teaching the pattern as it is seen: asked for, planned, watched."""

from __future__ import annotations

import pytest
from textual.widgets import Input, Label

from talecraft.app.screens.dialogs import AskName, Confirm
from talecraft.app.screens.training import TrainingScreen
from talecraft.app.widgets.verdicts import check_line
from talecraft.library.runs import TrainingRun
from talecraft.process.run_events import (
    SHOWN,
    Check,
    PatternStep,
    RunEvent,
    RunPhase,
    TalesRead,
)
from talecraft.studio.pattern import PatternLearning
from tests.app.conftest import HandRun, notices, outcome, past_run, seen, static, until

READ = TalesRead(220, 22, 1103, 139_000, 210, "198 tales to learn from, 22 held back to judge by.")


def step(number: int, total: int = 150) -> PatternStep:
    return PatternStep(
        step=number, total=total, loss=4.5 - 0.02 * number, held_out=4.4 - 0.01 * number,
        rate=1.5e-3 * (1 - number / total), one_shot=0.25, seconds=2.0, eta=(total - number) * 2.0,
    )  # fmt: skip


def begun() -> list[RunEvent]:
    return [RunPhase("Reading the tales"), READ, RunPhase("Learning the pattern")]


async def shown(app, pilot) -> TrainingScreen:
    await pilot.press("f3")
    await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
    await pilot.pause()
    return app.screen


async def asked(app, pilot, path: str) -> None:
    """Press l and name this file."""
    await pilot.press("l")
    await until(pilot, lambda: isinstance(app.screen, AskName))
    assert "Parquet, JSON lines or CSV" in seen(pilot)
    app.screen.query_one(Input).value = path
    await pilot.press("enter")


@pytest.fixture
def tales(tmp_path):
    file = tmp_path / "tales.jsonl"
    file.write_text("a tale\n" * 40)
    return file


async def test_l_asks_for_tales_says_what_a_run_takes_and_starts_it(
    running, studio, tales, monkeypatch
):
    runs: list[HandRun] = []

    def start(self, model, plan, seed=None) -> TrainingRun:
        assert plan.found.tales == 40
        runs.append(HandRun(studio.home, studio, method="pattern"))
        return studio.library.runs.get(runs[0].run_id)

    monkeypatch.setattr(PatternLearning, "start", start)
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        assert "l Learn from tales" in seen(pilot)
        await asked(app, pilot, str(tales))
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        text = "\n".join(str(label.visual) for label in app.screen.query(Label))
        assert "40 tales with 80 passages; 4 of them are held back to judge by." in text
        assert "8 times through 4000 tokens: 160 steps, about" in text
        assert "It changes nothing unless it proves better." in text
        await pilot.press("y")
        await until(pilot, lambda: app.run_watch is not None)
        runs[0].say(*begun(), *[step(number) for number in range(1, 31)])
        await until(pilot, lambda: "Step 30 of 150" in static(pilot, "#running"))
        assert READ.words in static(pilot, "#running")
        assert "training 30/150, 4 min left" in seen(pilot)
        figures = static(pilot, "#figures")
        for name, value in {
            "Surprise (loss)": "3.900", "Unseen (loss)": "4.100",
            "Stride (rate)": "1.2e-03", "With an example": "25%",
        }.items():  # fmt: skip
            (line,) = (one for one in figures.splitlines() if one.startswith(name))
            assert value in line
        assert "Pleasing (reward)" not in figures
        assert max(map(len, figures.splitlines())) <= 75
        await until(pilot, lambda: len(app.screen.query("Plot")) == 2)
        await until(pilot, lambda: all(plot._datasets for plot in app.screen.query("Plot")))
    runs[0].end()


async def test_no_starts_nothing_and_esc_asks_nothing(running, studio, tales):
    async with running((100, 50), loaded=False) as (app, pilot):
        screen = await shown(app, pilot)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, AskName))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        await asked(app, pilot, str(tales))
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        assert app.run_watch is None
        assert studio.library.runs.list() == []
        assert "l Learn from tales" in seen(pilot)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a tale\n" * 12, "8 more tales are needed"),
        ("a tale\nbad\n", "tales.jsonl, row 2 is no JSON."),
    ],
)
async def test_tales_that_cannot_be_learned_from_are_told_of(running, tales, text, words):
    tales.write_text(text)
    async with running((100, 50), loaded=False) as (app, pilot):
        screen = await shown(app, pilot)
        await asked(app, pilot, str(tales))
        await until(pilot, lambda: words in notices(pilot))
        assert app.screen is screen
        assert "l Learn from tales" in seen(pilot), "it can be asked again"


async def test_a_wrong_path_is_told_of_and_can_be_corrected(running, tales):
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await asked(app, pilot, f"{tales}x")
        await until(pilot, lambda: "tales.jsonlx is not there" in notices(pilot))
        assert isinstance(app.screen, AskName), "what is typed now is no key of the screen below"
        app.screen.query_one(Input).value = str(tales)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Confirm))


async def test_a_pattern_run_is_paused_and_stopped_as_any_but_shows_no_example(
    running, studio, place
):
    run = HandRun(place, studio, method="pattern")
    run.say(*begun(), step(1))
    async with running((100, 50), loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await shown(app, pilot)
        await pilot.press("e")
        assert "Its verdict shows passages before and after" in notices(pilot)
        await pilot.press("l")
        assert "A run is going." in notices(pilot)
        await pilot.press("p")
        await until(pilot, lambda: "pause" in run.asked)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "control" in run.asked)
    run.end()


async def test_a_pattern_that_was_not_adopted_is_not_said_to_have_lost_by_scores(
    running, studio, place
):
    run = HandRun(place, studio, method="pattern")
    run.say(*begun(), step(1))
    async with running((100, 50), loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        run.say(outcome("rejected", "Of 60 turns 40% have one plan."))
        run.end()
        await until(pilot, lambda: "So nothing changed" in notices(pilot))
        assert "preferred on 72" in notices(pilot), "the reason, and not that it lost by scores"


async def test_its_verdict_stands_where_others_stand(running, studio):
    past_run(studio, outcome("rejected", "Of 60 turns 40% have one plan and one passage."))
    async with running((100, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        assert "Of 60 turns 40% have one plan and one passage." in seen(pilot)


@pytest.mark.parametrize(
    ("bar", "passed", "mark"),
    [(SHOWN, True, "·"), ("at least 1", True, "✓"), ("at least 1", False, "✗")],
)
def test_a_figure_that_is_no_condition_has_no_tick(bar, passed, mark):
    line = check_line(Check("plan followed", 0.4, bar, passed, ""), "It follows its plans.")
    assert line.plain == f"  {mark} It follows its plans."
