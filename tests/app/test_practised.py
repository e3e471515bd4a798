"""The passages that a run practised, update by update, each with what the parts gave it."""

from __future__ import annotations

from talecraft.app.screens.practised import PractisedScreen
from talecraft.app.screens.training import TrainingScreen
from talecraft.process.run_events import Drawn, Practised
from tests.app.conftest import HandRun, notices, phase_events, seen, step, until


def drawn(number: int) -> Drawn:
    def turn(total: float, prose: str, kept: bool) -> Practised:
        parts = {"taste": total - 0.25, "length": 0.25}
        return Practised("Of a fox", "- It runs\n- It rests", prose, total, parts, 1.5, kept)

    worse = turn(-0.5, f"The fox of update {number} sat. [b]\u001b[2J", False)
    return Drawn(number, [worse, turn(0.75, f"The fox of update {number} ran.", True)])


async def at_training(app, pilot) -> None:
    await until(pilot, lambda: app.run_watch is not None)
    await pilot.press("f3")
    await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
    await pilot.pause()


async def test_d_shows_what_was_practised_the_best_first(running, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events(), drawn(1), step(1), drawn(2), step(2))
    async with running((140, 50), loaded=False) as (app, pilot):
        await at_training(app, pilot)
        assert "d Practised" in seen(pilot)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, PractisedScreen))
        await pilot.pause()
        text = seen(pilot)
        assert "What was practised, update 2" in text
        assert "2 passages, the best first; learned from 1." in text
        best, worst = text.index("The fox of update 2 ran."), text.index("of update 2 sat. [b]")
        assert best < worst
        assert "+0.75   your taste +0.50 · length +0.25 · 1.5 nats" in text
        assert "1.5 nats · not learned from" in text
        assert "• It rests" in text
        await pilot.press("left")
        await pilot.pause()
        assert "update 1" in seen(pilot)
        assert "The fox of update 1 ran." in seen(pilot)
        await pilot.press("left")
        assert "There is no other update on that side." in notices(pilot)
        await pilot.press("n")
        await pilot.pause()
        assert "What was practised, update 2" in seen(pilot)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, TrainingScreen))


async def test_of_a_run_that_told_none_it_says_so(running, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events())
    async with running((140, 50), loaded=False) as (app, pilot):
        await at_training(app, pilot)
        await pilot.press("d")
        assert "There is no run that has practised yet." in notices(pilot)
        run.say(step(1))
        await until(pilot, lambda: app.run_watch and len(app.run_watch.steps) == 1)
        await pilot.pause()
        await pilot.press("d")
        await pilot.pause()
        assert "No passages of its updates are kept." in notices(pilot)
