"""Any size of window, at any moment, on every screen; and 60 x 16 is enough to write in.

The suite tries a few; `--rounds 20` tries 200 on each screen.
"""

from __future__ import annotations

import random

import pytest

from talecraft.app.live import Live
from talecraft.app.messages import TextArrived
from talecraft.app.widgets.keyline import KeyLine
from talecraft.process.messages import Delta
from tests.app.conftest import HandRun, outcome, page_of, past_run, phase_events, scored, seen, step

A_ROUND = 10  # sizes on each of eight screens
CORNERS = [(1, 1), (300, 100), (1, 100), (300, 1), (60, 16), (59, 16), (60, 15)]


@pytest.mark.rounds(1)
@pytest.mark.parametrize("key", ["", "tab", "f1", "f2", "f3", "f4", "n", "r"])
async def test_resizes_while_a_passage_comes(running, studio, place, key, nth):
    story = scored(studio, [3, 4, 5])
    past_run(studio, outcome())
    if key == "f3":
        run = HandRun(place, studio)
        run.say(*phase_events(), *(step(n) for n in range(1, 6)))
    dice = random.Random(nth[0])
    async with running((80, 24)) as (app, pilot):
        page = await page_of(app, pilot, story)
        app.live = Live(9, story, 3)
        page.reload()
        if key in ("n", "r"):  # the library's keys; r asks for a title in a dialog
            app.back_to_library()
        await pilot.press(*([key] if key else []))
        anything = [(dice.randint(1, 300), dice.randint(1, 100)) for _ in range(A_ROUND)]
        sizes = dice.sample([*CORNERS, *anything], A_ROUND)
        for number, (width, height) in enumerate(sizes):
            text = dice.choice(("word ", "漢字", "\n\n", "x" * 90, "- a beat\n"))
            app.post_message(TextArrived(Delta(9, dice.choice(("think", "prose")), text)))
            await pilot.resize_terminal(width, height)
            if number % 2 == 0 and width >= 60 and height >= 16 and not key:
                assert "Write on" in seen(pilot)
        await pilot.resize_terminal(80, 24)
        assert app.is_running
        app.live = None


@pytest.mark.parametrize("writing", [False, True])
async def test_sixty_by_sixteen_is_enough_to_write_in(running, studio, writing):
    async with running((60, 16)) as (app, pilot):
        page = await page_of(app, pilot, scored(studio, [3, 4]))
        if writing:
            app.live = Live(9, page.story_id, 2)
            app.live.outline = "- a beat\n- another"
            app.live.prose = "The fox waited where the nets were drying. " * 20
            page.reload()
        await pilot.press(*"typed here")
        shown = seen(pilot).splitlines()
        assert "Make it larger" not in seen(pilot)
        for widget in (page.composer, page.query_one(KeyLine)):
            assert widget.region.height >= 1
            assert page.region.contains_region(widget.region)
        assert any("typed here" in line for line in shown)
        assert "f1 Help" in shown[-1] or "All" in shown[-1]
        assert page.manuscript.size.height >= 6, "there is room for the story"
        app.live = None
