"""The blind comparison as it is played: no names before the end, and the writer's word counts."""

from __future__ import annotations

import pytest

from talecraft.app.screens.comparing import ComparisonScreen
from talecraft.app.screens.tasting import TastingScreen
from talecraft.app.screens.training import TrainingScreen
from talecraft.studio import comparing
from tests.app.conftest import notices, seen, static, until
from tests.app.test_training import adapter


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A trial of three."""
    begin = comparing.Comparison.__init__

    def init(self, studio, **more):
        begin(self, studio, pairs=3, **more)

    monkeypatch.setattr(comparing.Comparison, "__init__", init)


async def shown(app, pilot):
    await pilot.press("f3")
    await until(pilot, lambda: isinstance(app.screen, TrainingScreen))
    await pilot.press("v")
    await until(pilot, lambda: isinstance(app.screen, ComparisonScreen))


async def judged(app, pilot, adapter_id):
    """Choose always what this adapter wrote."""
    a_round = app.screen._round
    while not a_round.over:
        await until(pilot, lambda: a_round.pair is not None)
        text = seen(pilot)
        assert "dapter" not in text.split("○")[0].split("●")[0]
        await pilot.press("a" if a_round.pair.a.generation.adapter_id == adapter_id else "b")
    await pilot.pause()


def active(studio):
    found = studio.library.adapters.active(studio.model.id)
    return found.id if found else None


async def test_a_blind_comparison_and_the_winner_writes(running, studio):
    first = adapter(studio, 1, "active", None)
    second = adapter(studio, 2, "retired", first)
    studio.library.database.execute("UPDATE adapters SET state='rejected' WHERE id=?", (second,))
    async with running((100, 40)) as (app, pilot):
        await shown(app, pilot)
        await pilot.press("y")
        assert "not over yet" in notices(pilot)
        await judged(app, pilot, second)
        text = seen(pilot)
        assert f"Adapter {second[:8]} was chosen 3 times" in text
        assert f"Adapter {first[:8]} was chosen 0 times  ● it writes now" in text
        assert "That may still be chance." in text
        assert f"Press y and adapter {second[:8]} writes from now on." in text
        assert "y Write with it" in text
        await pilot.press("y")
        await until(pilot, lambda: active(studio) == second)
        await until(pilot, lambda: app.studio.loaded.adapter_id == second)
        words = static(pilot, "#taste-words")
        assert f"{second[:8]} was chosen 3 times  ● it writes now" in words
        await pilot.press("y")
        assert "writes already" in notices(pilot)
        await pilot.press("n")
        await until(pilot, lambda: "1 of 3" in seen(pilot))


async def test_the_one_that_writes_may_win(running, studio):
    first = adapter(studio, 1, "active", None)
    async with running((80, 24)) as (app, pilot):
        await shown(app, pilot)
        await judged(app, pilot, first)
        assert f"Adapter {first[:8]} was chosen 3 times  ● it writes now" in seen(pilot)
        assert "The bare model was chosen 0 times" in seen(pilot)
        assert "Write with it" not in seen(pilot)


async def test_without_an_adapter_it_says_so(running):
    async with running((100, 30)) as (app, pilot):
        await shown(app, pilot)
        assert "There is no adapter to compare yet." in seen(pilot)
        await pilot.press("a", "y", "escape")
        await until(pilot, lambda: not isinstance(app.screen, ComparisonScreen))


async def test_a_taste_round_gives_its_place_to_a_comparison(running, studio):
    adapter(studio, 1, "active", None)
    async with running((100, 30)) as (app, pilot):
        await pilot.press("f3", "t")
        await until(pilot, lambda: type(app.screen) is TastingScreen)
        first = app.screen._round
        await shown(app, pilot)
        await until(pilot, lambda: first.stopped)
        assert len([one for one in app.screen_stack if isinstance(one, TastingScreen)]) == 1
        await until(pilot, lambda: app.screen._round.pair is not None)
        assert not app.screen._round.stopped
