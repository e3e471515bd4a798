"""Keys at the wrong moment: twice in one burst, while the model writes, over an open edit."""

from __future__ import annotations

import time

import pytest
from textual import events
from textual.widgets import OptionList

from talecraft.app.screens.choosing import ChoosingScreen
from talecraft.app.screens.context import ContextScreen
from talecraft.app.screens.form import Form
from talecraft.app.screens.models import ModelsScreen
from talecraft.app.screens.opening import OpeningScreen
from talecraft.app.screens.tree import TreeScreen
from talecraft.app.screens.writing import WritingScreen
from talecraft.studio import reading
from tests.app.conftest import begun, finished, generation, notices, page_of, seen, typed, until
from tests.app.test_editing import editing

PASSAGES = ("One is here.", "Two is here.", "Three is here.")


def told(app, page) -> list[str]:
    return [turn.prose for turn in reading.page(app.studio.library, page.story_id).path]


async def drafted(app, pilot) -> tuple[WritingScreen, list[int]]:
    """A page of three passages with a draft under them, and the passages' ids."""
    page = await three(app, pilot)
    await typed(pilot, "A draft")
    return page, [turn.id for turn in page.page.path]


async def three(app, pilot, premise: str = "A harbour") -> WritingScreen:
    """A page with three of the model's passages."""
    story, leaf = app.studio.writing.new_story(premise), None
    for prose in PASSAGES:
        leaf = app.studio.library.stories.add_turn(
            story.id, leaf, "model", prose, "- a beat\n- another", generation(app.studio)
        ).id
    return await page_of(app, pilot, story.id)


async def burst(app, pilot, *keys: str) -> None:
    for key in keys:
        app.post_message(events.Key(key, "\r" if key == "enter" else key))
    await pilot.pause()


# ---------------------------------------------------------------------- in one burst
async def test_two_enters_send_a_text_once(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await typed(pilot, "My words.")
        await burst(app, pilot, "enter", "enter")
        await finished(app, pilot)
        assert told(app, page).count("My words.") == 1
        assert len(told(app, page)) == 2


async def test_two_enters_begin_one_story(running):
    async with running() as (app, pilot):
        await typed(pilot, "My first line.")
        await burst(app, pilot, "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        await finished(app, pilot)
        assert len(app.studio.library.stories.list()) == 1


async def test_what_is_deleted_in_a_burst_is_deleted_in_its_place(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        for key, character in (("t", "t"), ("h", "h"), ("x", "x"), ("backspace", "\x7f"),
                               ("e", "e"), ("left", None), ("y", "y")):  # fmt: skip
            app.post_message(events.Key(key, character))
        await until(pilot, lambda: page.composer.text == "thye")


# ---------------------------------------------------------------------- while the model writes
@pytest.mark.parametrize("key", ["x", "e", "f", "v"])
async def test_a_command_that_must_wait_says_so_and_types_nothing(running, key):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        app.studio.writing.say(page.story_id, "Rain fell.")
        page.reload()
        await pilot.press("enter")
        await until(pilot, lambda: app.live and app.live.prose)
        await pilot.press("tab", key)
        await until(pilot, lambda: "still writing" in notices(pilot))
        assert not page.editor.is_open
        assert page.composer.text == ""
        assert told(app, page) == ["Rain fell."]
        app.studio.writing.stop()
        await finished(app, pilot)


async def writing_slowly(app, pilot):
    page = await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
    await pilot.press("enter")
    await until(pilot, lambda: app.live and app.live.prose)
    return page


@pytest.mark.parametrize("text", ["20 years", "1984 was", "- Who goes?", "3rd"])
async def test_a_text_that_begins_like_a_score_loses_no_key(running, text):
    async with running() as (app, pilot):
        page = await writing_slowly(app, pilot)
        await typed(pilot, text)
        assert page.composer.text == text
        assert "scored when it is finished" in notices(pilot)
        app.studio.writing.stop()
        await finished(app, pilot)
        assert page.composer.text == text
        assert app.studio.library.feedback.all() == []


async def test_ones_own_first_line_goes_along_when_another_is_chosen(running, studio):
    async with running(loaded=False) as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, OpeningScreen))
        await typed(pilot, "My own harbour")
        lines = app.screen.query_one(OptionList)
        lines.focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        page = app.screen
        assert page.page.story.premise != "My own harbour"
        assert page.composer.text == "My own harbour"
        assert studio.library.stories.get(page.story_id).draft == "My own harbour"


@pytest.mark.parametrize("key", ["ctrl+z", "ctrl+y", "ctrl+r"])
async def test_a_key_of_the_page_that_must_wait_says_so(running, key):
    async with running() as (app, pilot):
        await writing_slowly(app, pilot)
        await pilot.press(key)
        await until(pilot, lambda: "still writing" in notices(pilot))
        app.studio.writing.stop()
        await finished(app, pilot)


async def test_escape_leaves_another_storys_passage_alone(running):
    async with running() as (app, pilot):
        await writing_slowly(app, pilot)
        other = app.studio.writing.new_story("A fox").id
        app.open_story(other)
        await until(pilot, lambda: getattr(app.screen, "story_id", 0) == other)
        await pilot.press("escape")
        await until(pilot, lambda: getattr(app.screen, "story_id", 0) != other)
        assert app.live is not None
        assert not app.live.stopping
        app.studio.writing.stop()
        await finished(app, pilot)


async def test_escape_in_the_composer_leads_back_to_an_open_edit(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab", "e")
        assert page.editor.is_open
        page.composer.focus()
        await pilot.pause()
        await pilot.press("escape")
        assert app.screen is page
        assert app.focused is page.editor


async def test_an_emptied_edit_says_how_to_go_on(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        before = page.page.path[0].prose
        await pilot.press("tab", "e")
        page.editor.select_all()
        await pilot.press("delete", "escape")
        assert page.editor.is_open
        assert "Ctrl+Z brings its text back" in notices(pilot)
        await pilot.press("ctrl+z", "escape")
        assert not page.editor.is_open
        assert page.page.path[0].prose == before


async def test_versions_do_not_come_under_a_key_that_was_just_pressed(running):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await page.run_action("alternatives")
        app.key_at = time.monotonic() + 10  # as if a key were pressed when they come
        await until(pilot, lambda: "The versions are written" in notices(pilot))
        assert app.screen is page


async def test_versions_do_not_come_over_what_is_being_typed(running, studio):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        page.composer.type_in("she ")
        await page.run_action("alternatives")
        await until(pilot, lambda: "The versions are written" in notices(pilot))
        await typed(pilot, "came back")
        assert page.composer.text == "she came back"
        assert not isinstance(app.screen, ChoosingScreen)
        assert studio.library.feedback.of_story(page.story_id) == []
        await pilot.press("tab", "v")
        await until(pilot, lambda: isinstance(app.screen, ChoosingScreen))


# ---------------------------------------------------------------------- what was chosen is gone
async def test_a_chosen_passage_that_is_thrown_away_elsewhere(running):
    async with running((120, 40)) as (app, pilot):
        page = await three(app, pilot)
        await pilot.press("tab", "k", "f4")
        await until(pilot, lambda: isinstance(app.screen, TreeScreen))
        await pilot.press("x", "escape")
        await until(pilot, lambda: app.screen is page)
        assert told(app, page) == list(PASSAGES[:2])
        assert "Two is here." in seen(pilot)
        await pilot.press("tab", "4", "e")
        assert app.is_running


async def test_words_selected_in_what_is_being_written_are_not_scored(running, studio):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await pilot.press("enter")
        await until(pilot, lambda: app.live and app.live.prose)
        await pilot.press("tab")
        page.text_select_all()
        await pilot.press("3")
        await until(pilot, lambda: "when it is finished" in notices(pilot))
        app.studio.writing.stop()
        await finished(app, pilot)
        assert studio.library.feedback.of_story(page.story_id) == []


# ---------------------------------------------------------------------- over an edit
async def test_an_editor_stays_with_its_text(running):
    """Nothing scrolls away under it, and no other branch comes under it."""
    async with running() as (app, pilot):
        page = await three(app, pilot)
        await editing(pilot, page)
        await pilot.press("pageup", "f4")
        await pilot.pause()
        assert app.screen is page
        assert page.editor.has_focus
        assert page.editor.text == PASSAGES[2]


async def test_an_edit_whose_passage_is_no_longer_read_waits_for_it(running):
    async with running() as (app, pilot):
        page = await three(app, pilot)
        turn = page.page.path[2]
        await editing(pilot, page)
        page.editor.move_cursor((0, 0))
        await typed(pilot, "MINE ")
        app.studio.branching.prune(turn.id)
        page.reload()
        await pilot.pause()
        assert not page.editor.is_open
        assert "Your edit is kept" in notices(pilot)
        app.studio.branching.restore(turn.id)
        app.studio.branching.go_to(turn.id)
        page.reload()
        await pilot.press("e")
        await until(pilot, lambda: page.editor.is_open)
        assert page.editor.text == f"MINE {PASSAGES[2]}"


async def test_editing_one_passage_leaves_the_plan_of_another_as_it_was_edited(running):
    async with running((120, 40)) as (app, pilot):
        page = await three(app, pilot)
        turn = page.page.path[2]
        await pilot.press("tab", "p", "e")
        await until(pilot, lambda: page.editor.has_focus)
        page.editor.move_cursor((0, 0))
        await typed(pilot, "MINE ")
        await pilot.press("escape")
        await pilot.press("escape", "tab", "k", "k", "e")
        await until(pilot, lambda: page.editor.has_focus)
        await pilot.press("escape")
        kept = app.studio.library.branches.edit_draft(turn.id, "outline")
        assert kept is not None
        assert kept.startswith("- MINE")


@pytest.mark.parametrize("size", [(80, 24), (120, 30)])
@pytest.mark.parametrize("key", ["ctrl+t", "f9"])
async def test_a_plan_being_edited_is_not_folded_away(running, size, key):
    async with running(size) as (app, pilot):
        page = await three(app, pilot)
        await pilot.press("tab", "p", "e")
        await until(pilot, lambda: page.editor.has_focus)
        await pilot.press(key)
        await pilot.pause()
        assert page.editor.region.width > 10
        await pilot.press("escape", "escape")
        await until(pilot, lambda: page.composer.has_focus or page.manuscript.has_focus)
        if size[0] < 100:
            assert not page.plan_pane.display


# ---------------------------------------------------------------------- written from a draft
@pytest.mark.parametrize("end", ["crash", "stop"])
async def test_what_was_edited_is_kept_until_the_model_has_gone_on_from_it(running, end):
    async with running() as (app, pilot):
        premise = "CRASH harbour" if end == "crash" else "SLOW harbour"
        page = await three(app, pilot, premise)
        turn = page.page.path[2]
        await editing(pilot, page)
        page.editor.move_cursor((0, 0))
        await typed(pilot, "A paragraph of mine. ")
        await pilot.press("ctrl+g")
        if end == "stop":
            await until(pilot, lambda: app.live is not None)
            await pilot.press("escape")
        await until(pilot, lambda: app.live is None)
        kept = app.studio.library.branches.edit_draft(turn.id, "prose")
        stands = any("A paragraph of mine." in prose for prose in told(app, page))
        assert stands or (kept and kept.startswith("A paragraph of mine.")), "it is somewhere"
        assert not (stands and kept)


async def test_enter_follows_the_plan_as_it_was_edited(running, studio):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab", "p", "r")
        await finished(app, pilot)
        assert not page.page.path[-1].prose, "a plan alone"
        await pilot.press("p", "e")
        await until(pilot, lambda: page.editor.has_focus)
        page.editor.load_text("A whale comes in")
        await pilot.press("escape")
        await pilot.press("escape")
        page.composer.focus()
        await pilot.press("enter")
        await finished(app, pilot)
        assert page.page.path[-1].outline == "- A whale comes in"
        assert page.page.path[-1].prose


# ---------------------------------------------------------------------- scores and Ctrl+Z
@pytest.mark.parametrize("text", ["1984 was", "20 years", "3rd man", "4th of July", "16 men"])
async def test_a_number_that_begins_a_text_is_no_score(running, studio, text):
    async with running() as (app, pilot):
        page = await three(app, pilot)
        await typed(pilot, text)
        await until(pilot, lambda: page.composer.text == text)
        assert not page.page.scores


async def test_a_sentence_after_a_score_leaves_the_score(running, studio):
    async with running() as (app, pilot):
        page = await three(app, pilot)
        await typed(pilot, "4The sea")
        await until(pilot, lambda: page.composer.text == "The sea")
        assert page.page.scores


async def test_ctrl_z_takes_back_the_score_of_the_passage_that_was_scored(running, studio):
    async with running() as (app, pilot):
        page = await three(app, pilot)
        first, _, last = page.page.path
        studio.writing.rate(last.id, "stars", 5)
        page.reload()
        await pilot.press("tab", "k", "k", "k", "2", "escape")
        await until(pilot, lambda: page.composer.has_focus)
        await pilot.press("ctrl+z")
        page.reload()
        assert last.id in page.page.scores
        assert first.id not in page.page.scores


async def test_ctrl_z_means_what_was_done_last_the_throwing_away_or_the_typing(running):
    async with running() as (app, pilot):
        page, there = await drafted(app, pilot)
        await pilot.press("tab", "x")
        assert "Ctrl+Z brings it back" in notices(pilot)
        page.composer.focus()
        await pilot.press("ctrl+z")
        assert [turn.id for turn in page.page.path] == there
        assert page.composer.text == "A draft"
        await pilot.press("ctrl+y")
        assert len(page.page.path) < len(there)
        await pilot.press("ctrl+z", "ctrl+z")
        assert [turn.id for turn in page.page.path] == there
        assert page.composer.text == ""
        await typed(pilot, "Another")
        await pilot.press("tab", "x")
        page.composer.focus()
        await pilot.press("end", "s", "ctrl+z")  # typing came last
        assert len(page.page.path) < len(there)


async def test_ctrl_y_where_there_is_nothing_to_do_again_changes_no_ctrl_z(running):
    async with running() as (app, pilot):
        page, there = await drafted(app, pilot)
        await pilot.press("ctrl+y", "ctrl+z")
        assert [turn.id for turn in page.page.path] == there
        assert page.composer.text == ""


async def test_two_that_were_thrown_away_come_back_before_the_typing_is_undone(running):
    async with running() as (app, pilot):
        page, there = await drafted(app, pilot)
        await pilot.press("tab", "x", "x")
        page.composer.focus()
        await pilot.press("ctrl+z", "ctrl+z")
        assert [turn.id for turn in page.page.path] == there
        assert page.composer.text == "A draft"
        await pilot.press("ctrl+y")
        assert len(page.page.path) == len(there) - 1


async def test_what_was_taken_back_in_the_manuscript_is_not_taken_back_again(running):
    async with running() as (app, pilot):
        page, there = await drafted(app, pilot)
        await pilot.press("tab", "x", "ctrl+z")
        assert [turn.id for turn in page.page.path] == there
        page.composer.focus()
        await pilot.press("ctrl+z")
        assert [turn.id for turn in page.page.path] == there
        assert page.composer.text == ""


async def test_what_was_thrown_away_in_the_tree_is_what_ctrl_z_means(running):
    async with running() as (app, pilot):
        page, there = await drafted(app, pilot)
        await pilot.press("f4")
        await until(pilot, lambda: isinstance(app.screen, TreeScreen))
        await pilot.press("x", "escape")
        await until(pilot, lambda: app.screen is page)
        assert len(page.page.path) < len(there)
        page.composer.focus()
        await pilot.press("ctrl+z")
        assert [turn.id for turn in page.page.path] == there
        assert page.composer.text == "A draft"


async def test_what_was_thrown_away_comes_back_from_the_composer_too(running):
    async with running() as (app, pilot):
        page = await three(app, pilot)
        await pilot.press("4")
        await pilot.press("tab", "k", "k", "x")
        assert told(app, page) == [PASSAGES[0]]
        await pilot.press("escape")
        await until(pilot, lambda: page.composer.has_focus)
        await pilot.press("ctrl+z")
        await until(pilot, lambda: told(app, page) == list(PASSAGES))


async def test_words_given_back_are_taken_again_by_ctrl_y(running):
    async with running() as (app, pilot):
        page = await three(app, pilot)
        app.studio.writing.say(page.story_id, "Mine.")
        page.reload()
        await pilot.press("ctrl+z")
        assert page.composer.text == "Mine."
        await pilot.press("ctrl+y")
        assert page.composer.text == ""
        assert told(app, page)[-1] == "Mine."


async def test_a_letter_that_was_deleted_does_not_bar_the_way_back(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("x", "backspace")
        for _ in range(4):
            await pilot.press("ctrl+z")
        await until(pilot, lambda: told(app, page) == [])


async def test_all_of_a_paste_comes_back(running):
    async with running() as (app, pilot):
        page = await three(app, pilot)
        text = "\n\n".join(f"Part {n}. " + "word " * 150 for n in range(30)).strip()
        app.studio.writing.take_in(page.story_id, text)
        page.reload()
        assert len(page.page.path) > 4
        await pilot.press("ctrl+z")
        assert page.composer.text.split() == text.split()


async def test_a_ghost_on_a_line_that_goes(running):
    async with running() as (app, pilot):
        page = await three(app, pilot)
        for end in ("enter", "backspace"):
            page.composer.set_text("")
            await typed(pilot, "One")
            await pilot.press("ctrl+j", "ctrl+o")
            await until(pilot, lambda: page.composer.ghost)
            await pilot.press(end)
            await pilot.pause()
            await finished(app, pilot)
            assert not page.composer.haunted


async def test_a_key_before_the_page_stands_does_nothing(running):
    """It has been pushed, and its widgets are not there yet."""
    async with running() as (app, _pilot):
        page = WritingScreen(app.studio.writing.new_story("A harbour").id)
        page._parent = app
        for action in ("open", "stop", "go_on", "edit", "skeleton", "leave", "go_to_plan", "jump"):
            assert page.check_action(action, ()) is False


# ---------------------------------------------------------------------- in the wrong place
async def test_a_function_key_of_another_place_says_which(running, studio):
    story = studio.writing.new_story("A fox at the harbour")
    async with running(loaded=False) as (app, pilot):
        await pilot.press("n", "f4")
        assert isinstance(app.screen, OpeningScreen)
        told_of = "(Tree) does nothing here; it is for: Writing."
        await until(pilot, lambda: told_of in notices(pilot))
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen))
        await pilot.press("f2")
        await until(pilot, lambda: "(Models) is where you are." in notices(pilot))
        await pilot.press("escape")
        await page_of(app, pilot, story.id)
        before = len(app._notifications)
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, ContextScreen))
        assert len(app._notifications) == before, "what it does needs no words"
        await pilot.press("m")
        await until(pilot, lambda: isinstance(app.screen, Form))
        await pilot.press("f5")
        await until(pilot, lambda: "(Settings) waits until this is closed." in notices(pilot))
        assert isinstance(app.screen, Form)


async def test_a_function_key_of_the_page_waits_while_it_is_edited(running):
    async with running() as (app, pilot):
        await editing(pilot, await three(app, pilot))
        await pilot.press("f4")
        await until(pilot, lambda: "First finish what you are editing." in notices(pilot))
        assert isinstance(app.screen, WritingScreen)
