"""The report of a run, asked for on the training screen: it is written while the page goes on."""

from __future__ import annotations

import threading

import pytest
from textual.command import CommandPalette
from textual.widgets import Input

from talecraft.app.screens.training import TrainingScreen
from talecraft.errors import LibraryError
from talecraft.process import run_events
from talecraft.studio.reporting import writing
from tests.app.conftest import HandRun, notices, outcome, past_run, phase_events, seen, step, until


async def shown(app, pilot) -> TrainingScreen:
    await pilot.press("f3")
    await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
    await pilot.pause()
    return app.screen


def told(studio, run_id: str) -> None:
    """What a settled run has told."""
    folder = studio.home.runs / run_id
    folder.mkdir(parents=True)
    lines = [*phase_events(), step(1), step(2), outcome()]
    (folder / "events.jsonl").write_bytes(b"".join(run_events.encode(e) + b"\n" for e in lines))


async def test_w_writes_the_report_of_the_run_that_is_shown(running, studio):
    past_run(studio, outcome())
    (run,) = studio.library.runs.list()
    told(studio, run.id)
    async with running((140, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        assert "w Report" in seen(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "The report is written" in notices(pilot))
        page = studio.home.exports / f"report-{run.id}" / "report.html"
        assert str(page) in notices(pilot)
        assert "2 of 14 updates" in page.read_text()


async def test_of_a_run_that_is_going_it_tells_what_there_is(running, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events())
    async with running((140, 50), loaded=False) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await shown(app, pilot)
        assert "w Report" not in seen(pilot)
        await pilot.press("w")
        assert "There is no run to report yet." in notices(pilot)
        run.say(step(1), step(2), step(3))
        await until(pilot, lambda: app.run_watch and len(app.run_watch.steps) == 3)
        await pilot.pause()
        await pilot.press("w")
        await until(pilot, lambda: "The report is written" in notices(pilot))
        text = (studio.home.exports / f"report-{run.run_id}" / "report.html").read_text()
        assert "3 of 14 updates" in text
        assert "Still going" in text
    run.end()


async def test_the_page_goes_on_meanwhile(running, studio, monkeypatch):
    past_run(studio, outcome())
    told(studio, studio.library.runs.list()[0].id)
    go_on, write, threads = threading.Event(), writing.write, []

    def slow(*given):
        threads.append(threading.current_thread())
        assert go_on.wait(20)
        return write(*given)

    monkeypatch.setattr(writing, "write", slow)
    async with running((140, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await pilot.press("w")
        await until(pilot, lambda: threads)
        assert threads[0] is not threading.main_thread()
        assert "w Report" not in seen(pilot)
        await pilot.press("w")
        assert "The report is being written." in notices(pilot)
        assert len(threads) == 1
        go_on.set()
        await until(pilot, lambda: "The report is written" in notices(pilot))
        await until(pilot, lambda: "w Report" in seen(pilot))


@pytest.mark.parametrize("error", [LibraryError("The disk is full."), RuntimeError("a defect")])
async def test_what_goes_wrong_is_said_and_it_can_be_asked_again(
    running, studio, monkeypatch, error
):
    past_run(studio, outcome())
    told(studio, studio.library.runs.list()[0].id)

    def fail(*given):
        raise error

    monkeypatch.setattr(writing, "write", fail)
    async with running((140, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await pilot.press("w")
        words = "disk is full" if isinstance(error, LibraryError) else "could not be written"
        await until(pilot, lambda: words in notices(pilot))
        await until(pilot, lambda: "w Report" in seen(pilot))


async def test_a_run_that_told_no_step_is_not_reported(running, studio):
    past_run(studio, outcome("refused", "Not yet."))
    async with running((140, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await pilot.press("w")
        await until(pilot, lambda: "No training run has told a step yet" in notices(pilot))
        assert not studio.home.exports.exists()


async def test_the_palette_has_it(running, studio):
    past_run(studio, outcome())
    (run,) = studio.library.runs.list()
    told(studio, run.id)
    async with running((140, 50), loaded=False) as (app, pilot):
        await shown(app, pilot)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        app.screen.query_one(Input).value = "Write the run down"
        await until(pilot, lambda: "Report: Write the run down" in seen(pilot))
        await pilot.press("enter")
        page = studio.home.exports / f"report-{run.id}" / "report.html"
        await until(pilot, page.exists)
