"""The page: a story begun, continued, stopped, retried, scored, left and found again."""

from __future__ import annotations

import math
import random
import time

import pytest
from textual import events

from talecraft.app.app import TEXT_SECONDS, TEXT_SECONDS_TYPING
from talecraft.app.live import Live
from talecraft.app.messages import TextArrived
from talecraft.app.screens.library import LibraryScreen
from talecraft.app.screens.opening import OpeningScreen
from talecraft.app.screens.writing import WritingScreen
from talecraft.app.widgets.outline import OutlinePane, shown_plan
from talecraft.app.widgets.scoring import ScoringComposer
from talecraft.library import Library
from talecraft.process.messages import Delta
from talecraft.studio import reading
from tests.app.conftest import (
    begun,
    finished,
    generation,
    notices,
    options,
    page_of,
    scored,
    seen,
    typed,
    until,
)


async def test_the_second_opening_line_begins_a_story(running):
    async with running() as (app, pilot):
        assert isinstance(app.screen, OpeningScreen)
        second = options(pilot, "#lines")[1].removeprefix("2  ").replace("\n   ", " ")
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        await finished(app, pilot)
        assert app.screen.page.story.premise == second
        assert [turn.author for turn in app.screen.page.path] == ["model"]
        assert "The fox waited where the nets were drying" in seen(pilot)


async def test_arrows_and_enter_choose_an_opening_line(running):
    async with running() as (app, pilot):
        third = options(pilot, "#lines")[2].removeprefix("3  ").replace("\n   ", " ")
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        assert app.screen.page.story.premise == third


async def test_ones_own_first_line_may_hold_digits(running):
    async with running() as (app, pilot):
        await typed(pilot, "In 1923 the")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        assert app.screen.page.story.premise == "In 1923 the"


async def test_ones_own_first_line_may_begin_with_a_digit(running, studio):
    async with running() as (app, pilot):
        await typed(pilot, "12 cold nights")
        await until(pilot, lambda: app.screen.query_one("#composer").text == "12 cold nights")
        await pilot.pause(0.7)
        assert studio.library.stories.list() == [], "no other story was begun"


async def test_a_click_chooses_an_opening_line(running):
    async with running() as (app, pilot):
        await pilot.click("#lines", offset=(10, 0))
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))


async def test_a_first_line_survives_a_look_elsewhere_and_quitting(running, studio):
    async with running() as (app, pilot):
        await typed(pilot, "Mara left")
        await until(pilot, lambda: studio.library.stories.opening_draft() == "Mara left")
        await pilot.press("f2")
        await pilot.pause()
        await pilot.press("escape", "escape")
        await until(pilot, lambda: isinstance(app.screen, LibraryScreen))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, OpeningScreen))
        assert app.screen.query_one("#composer").text == "Mara left"
        await typed(pilot, " at dawn")
        await pilot.press("ctrl+q")
        await pilot.pause()
    assert studio.library.stories.list() == []
    async with running() as (app, pilot):
        assert app.screen.query_one("#composer").text == "Mara left at dawn"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
    assert [story.premise for story in studio.library.stories.list()] == ["Mara left at dawn"]
    assert studio.library.stories.opening_draft() == ""


async def test_quitting_while_it_writes_keeps_what_came(running, studio):
    async with running() as (app, pilot):
        await begun(app, pilot, "A SLOW harbour", turns=0)
        await pilot.press("enter")
        await until(pilot, lambda: app.live is not None and len(app.live.prose) > 10)
        shown = app.live.prose.strip()
        await pilot.press("ctrl+q")
        await pilot.pause()
    app.studio.close()
    story = studio.library.stories.list()[0]
    assert story.leaf_id is not None
    kept = studio.library.stories.turn(story.leaf_id)
    assert kept.prose.startswith(shown)
    assert kept.generation.stop_reason == "cancelled"


async def test_who_meant_to_stop_what_has_just_ended_does_not_leave(running, monkeypatch):
    monkeypatch.setattr("talecraft.app.screens.writing.MEANT_TO_STOP", 60.0)
    async with running() as (app, pilot):
        await begun(app, pilot, "A harbour")
        await pilot.press("escape")
        assert isinstance(app.screen, WritingScreen)
        await until(pilot, lambda: "It has just ended by itself." in notices(pilot))
        await pilot.press("escape")
        assert not isinstance(app.screen, WritingScreen)


async def test_enter_commits_the_writers_words_and_continues(running, studio):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await typed(pilot, "She looked up.")
        await pilot.press("enter")
        assert page.composer.text == ""
        await finished(app, pilot)
        assert [(t.author, t.prose) for t in page.page.path][1] == ("writer", "She looked up.")
        assert page.page.path[2].outline.startswith("- The fox waits")
        assert studio.library.stories.get(page.story_id).draft == ""
        text = seen(pilot)
        bar = next(line for line in text.splitlines() if "She looked up." in line)
        assert "▎" in bar.split("She")[0], "the writer's words carry their mark"
        assert "• A boat comes in without a crew" in text


async def test_f_in_the_manuscript_brings_the_story_to_its_end(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await typed(pilot, "She looked up.")
        await pilot.press("tab", "f")
        assert page.composer.text == ""
        await finished(app, pilot)
        assert page.page.path[1].prose == "She looked up."
        assert page.page.path[2].outline.endswith("- The end")
        assert app.focused is page.composer


async def test_ctrl_j_breaks_the_line_and_enter_does_not(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await pilot.press("a", "ctrl+j", "b", "shift+enter", "c")
        assert page.composer.text == "a\nb\nc"
        assert page.composer.size.height == 3
        await pilot.press("enter")
        await finished(app, pilot)
        assert page.page.path[0].prose == "a\nb\nc"


async def test_enter_while_the_model_writes_sends_nothing(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await pilot.press("enter")
        await until(pilot, lambda: app.live and app.live.prose)
        await typed(pilot, "wait")
        await pilot.press("enter")
        assert page.composer.text == "wait"
        assert "still writing" in notices(pilot)
        await pilot.press("escape")
        await finished(app, pilot)
        assert page.composer.text == "wait"


async def test_the_score_line_does_not_promise_a_score_for_what_is_text(running):
    async with running() as (app, pilot):
        await begun(app, pilot, "A harbour")
        assert "score it" in seen(pilot)
        await typed(pilot, "Dear Miss Hollon")
        await until(pilot, lambda: "Enter puts it into the story" in seen(pilot))
        assert "score it" not in seen(pilot)


async def test_the_score_line_names_the_key_that_works_now(running):
    async with running() as (app, pilot):
        await begun(app, pilot, "A harbour")
        await typed(pilot, "hello")
        await pilot.press(*["backspace"] * 5, "4")
        await until(pilot, lambda: "Ctrl+Z takes it back" in seen(pilot))
        await pilot.press("ctrl+u")  # there is nothing to delete: nothing was typed since
        await pilot.pause()
        assert "Ctrl+Z takes it back" in seen(pilot)
        await typed(pilot, "Tom")
        await until(pilot, lambda: "Tab, then u takes it back" in seen(pilot))
        await pilot.press("ctrl+u")
        await pilot.pause()
        assert "Tab, then u takes it back" in seen(pilot), "Ctrl+Z would bring the text back"
        await pilot.press("ctrl+z")
        assert app.screen.composer.text == "Tom"


async def test_a_passage_of_which_only_the_plan_came_is_not_scored_for_another(running, studio):
    story = scored(studio, [3])
    before = studio.library.stories.get(story).leaf_id
    add = studio.library.stories.add_turn
    cut = add(story, before, "model", "", "- a plan", generation(studio))
    async with running() as (app, pilot):
        page = await page_of(app, pilot, story)
        assert page.page.path[-1].id == cut.id
        assert "Enter: the model writes on from the plan" in seen(pilot)
        await pilot.press("5")
        await pilot.pause()
        assert page.composer.text == "5", "there is nothing to score: it is text"
        assert studio.writing.opinions(before)[-1].value == 3


async def test_escape_stops_and_keeps_what_came(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await pilot.press("enter")
        await until(pilot, lambda: app.live and len(app.live.prose) > 20)
        assert "Stop" in seen(pilot)
        asked = time.monotonic()
        await pilot.press("escape")
        await until(pilot, lambda: app.live is None)
        assert time.monotonic() - asked < 1.0
        kept = page.page.path[-1]
        assert kept.prose.startswith("The fox waited")
        assert isinstance(app.screen, WritingScreen), "Esc stopped; it did not also leave"


async def test_a_plan_stopped_before_its_prose_is_followed_by_enter(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("PLANONLY harbour").id)
        await pilot.press("enter")
        await until(pilot, lambda: app.live and "without a crew" in app.live.outline)
        await pilot.press("escape")
        await finished(app, pilot)
        assert page.page.path[-1].prose == ""
        assert "Enter: the model writes on from the plan" in seen(pilot)
        await pilot.press("enter")
        await finished(app, pilot)
        assert page.page.path[-1].prose.startswith("Take 2. The fox waited")
        assert len(page.page.path) == 1


async def test_retry_makes_a_sibling_and_arrows_go_between_them(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("ctrl+r")
        await finished(app, pilot)
        assert "version 2 of 2" in seen(pilot)
        assert page.page.path[-1].prose.startswith("Take 2.")
        await pilot.press("left")
        assert "version 2 of 2" in seen(pilot), "in the composer arrows move the cursor"
        await pilot.press("tab", "left")
        await until(pilot, lambda: "version 1 of 2" in seen(pilot))
        assert page.page.path[-1].prose.startswith("The fox")
        await pilot.press("left")
        assert "version 1 of 2" in seen(pilot)
        await pilot.press("right")
        await until(pilot, lambda: "version 2 of 2" in seen(pilot))
        await pilot.press("escape")
        assert page.composer.has_focus


async def test_digits_score_in_an_empty_composer_and_ctrl_z_takes_back(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        turn = page.page.path[-1].id
        await pilot.press("4")
        assert page.composer.text == ""
        assert app.studio.writing.opinions(turn)[0].value == 4
        assert "★★★★☆ 4 of 5" in seen(pilot)
        assert "Ctrl+Z takes it back" in seen(pilot)
        assert "★4" in seen(pilot), "the margin says it too"
        await pilot.press("ctrl+z")
        assert app.studio.writing.opinions(turn) == []
        assert "4 of 5" not in seen(pilot)


async def test_a_thumb_takes_the_place_of_stars_and_the_other_way_round(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        turn = page.page.path[-1].id
        await pilot.press("2", "plus")
        assert [(o.kind, o.value) for o in app.studio.writing.opinions(turn)] == [("thumb", 1)]
        assert "+ liked" in seen(pilot)
        await pilot.press("minus")
        assert "− disliked" in seen(pilot)
        await pilot.press("5")
        assert [(o.kind, o.value) for o in app.studio.writing.opinions(turn)] == [("stars", 5)]


async def test_u_in_the_manuscript_takes_a_score_back(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("3", "tab", "u")
        assert app.studio.writing.opinions(page.page.path[-1].id) == []


async def test_ctrl_z_undoes_typing_when_typing_came_last(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("4", "a")
        page.composer.history.checkpoint()
        await pilot.press("backspace", "ctrl+z")
        assert page.composer.text == "a"
        assert app.studio.writing.opinions(page.page.path[-1].id) != []


async def test_letters_and_later_digits_always_type(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await typed(pilot, "x4 cue+1-2")
        assert page.composer.text == "x4 cue+1-2"
        assert app.studio.writing.opinions(page.page.path[-1].id) == []


async def test_a_digit_types_where_there_is_nothing_to_score(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await pilot.press("3")
        assert page.composer.text == "3"


async def test_a_letter_without_meaning_in_the_manuscript_goes_to_the_composer(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab")
        assert page.manuscript.has_focus
        await pilot.press("T", "h", "e")
        assert page.composer.has_focus
        assert page.composer.text == "The"


async def test_a_letter_without_meaning_at_the_plan_goes_to_the_composer(running):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab", "p")
        assert page.query_one("#plan").has_focus
        await pilot.press("v")
        assert "v (Versions) is for the manuscript. Shift+Tab goes there." in notices(pilot)
        assert page.query_one("#plan").has_focus
        await pilot.press("shift+tab")
        assert page.manuscript.has_focus
        await pilot.press("tab", "T", "h", "e")
        assert page.composer.has_focus
        assert page.composer.text == "The"


async def test_a_passage_further_up_can_be_chosen_scored_and_copied(running):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour", turns=2)
        await pilot.press("tab", "j", "k")
        assert page.manuscript.chosen == 0
        await pilot.press("5")
        assert [o.value for o in app.studio.writing.opinions(page.page.path[0].id)] == [5]
        await pilot.press("c")
        assert app.clipboard == page.page.path[0].prose
        assert "Passage copied" in notices(pilot)


async def test_the_draft_is_saved_as_typed_and_survives_a_restart(running, studio):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await typed(pilot, "She nearly")
        started = time.monotonic()
        await until(pilot, lambda: studio.library.stories.get(page.story_id).draft == "She nearly")
        assert time.monotonic() - started < 2
        await typed(pilot, " left")
        await pilot.press("ctrl+q")
        await pilot.pause()
    assert studio.library.stories.get(page.story_id).draft == "She nearly left"
    async with running() as (app, pilot):
        assert "unsent draft" in seen(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        assert app.screen.composer.text == "She nearly left"


async def test_leaving_keeps_the_draft(running, studio):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await typed(pilot, "half")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, LibraryScreen))
        assert studio.library.stories.get(page.story_id).draft == "half"


async def test_a_paste_keeps_what_was_typed(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await typed(pilot, "so ")
        app.post_message(events.Paste("it\r\ngoes"))
        await until(pilot, lambda: page.composer.text == "so it\ngoes")


async def test_a_crash_restarts_the_engine_and_the_page_goes_on(running, studio):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("CRASH harbour").id)
        first = app.studio.engine.pid
        await typed(pilot, "My words.")
        await pilot.press("enter")
        await until(pilot, lambda: app.live is None)
        assert "Nothing was written" in notices(pilot)
        assert [turn.prose for turn in page.page.path] == ["My words."]
        await until(pilot, lambda: "Starting it again" in notices(pilot))
        await until(pilot, lambda: app.studio.engine.pid not in (None, first))
        await until(pilot, lambda: app.phase.phase == "ready")
        assert "○ ready" in seen(pilot)


async def test_an_engine_that_dies_while_idle_comes_back_and_writes(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        app.studio.engine._process.kill()
        await until(pilot, lambda: "The engine stopped" in notices(pilot))
        await pilot.press("enter")
        await finished(app, pilot)
        await until(pilot, lambda: len(page.page.path) == 2)


async def test_the_outline_folds_and_opens(running):
    async with running() as (app, pilot):
        await begun(app, pilot, "A harbour")
        assert "▾ Plan" in seen(pilot)
        await pilot.press("ctrl+t")
        assert "▸ Plan, 2 beats" in seen(pilot)
        assert "• The fox waits" not in seen(pilot)
        await pilot.resize_terminal(120, 40)
        await pilot.pause()
        assert not app.screen.query_one("#plan").display
        await pilot.press("ctrl+t")
        assert app.screen.query_one("#plan").display
        assert "✓ The fox waits at the harbour" in seen(pilot)


async def test_the_plan_streams_before_the_prose(running):
    async with running((120, 40)) as (app, pilot):
        await page_of(app, pilot, app.studio.writing.new_story("PLANONLY harbour").id)
        await pilot.press("enter")
        await until(pilot, lambda: "• A boat comes in without a crew" in seen(pilot))
        assert "● thinking" in seen(pilot)
        assert app.live.prose == ""
        await pilot.press("escape")
        await finished(app, pilot)


async def test_the_page_follows_the_end_only_for_a_reader_at_the_end(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("LONG harbour").id)
        await pilot.press("enter")
        await finished(app, pilot)
        assert page.manuscript.at_end
        await pilot.press("pageup", "pageup")
        before = list(page.manuscript.visible_text)
        assert not page.manuscript.at_end
        story_id = page.story_id
        app.studio.writing.say(story_id, "More of it.")
        page.reload()
        await pilot.pause()
        assert list(page.manuscript.visible_text) == before


@pytest.mark.parametrize("seed", [5, 7, 9])
async def test_what_was_just_written_is_in_sight(running, seed):
    """After a long text in the composer, and in a window of another size."""
    dice = random.Random(seed)
    async with running((100, 30)) as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("a fox").id)
        for _ in range(4):
            await pilot.resize_terminal(dice.choice([70, 99, 130]), dice.choice([16, 20, 30]))
            lines = "\n".join("abcdef"[: dice.randint(0, 6)])
            page.composer.post_message(events.Paste(lines + " word" * dice.choice([0, 20, 200])))
            await pilot.pause()
            await pilot.press("enter")
            await finished(app, pilot)
            await pilot.resize_terminal(dice.choice([70, 99, 130]), dice.choice([16, 20, 30]))
            await pilot.pause()
            last = [line for line in page.page.path[-1].prose.split() if line][-3:]
            assert " ".join(last) in " ".join(page.manuscript.visible_text)


async def test_a_new_width_keeps_the_readers_place(running):
    async with running((120, 40)) as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("LONG harbour").id)
        await pilot.press("enter")
        await finished(app, pilot)
        page.manuscript.scroll_to(y=60, animate=False)
        await pilot.pause()
        top = next(line for line in page.manuscript.visible_text if line)
        await pilot.resize_terminal(70, 24)
        await pilot.pause()
        assert top[:12] in " ".join(page.manuscript.visible_text)


async def test_export_writes_the_story_and_says_where(running, place):
    async with running((120, 40)) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await pilot.press("tab", "w", "m")
        files = sorted(path.suffix for path in place.exports.iterdir())
        assert files == [".md", ".txt"]
        assert str(place.exports)[-20:] in notices(pilot).replace("\n", "")


async def test_selected_words_are_copied_without_their_line_breaks(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        page.text_select_all()
        await pilot.pause()
        await pilot.press("tab", "ctrl+c")
        assert "nobody asked it why. At noon a boat" in app.clipboard


async def test_a_story_left_while_it_is_written_is_finished(running, studio):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await pilot.press("enter")
        await until(pilot, lambda: app.live and app.live.prose)
        app.back_to_library()
        await pilot.pause()
        again = await page_of(app, pilot, page.story_id)
        assert again.live is not None, "the passage is still coming, here too"
        await pilot.press("escape")
        await finished(app, pilot)
        assert len(reading.page(studio.library, page.story_id).path) == 1


async def test_an_empty_answer_is_told(running):
    async with running() as (app, pilot):
        await page_of(app, pilot, app.studio.writing.new_story("EMPTY harbour").id)
        await pilot.press("enter")
        await finished(app, pilot)
        assert "The model wrote nothing" in notices(pilot)


async def test_undo_in_a_long_draft_does_not_end_the_program(running):
    """The text shrinks under the cursor while a scrollbar goes away."""
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        app.post_message(events.Paste("\n".join(f"line {n}" for n in range(12))))
        await until(pilot, lambda: page.composer.text.endswith("line 11"))
        await pilot.press("ctrl+z")
        await pilot.pause()
        assert page.composer.text == ""
        for n in range(8):
            await typed(pilot, f"line {n}")
            await pilot.press("ctrl+j")
        for _ in range(20):
            await pilot.press("ctrl+z")
        await pilot.pause()
        assert app.is_running


@pytest.mark.parametrize(
    "text", ["3 wolves came.", "-- Who goes?", "- Who goes?", "12 wolves.", "1. One"]
)
async def test_a_text_may_begin_like_a_score(running, studio, text):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("4")
        await until(pilot, lambda: page.page.scores)
        await pilot.press("left")  # any other key ends the row of score keys
        await typed(pilot, text)
        await until(pilot, lambda: page.composer.text == text)
        turn = page.page.path[-1]
        assert [(o.kind, o.value) for o in studio.writing.opinions(turn.id) if o.value is not None][
            -1
        ] == ("stars", 4.0)


async def test_a_line_break_in_a_burst_stays_where_it_was_typed(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press(*"third", "ctrl+j", *"fourth")
        await until(pilot, lambda: page.composer.text == "third\nfourth")


async def test_a_word_that_comes_paints_its_line_and_nothing_else(running, monkeypatch):
    """Thirty times a second the whole screen anew leaves no time to the writer's keys."""
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        manuscript, pane = page.manuscript, page.query_one(OutlinePane)
        live = Live(99, page.story_id, 1)
        manuscript.show_page(page.page, live, None)
        painted: list[tuple[object, ...]] = []
        beats = page.query_one("#plan-beats")
        for widget in (manuscript, beats):
            monkeypatch.setattr(
                widget, "refresh", lambda *regions, **options: painted.append((regions, options))
            )
        for word in ("One", " two", " three"):
            live.add(Delta(99, "prose", word))
            manuscript.text_came(None)
            painted, last = [], painted
        (((line,), options),) = last
        assert (line.height, options) == (1, {})
        pane.show(shown_plan("- a fox\n"))
        assert painted
        painted = []
        pane.show(shown_plan("- a fox\n"))
        assert painted == []


@pytest.mark.parametrize("key_at", [0.0, math.inf])
async def test_text_that_comes_quickly_is_shown_in_pieces_and_seldomer_to_one_who_types(
    running, monkeypatch, key_at
):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await until(pilot, lambda: not app._text_waits)
        app.live = Live(9, page.story_id, 1)
        page.reload()
        await until(pilot, lambda: not app._text_waits)
        shown: list[int] = []
        came = page.text_came
        monkeypatch.setattr(page, "text_came", lambda: (shown.append(1), came()))
        pauses: list[float] = []
        timer = app.set_timer
        monkeypatch.setattr(app, "set_timer", lambda s, do: (pauses.append(s), timer(s, do)))
        app.key_at = key_at  # long ago, or just now
        for _ in range(200):
            app.post_message(TextArrived(Delta(9, "prose", "word ")))
        app.post_message(TextArrived(Delta(9, "prose", "end")))
        await until(pilot, lambda: "end▌" in seen(pilot))
        assert 1 <= len(shown) < 50
        if key_at == 0.0:
            assert 0 < max(pauses) <= TEXT_SECONDS
        else:
            assert TEXT_SECONDS < max(pauses) <= TEXT_SECONDS_TYPING
        app.live = None


async def test_a_newer_notice_takes_the_place_of_one_of_its_kind(running):
    async with running(loaded=False) as (app, pilot):
        app.say("The first.")
        app.say("The second.")
        app.say("Another kind.", "Titled")
        app.say("Grave.", severity="warning")
        app.say("The third.")
        await until(pilot, lambda: "The third." in notices(pilot))
        assert sorted(notices(pilot).splitlines()) == [
            ": The third.", "Careful: Grave.", "Titled: Another kind.",
        ]  # fmt: skip


async def test_what_another_program_writes_is_seen_and_what_is_typed_stays(running, monkeypatch):
    monkeypatch.setattr("talecraft.app.app.SETTINGS_SECONDS", 0.05)
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await typed(pilot, "And then")
        other = Library(app.studio.library.database.path)
        leaf = page.page.story.leaf_id
        other.stories.add_turn(page.story_id, leaf, "writer", prose="A bell rang elsewhere.")
        page.query_one(ScoringComposer).scored_last = True
        await until(pilot, lambda: "A bell rang elsewhere." in seen(pilot))
        assert page.query_one(ScoringComposer).scored_last, "what was done last here stays it"
        assert page.composer.text == "And then"
        await pilot.press("escape")
        story = other.stories.create("Another shore", "Another shore.")
        await until(pilot, lambda: "Another shore" in seen(pilot))
        other.stories.rename(story.id, "A third shore")
        await until(pilot, lambda: "A third shore" in seen(pilot))
        other.close()
