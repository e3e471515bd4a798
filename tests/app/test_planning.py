"""The plan: scored apart, edited, drawn again, written from; on wide screens and narrow ones."""

from __future__ import annotations

from talecraft.studio import reading
from tests.app.conftest import begun, finished, notices, page_of, seen, typed, until

WIDE = (120, 40)


async def at_plan(pilot, page) -> None:
    await pilot.press("tab", "p")
    await until(pilot, lambda: page.plan_pane.has_focus)


async def test_which_beats_the_prose_took_up_is_told(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        assert "1 of 2 beats taken up" in seen(pilot)
        assert "✓ The fox waits at the harbour" in seen(pilot)
        assert "• A boat comes in without a crew" in seen(pilot), "of a crew nothing is said"
        page = app.screen
        told = "The fox waited at the harbour. A boat came without its crew."
        app.studio.branching.edit(page.page.path[0].id, told)
        page.reload()
        await pilot.pause()
        assert "2 of 2 beats taken up" in seen(pilot)


async def test_a_plan_is_scored_by_itself(running):
    async with running(WIDE) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        turn = page.page.path[-1].id
        await at_plan(pilot, page)
        await pilot.press("4")
        (said,) = app.studio.writing.opinions(turn)
        assert (said.kind, said.value, said.aspect) == ("stars", 4, "outline")
        assert "★★★★☆ 4 of 5" in seen(pilot)
        await pilot.press("minus")
        (said,) = app.studio.writing.opinions(turn)
        assert (said.kind, said.value, said.aspect) == ("thumb", -1, "outline")
        await pilot.press("u")
        assert app.studio.writing.opinions(turn) == []
        await pilot.press("escape", "3")
        (said,) = app.studio.writing.opinions(turn)
        assert said.aspect == "both", "in the composer it is the passage that is scored"


async def test_ctrl_z_at_the_plan_takes_back_the_score_that_was_just_given_there(running):
    async with running(WIDE) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        turn = page.page.path[-1].id
        await at_plan(pilot, page)
        await pilot.press("4")
        assert "u takes it back" in seen(pilot)
        await pilot.press("ctrl+z")
        assert app.studio.writing.opinions(turn) == []
        assert "The plan's score is taken back." in notices(pilot)
        assert page.page.path[-1].id == turn, "and nothing else"
        await pilot.press("ctrl+z")
        await until(pilot, lambda: turn not in {one.id for one in page.page.path})


async def test_an_edited_plan_is_written_from_and_stays_until_then(running, make_app):
    async with running(WIDE) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        story, first = page.story_id, page.page.path[0]
        await at_plan(pilot, page)
        await pilot.press("e")
        await until(pilot, lambda: page.editor.has_focus)
        assert page.editor.text.splitlines()[0] == "The fox waits at the harbour"
        page.editor.load_text("A storm comes\n\n  - The fox sleeps")
        await pilot.press("escape")
        await until(pilot, lambda: page.plan_pane.has_focus)
        assert "edited by you" in seen(pilot)
        assert "• The fox sleeps" in seen(pilot)
        app.end()
    again = make_app()
    async with again.run_test(size=WIDE, notifications=True) as pilot:
        await until(pilot, lambda: again.phase.phase == "ready")
        page = await page_of(again, pilot, story)
        assert "edited by you" in seen(pilot)
        await at_plan(pilot, page)
        await pilot.press("enter")
        await finished(again, pilot)
        last = reading.page(again.studio.library, story).path[-1]
        assert last.outline == "- A storm comes\n- The fox sleeps"
        assert last.parent_id == first.parent_id
        assert page.page.versions == 2
        assert "edited by you" not in seen(pilot)


async def test_an_edited_plan_can_be_forgotten(running):
    async with running(WIDE) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await at_plan(pilot, page)
        await pilot.press("e")
        await until(pilot, lambda: page.editor.has_focus)
        await typed(pilot, "No. ")
        await pilot.press("escape")
        await until(pilot, lambda: "edited by you" in seen(pilot))
        await pilot.press("u")
        assert "edited by you" not in seen(pilot)
        assert "as the model wrote it" in notices(pilot)


async def test_another_plan_alone_then_the_nod(running):
    async with running(WIDE) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        first = page.page.path[0]
        await at_plan(pilot, page)
        await pilot.press("r")
        await finished(app, pilot)
        waiting = page.page.path[-1]
        assert (waiting.prose, waiting.parent_id) == ("", first.parent_id)
        assert "The fox waited" not in seen(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "Enter: the model writes on from the plan" in seen(pilot))
        await pilot.press("enter")
        await finished(app, pilot)
        assert page.page.path[-1].prose
        assert page.page.path[-1].outline == waiting.outline


async def test_plan_first_waits_for_the_nod(running, place):
    place.config.mkdir(parents=True, exist_ok=True)
    place.settings_file.write_text("[writing]\nplan_first = true\n")
    async with running(WIDE) as (app, pilot):
        story = app.studio.writing.new_story("A harbour")
        page = await page_of(app, pilot, story.id)
        await typed(pilot, "Rain fell.")
        await pilot.press("enter")
        await finished(app, pilot)
        assert [turn.prose for turn in page.page.path] == ["Rain fell.", ""]
        await pilot.press("enter")
        await finished(app, pilot)
        assert page.page.path[-1].prose.startswith("Take 2. The fox")
        assert len(page.page.path) == 2


async def test_on_a_narrow_screen_the_plan_opens_under_the_text(running):
    async with running((80, 24)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        assert not page.plan_pane.display
        await at_plan(pilot, page)
        assert page.plan_pane.region.y > page.manuscript.region.y
        await until(pilot, lambda: "taken up" in seen(pilot))
        assert seen(pilot).count("The fox waits at the harbour") == 1, "not in the text as well"
        await pilot.press("5")
        (said,) = app.studio.writing.opinions(page.page.path[0].id)
        assert said.aspect == "outline"
        await pilot.press("escape")
        await until(pilot, lambda: not page.plan_pane.display)
        assert page.composer.has_focus


async def test_without_a_plan_its_keys_are_not_offered_and_do_nothing(running):
    async with running(WIDE) as (app, pilot):
        story = app.studio.writing.new_story("A harbour")
        page = await page_of(app, pilot, story.id)
        page.plan_pane.focus()
        await pilot.press("e", "enter", "4")
        assert "The model plans each" in seen(pilot)
        assert "Another plan" not in seen(pilot).splitlines()[-1]
        assert app.live is None
        assert not page.editor.is_open


async def test_a_plan_that_is_not_shown_is_edited_from_the_palette_all_the_same(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("f9")
        assert not page.plan_pane.display
        await page.run_action("edit_plan")
        await until(pilot, lambda: page.editor.is_open)
        assert not page.alone
        assert page.editor.part == "outline"
        assert page.editor.text.startswith("The fox waits")
        assert page.editor.region.height > 1
