"""The skeleton: every plan of the open branch, and the text follows where one looks."""

from __future__ import annotations

import time

import pytest

from talecraft.app.screens.writing import WritingScreen
from talecraft.app.widgets.skeleton import SkeletonList
from talecraft.studio import Studio
from tests.app.conftest import begun, generation, page_of, seen, until

PLANS = [
    "- The keeper counts the lamps\n- A ship comes round the cape without a light",
    "- The bell rings by itself\n- Marta hears \x1b[2J[red]it[/red]",
    "- A boat is found on the beach",
]
PROSE = [
    "The keeper counted the lamps, as always. Nothing came. " * 4,
    "The bell rang by itself, all night, and nobody slept. " * 4,
    "In the morning there was a boat, found by a child on the beach. " * 4,
]


def a_story(studio: Studio, rounds: int = 4) -> int:
    """Three passages by the model a round, and before them one of the writer's."""
    story = studio.writing.new_story("A lighthouse").id
    for number in range(rounds):
        studio.writing.say(story, f"Night {number + 1} began\nwith fog. And then it went on.")
        for prose, plan in zip(PROSE, PLANS, strict=True):
            leaf = studio.library.stories.get(story).leaf_id
            studio.library.stories.add_turn(story, leaf, "model", prose, plan, generation(studio))
    return story


async def opened(app, pilot, story: int) -> WritingScreen:
    page = await page_of(app, pilot, story)
    await pilot.press("tab", "s")
    await until(pilot, lambda: page.skeleton.display and page.skeleton.has_focus_within)
    await pilot.pause()
    return page


def rows(page: WritingScreen) -> list[str]:
    found = page.query_one(SkeletonList)
    return [found.render_line(y).text.rstrip() for y in range(found.size.height)]


async def test_all_passages_with_what_became_of_their_beats(running, studio):
    story = a_story(studio, 1)
    async with running((120, 40)) as (app, pilot):
        page = await opened(app, pilot, story)
        assert rows(page)[:7] == [
            "  1 ▎ Night 1 began with fog. And…",
            "  2 ✓ The keeper counts the lamps",
            "    • A ship comes round the cape…",
            "  3 ✓ The bell rings by itself",
            "    • Marta hears [red]it[/red]",
            "› 4 ✓ A boat is found on the beach",
            "",
        ]
        assert "Skeleton   4 passages" in seen(pilot)
        assert not page.plan_pane.display
        await pilot.press("escape")
        await pilot.pause()
        assert page.plan_pane.display
        assert not page.skeleton.display


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40)])
async def test_the_text_follows_and_esc_leads_back(running, studio, size):
    story = a_story(studio, 8)
    async with running(size) as (app, pilot):
        page = await page_of(app, pilot, story)
        await pilot.press("pageup", "pageup", "tab")
        await pilot.pause()
        where, text = page.manuscript.scroll_y, page.manuscript.size
        assert where < page.manuscript.max_scroll_y
        await pilot.press("s")
        await pilot.pause()
        here = page.skeleton.list.chosen.passage
        await pilot.press("home")
        await pilot.pause()
        assert page.manuscript.chosen == 0
        assert page.manuscript.scroll_y < 5
        await pilot.press("down", "j", "k")
        await pilot.pause()
        assert page.manuscript.chosen == 1
        await pilot.press("end")
        await pilot.pause()
        assert page.manuscript.chosen == 31 != here
        assert f"› {32} ✓ A boat" in "\n".join(rows(page))
        await pilot.press("escape")
        await pilot.pause()
        await pilot.pause()
        assert page.manuscript.scroll_y == where
        assert page.manuscript.size == text
        assert page.manuscript.chosen is None
        assert page.manuscript.has_focus


async def test_enter_reads_on_there(running, studio):
    story = a_story(studio, 8)
    async with running((80, 24)) as (app, pilot):
        page = await opened(app, pilot, story)
        await pilot.press("home", "down", "down", "enter")
        await pilot.pause()
        assert not page.skeleton.display
        assert page.manuscript.chosen == 2
        assert page.manuscript.has_focus
        assert "›  The bell rang" in seen(pilot)
        await pilot.press("s")
        await pilot.pause()
        assert page.skeleton.list.chosen.passage == 2
        await pilot.press("end", "enter")
        await pilot.pause()
        assert page.composer.has_focus
        assert page.manuscript.at_end


async def test_what_is_looked_for_is_shown_as_it_is_typed(running, studio):
    story = a_story(studio, 4)
    async with running((80, 24)) as (app, pilot):
        page = await opened(app, pilot, story)
        await pilot.press("slash", *"BELL  r")
        await pilot.pause()
        assert "4 of 16 passages" in seen(pilot)
        assert [one.passage for one in page.skeleton.list.bones] == [2, 6, 10, 14]
        assert page.manuscript.chosen == page.skeleton.list.chosen.passage == 14
        await pilot.press("up")
        await pilot.pause()
        assert page.manuscript.chosen == 10
        await pilot.press("x")
        await pilot.pause()
        assert "0 of 16 passages" in seen(pilot)
        await pilot.press("enter", "down", "pagedown")
        assert page.skeleton.display
        await pilot.press("escape")
        await pilot.pause()
        assert len(page.skeleton.list.bones) == 16
        await pilot.press("slash", *"fog", "up", "enter")
        await pilot.pause()
        assert not page.skeleton.display
        assert page.manuscript.chosen == 4


async def test_a_click_looks_and_another_reads(running, studio):
    story = a_story(studio, 1)
    async with running((120, 40)) as (app, pilot):
        page = await opened(app, pilot, story)
        await pilot.click(SkeletonList, offset=(8, 2))
        await pilot.pause()
        assert page.manuscript.chosen == page.skeleton.list.chosen.passage == 1
        await pilot.click(SkeletonList, offset=(8, 1))
        await pilot.pause()
        assert not page.skeleton.display
        assert page.manuscript.chosen == 1


async def test_who_clicks_into_the_text_stays_there(running, studio):
    story = a_story(studio, 4)
    async with running((80, 24)) as (app, pilot):
        page = await opened(app, pilot, story)
        await pilot.press("home")
        await pilot.pause()
        await pilot.click(page.manuscript, offset=(10, 3))
        await pilot.pause()
        assert not page.skeleton.display
        assert page.manuscript.scroll_y < 5


async def test_from_the_plan_and_never_over_an_edit_or_an_empty_page(running, studio):
    async with running((120, 40)) as (app, pilot):
        page = await page_of(app, pilot, studio.writing.new_story("A lighthouse").id)
        await pilot.press("tab", "s")
        assert not page.skeleton.display
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab", "p")
        assert page.plan_pane.has_focus
        await pilot.press("s")
        await pilot.pause()
        assert page.skeleton.has_focus_within
        await pilot.press("s")
        await pilot.pause()
        assert not page.skeleton.display


async def test_what_is_written_meanwhile_joins_it(running):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab", "s")
        request = app.studio.writing.continue_story(page.story_id, "")
        page.begin_live(request, 1)
        await until(pilot, lambda: app.live is None and len(page.skeleton.list.bones) == 2)
        assert page.skeleton.list.chosen.passage == 0
        assert page.skeleton.has_focus_within


async def test_two_thousand_passages_open_at_once_and_only_what_is_seen_is_looked_at(
    running, studio, monkeypatch
):
    from talecraft.story import words

    asked = []
    kept = words.kept
    monkeypatch.setattr(words, "kept", lambda beat, prose: asked.append(1) or kept(beat, prose))
    story = a_story(studio, 500)
    async with running((80, 24)) as (app, pilot):
        page = await page_of(app, pilot, story)
        await pilot.press("tab")
        asked.clear()
        begun_at = time.perf_counter()
        page.action_skeleton()
        assert time.perf_counter() - begun_at < 5  # far above what it takes; an endless one bites
        await pilot.pause()
        assert "2,000 passages" in seen(pilot)
        assert len(asked) < 100
        await pilot.press("home")
        await pilot.pause()
        assert "1 ▎ Night 1 began" in rows(page)[0]
        assert len(asked) < 200


async def test_focus_mode_shows_it_while_it_is_asked_for(running, studio):
    story = a_story(studio, 1)
    async with running((80, 24)) as (app, pilot):
        page = await page_of(app, pilot, story)
        await pilot.press("f9", "tab", "s")
        await pilot.pause()
        assert "Skeleton" in seen(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert "Skeleton" not in seen(pilot)
        assert page.alone
