"""A plain page, and one without colours: every meaning is in the words."""

from __future__ import annotations

import re

import pytest
from textual.command import CommandPalette

from talecraft.app import marks
from talecraft.app.key_names import plainly
from talecraft.app.screens.dialogs import Choose, Confirm
from talecraft.app.screens.difference import DifferenceScreen
from talecraft.app.screens.tokens import TokensScreen
from tests.app.conftest import (
    HandRun,
    begun,
    finished,
    notices,
    outcome,
    page_of,
    past_run,
    phase_events,
    scored,
    seen,
    static,
    step,
    typed,
    until,
)
from tests.app.test_adapters import adapter
from tests.app.test_tree import a_tree

# Boxes, blocks, bars, braille, shapes, stars, ticks and arrows: nothing of these may be there.
DRAWN = re.compile("[\u2190-\u21ff\u2500-\u27bf\u2800-\u28ff\u2b00-\u2bff›‹•●]")


@pytest.fixture
def plain(place):
    place.settings_file.parent.mkdir(parents=True, exist_ok=True)
    place.settings_file.write_text("[page]\nplain = true\n")


def words(pilot) -> str:
    text = seen(pilot)
    assert not DRAWN.search(text), DRAWN.findall(text)
    return text


async def test_the_option_and_the_setting_make_the_page_plain(make_app, place):
    app = make_app()
    assert not marks.plain()
    assert "-plain" not in app.classes
    place.settings_file.parent.mkdir(parents=True, exist_ok=True)
    place.settings_file.write_text("[page]\nplain = true\n")
    app = make_app()
    assert marks.plain()
    assert "-plain" in app.classes
    assert app.animation_level == "none"


async def test_the_page_of_a_story_in_words(running, plain):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        app.studio.writing.say(page.story_id, "She wrote the number down.")
        await pilot.press("enter")
        await finished(app, pilot)
        await pilot.press("4")
        await pilot.pause()
        text = words(pilot)
        assert re.search(r"Written by you:\s+She wrote the number down\.", text)
        assert re.search(r"Written by the model, 4 of 5 stars:\s+Take 2", text)
        assert "4 of 5 stars   Ctrl+Z takes it back" in text
        assert not page.query_one("#plan").display  # never side by side
        assert "- The fox waits at the harbour" in text
        await pilot.press("tab", "k")
        await pilot.pause()
        assert "Chosen. Written by the model, 4 of 5 stars:" in words(pilot)
        await pilot.press("k")
        await pilot.pause()
        assert "Chosen. Written by you:" in words(pilot)
        assert words(pilot).count("Chosen.") == 1
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert "Plan, 2 beats, folded  (Ctrl+T opens)" in words(pilot)
        await pilot.press("c")
        assert app.clipboard == "She wrote the number down."
        page.screen.text_select_all()
        assert "Written by" not in (page.get_selected_text() or "")


async def test_while_the_model_writes(running, plain):
    async with running() as (app, pilot):
        await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await pilot.press("enter")
        await until(pilot, lambda: app.live and app.live.prose)
        await until(pilot, lambda: "Written by the model:" in seen(pilot))
        text = words(pilot)
        assert " writing " in text
        assert "esc Stop" in text
        await pilot.press("escape")
        await finished(app, pilot)


@pytest.mark.parametrize("line", [0, 1, 2])
async def test_a_score_does_not_move_the_text_under_the_reader(running, plain, line):
    """Its words stand before the passage, in a line that grows, and are none of the text."""
    async with running((80, 16)) as (app, pilot):
        page = await begun(app, pilot, "A harbour", turns=5)
        await pilot.press("tab", "k", "k")
        column = page.manuscript._column
        lines = [column.line(y) for y in range(column.height)]
        y = next(at for at, one in enumerate(lines) if one.passage == page.manuscript.chosen) + line
        page.manuscript.scroll_to(y=y, animate=False, immediate=True)
        await pilot.pause()
        assert page.manuscript.scroll_y == y
        await pilot.press("4")
        await pilot.pause()
        assert "4 of 5 stars" in seen(pilot)
        assert page.manuscript.scroll_y == y


async def test_lists_tell_what_is_highlighted(running, plain, studio):
    scored(studio, [4], "The salt road to the north is closed.")
    scored(studio, [4], "A fox at the harbour")
    async with running() as (_app, pilot):
        assert re.search(r"Chosen:  A fox at the harbour\n", words(pilot))
        await pilot.press("down")
        await pilot.pause()
        assert re.search(r"Chosen:  The salt road", words(pilot))
        assert words(pilot).count("Chosen:") == 1
        assert "enter Open" in words(pilot)
        await pilot.press("n")
        await pilot.pause()
        assert re.search(r"Chosen:  1  ", words(pilot))
        await pilot.press("f2")
        await pilot.pause()
        assert re.search(r"Chosen:  Llama Ember .* in use", words(pilot))


async def test_a_run_its_outcome_and_its_adapters_in_words(running, plain, studio, place):
    scored(studio, [1, 2, 3, 4, 5] * 4)
    first = adapter(studio, 1)
    adapter(studio, 2, first, "rejected")
    async with running((100, 90)) as (_app, pilot):
        await pilot.press("f3")
        await until(pilot, lambda: "So far I think" in static(pilot, "#training-plan"))
        text = words(pilot)
        assert "5 stars: 4" in text
        assert "1 star: 4" in text
        assert re.search(r"Chosen:  After the model as it came: .* writes now", text)
        assert re.search(r"After 1 adapter: .* not adopted", text)


@pytest.mark.parametrize(
    ("state", "verdict", "check"),
    [("adopted", "Adopted.", "Passed:"), ("rejected", "Not adopted.", "Failed:")],
)
async def test_a_verdict_and_its_conditions_in_words(running, plain, studio, state, verdict, check):
    past_run(studio, outcome(state, "So it is."))
    async with running((100, 60)) as (_app, pilot):
        await pilot.press("escape", "f3")
        await until(pilot, lambda: f"  {verdict} So it is." in seen(pilot))
        assert f"{check} preferred on 72 of 100 unseen prompts" in words(pilot)
        assert "“she asked” 0.2 times before, 2.4 after" in words(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_live_run_has_no_curves_but_tells_them(running, plain, studio, place, size):
    run = HandRun(place, studio)
    run.say(*phase_events(), *[step(n) for n in range(1, 8)])
    async with running(size) as (app, pilot):
        await until(pilot, lambda: app.run_watch is not None)
        await pilot.press("escape", "f3")
        await until(pilot, lambda: "Pleasing" in seen(pilot))
        text = words(pilot)
        assert not app.screen.query("Plot")
        assert "43% is done." in text
        assert "Pleasing (reward): +0.84, up from +0.12, its highest" in text
        assert "Freedom (entropy): 2.00, unchanged" in text
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.pause()
        assert "Pleasing" not in words(pilot)  # the question alone, not across the page
        await pilot.press("n")
    run.end()


async def test_a_taste_round_has_one_passage_below_the_other(running, plain):
    async with running((120, 40)) as (app, pilot):
        await pilot.press("escape", "f3", "t")
        await until(pilot, lambda: getattr(app.screen, "_round", None) is not None)
        await until(pilot, lambda: app.screen._round.pair is not None)
        assert "Taste round  1 of 24" in words(pilot)
        a, b = (app.screen.query_one(f"#candidate-{key}").region for key in "ab")
        assert a.bottom <= b.y
        assert a.x == b.x


async def test_help_and_footer_name_keys_in_letters(running, plain):
    async with running((80, 70), loaded=False) as (_app, pilot):
        await pilot.press("f1")
        await pilot.pause()
        text = words(pilot)
        assert re.search(r"ctrl\+r +Write the last passage once more", text)
        assert re.search(r"left +The version before", text)
    assert plainly("equals_sign") == "equals sign"


async def test_the_tree_in_words(running, plain, studio):
    story = a_tree(studio)
    async with running((120, 40)) as (app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("f4", "m", "b", "enter")
        app.clear_notifications()
        await pilot.pause()
        text = words(pilot)
        assert text.count("Chosen. ") == 1
        row = next(line for line in text.splitlines() if "Chosen. " in line)
        assert re.search(r"Chosen\. Marked\. .*Read now\. You: .*bookmark", row)
        assert re.search(r"New branch, level 1\. .*version 2 of 2", text)
        assert re.search(r"Read now\. You: She wrote", text)
        assert "Bookmark" in static(pilot, "#passage-text")
        await pilot.press("t", "up")
        await pilot.pause()
        assert "in the trash" in words(pilot)
        tree, passage = app.screen.query_one("#tree").region, app.screen.query_one("#passage")
        assert tree.bottom <= passage.region.y  # never side by side
        await pilot.press("t", "end", "d")
        await until(pilot, lambda: isinstance(app.screen, DifferenceScreen))
        await until(pilot, lambda: "marked" in static(pilot, "#difference-head"))
        app.clear_notifications()
        await pilot.pause()
        text = words(pilot)
        assert "(only in the first: " in text
        assert "(only in the other: " in text
        assert not re.search(r"\[-|\{\+|±", text)


async def test_a_plan_and_its_beats_in_words(running, plain):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab", "p")
        await until(pilot, lambda: page.query_one("#plan").display)
        await pilot.pause()
        text = words(pilot)
        assert "2 beats taken up" in text
        assert re.search(r"- The fox waits at the harbour( \(taken up\))?", text)
        assert "Enter writes from it, e edits, r draws another, 1 to 5 score it" in text
        plan, manuscript = page.query_one("#plan").region, page.manuscript.region
        assert manuscript.bottom <= plan.y
        await pilot.press("escape")
        await until(pilot, lambda: not page.query_one("#plan").display)


async def test_focus_mode_in_words(running, plain):
    async with running() as (app, pilot):
        await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await pilot.press("f9", "enter")
        await until(pilot, lambda: app.live and not app.live.prose)
        await until(pilot, lambda: "The model is thinking." in seen(pilot))
        words(pilot)
        await until(pilot, lambda: app.live and app.live.prose)
        await pilot.pause()
        assert "thinking" not in words(pilot)
        await pilot.press("escape")
        await finished(app, pilot)


async def test_versions_are_below_each_other(running, plain):
    async with running((120, 40)) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await pilot.press("tab", "v")
        await until(pilot, lambda: app.screen.query("#version-c"))
        await pilot.pause()
        app.clear_notifications()
        text = words(pilot)
        assert "Here: version a" in text
        assert "  Version b" in text
        a, b = (app.screen.query_one(f"#version-{key}").region for key in "ab")
        assert a.bottom <= b.y
        await pilot.press("right")
        await pilot.pause()
        assert "Here: version b" in words(pilot)
        assert words(pilot).count("Here: ") == 1


async def test_the_settings_in_words(running, plain, place):
    async with running((120, 60)) as (app, pilot):
        await pilot.press("escape", "f5")
        await pilot.pause()
        text = words(pilot)
        assert re.search(r"Chosen: model ", text)
        assert re.search(r"plain +yours: true", text)
        assert "(no" not in text
        await pilot.press("down")
        await pilot.pause()
        assert re.search(r"Chosen: temperature", words(pilot))
        assert words(pilot).count("Chosen: ") == 1
        app.screen.edit("page.theme")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.pause()
        assert "Chosen:  lamplight, as it is now" in words(pilot)
        await pilot.press("escape")
        app.screen.edit("page.plain")
        await until(pilot, lambda: "from the next start on" in notices(pilot))
        assert marks.plain()
        assert "holds from the next start on" in static(pilot, "#setting-detail")
        words(pilot)


async def test_the_goal_in_words(running, plain, place):
    place.settings_file.write_text("[page]\nplain = true\ngoal = 5\n")
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        assert "goal: 2 of 5 today" in words(pilot)
        app.studio.writing.say(page.story_id, "She wrote it.")
        page.reload()
        await until(pilot, lambda: "goal reached, 5 of 5 today" in seen(pilot))


# ------------------------------------------------------------------ without colours
def colours(app) -> set[str]:
    """Every colour that the screen is drawn with, but the terminal's own."""
    return {
        colour.name
        for strip in app.screen._compositor.render_strips()
        for segment in strip
        if segment.style is not None
        for colour in (segment.style.color, segment.style.bgcolor)
        if colour is not None and not colour.is_default
    }


def styled(app, how: str) -> str:
    """What stands `reverse` or `underline` on the screen."""
    return "".join(
        segment.text
        for strip in app.screen._compositor.render_strips()
        for segment in strip
        if segment.style is not None and getattr(segment.style, how)
    )


def reversed_text(app) -> str:
    return styled(app, "reverse")


def underlined(app) -> str:
    return styled(app, "underline")


async def test_without_colours_the_new_screens_show_where_one_is(running, monkeypatch, studio):
    monkeypatch.setenv("NO_COLOR", "1")
    story = a_tree(studio)
    async with running((120, 40)) as (app, pilot):
        await page_of(app, pilot, story)
        await pilot.press("f4")
        await pilot.pause()
        assert "In the harbour" in reversed_text(app)
        await pilot.press("f5", "down")
        await pilot.pause()
        assert [one for one in reversed_text(app).split() if one.isalpha()] == ["temperature"]
        app.screen.edit("page.theme")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.pause()
        assert "lamplight" in reversed_text(app)
        await pilot.press("escape", "escape", "escape")
        await page_of(app, pilot, story)
        app.show_versions([one for one in app.screen.page.path if one.author == "model"][:2])
        await pilot.pause()
        assert reversed_text(app).startswith("a")
        assert not colours(app)


@pytest.mark.parametrize(("value", "without"), [("1", True), ("yes-please", True), ("", False)])
async def test_no_color_counts_where_it_is_not_empty(running, monkeypatch, value, without):
    monkeypatch.setenv("NO_COLOR", value)
    async with running() as (app, pilot):
        assert app.no_color == without
        for key in ("", "f1", "f2", "f3", "escape"):
            if key:
                await pilot.press(key)
            await pilot.pause()
            assert bool(colours(app)) != without


async def test_without_colours_it_still_shows_what_is_chosen_selected_and_typed(
    running, monkeypatch, studio
):
    monkeypatch.setenv("NO_COLOR", "1")
    scored(studio, [4], "The salt road")
    scored(studio, [4], "A fox at the harbour")
    async with running() as (app, pilot):
        assert "A fox at the harbour" in reversed_text(app)
        assert "salt" not in reversed_text(app)
        page = await begun(app, pilot, "A quay")
        assert page.composer.has_focus
        assert reversed_text(app) == "W"  # the cursor, on the hint
        await pilot.press("4")
        await pilot.pause()
        assert "★★★★☆ 4 of 5" in seen(pilot)
        app.studio.writing.say(page.story_id, "Mine.")
        page.reload()
        await pilot.press("tab", "k")
        await pilot.pause()
        assert "›▎ Mine." in seen(pilot)
        page.screen.text_select_all()
        await pilot.pause()
        assert "Mine." in reversed_text(app)
        app.push_screen(Confirm("Stop?", "It ends.", "Stop"))
        await pilot.pause()
        assert "No (n)" in reversed_text(app)
        await pilot.press("left")
        await pilot.pause()
        assert "Stop (y)" in reversed_text(app)
        await pilot.press("n", "ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await pilot.pause(0.3)
        await pilot.press("down")
        await pilot.pause(0.3)
        assert underlined(app)
        assert not colours(app)


async def test_no_notice_is_grave_by_its_colour_alone(running):
    from talecraft.errors import EngineError

    async with running((100, 40)) as (app, pilot):
        app.tell(EngineError("It broke.", "Mend it."))
        app.say("Odd.", severity="warning")
        app.say("Fine.")
        await pilot.pause()
        assert "That did not work: It broke. Mend it." in notices(pilot)
        assert "Careful: Odd." in notices(pilot)
        assert ": Fine." in notices(pilot)


async def test_a_ghost_is_told_below_the_composer(running, plain):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await typed(pilot, "The fox came.")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: page.composer.ghost)
        assert page.composer.suggestion == ""
        assert "It may go on: It sat still." in " ".join(words(pilot).split())


async def test_tokens_are_told_in_words(running, plain):
    async with running((120, 40)) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await pilot.press("tab", "t")
        await until(pilot, lambda: isinstance(app.screen, TokensScreen))
        await until(pilot, lambda: app.screen._flow.odds is not None)
        await pilot.pause()
        shown = seen(pilot)
        assert not set("●█▏␣↵") & set(shown)
        assert "1 The, 34 %, which stands there" in shown
        assert "Chosen: " in shown
        assert "1–10 %" not in shown, "a legend of colours"
