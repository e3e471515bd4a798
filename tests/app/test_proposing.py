"""In the editor: a span told otherwise, a text at the cursor, proposed in place."""

from __future__ import annotations

from talecraft.app.widgets.proposal import ProposalView
from tests.app.conftest import begun, notices, seen, typed, until

FIRST = "The fox waited where the nets were drying, and nobody asked it why."


async def editing(pilot, page) -> None:
    await pilot.press("tab", "e")
    await until(pilot, lambda: page.editor.has_focus)


async def selecting(pilot, page, words=FIRST) -> None:
    """In the editor, with `words` selected."""
    await editing(pilot, page)
    start = page.editor.text.index(words)
    page.editor.move_cursor((0, start))
    page.editor.move_cursor((0, start + len(words)), select=True)
    await pilot.pause()


async def proposed(pilot, page) -> None:
    await until(pilot, lambda: page.proposal.is_open and not page.proposal.waiting)


async def test_a_span_is_rewritten_in_place_and_taken_into_the_edit(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        turn = page.page.path[0]
        await selecting(pilot, page)
        assert "Alt+R rewrites" in seen(pilot)
        await pilot.press("alt+r")
        await proposed(pilot, page)
        text = " ".join(seen(pilot).split())
        assert f"[-{FIRST}-]" in text
        assert "{+It was in no hurry.+} At noon a boat" in text, "what leads best to what follows"
        assert page.editor.text == turn.prose, "nothing is changed yet"
        await pilot.press("enter")
        await until(pilot, lambda: not page.proposal.is_open)
        assert page.editor.text == turn.prose.replace(FIRST, "It was in no hurry.")
        assert page.editor.has_focus
        await pilot.press("ctrl+z")
        assert page.editor.text == turn.prose
        await pilot.press("ctrl+y", "escape")
        await until(pilot, lambda: not page.editor.is_open)
        kept = app.studio.branching.texts(turn.id)[-1].prose
        assert kept.startswith("It was in no hurry. At noon")
        assert [one.kind for one in app.studio.writing.opinions(turn.id)] == ["edit"]


async def test_esc_leaves_the_text_and_another_is_one_key_away(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        before = page.page.path[0].prose
        await selecting(pilot, page)
        await pilot.press("alt+r")
        await proposed(pilot, page)
        assert "1 of 4" in seen(pilot)
        await pilot.press("r")
        assert "{+It counted the gulls.+}" in seen(pilot)
        await pilot.press("r", "r", "r")
        await proposed(pilot, page)
        assert "1 of 4" in seen(pilot), "the model has written more"
        await pilot.press("escape")
        assert not page.proposal.is_open
        assert page.editor.is_open
        assert page.editor.text == before
        assert page.editor.selected_text == FIRST


async def test_what_is_taken_is_liked_better_than_what_was_seen_before_it(running, studio):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        story = page.story_id
        await selecting(pilot, page)
        await pilot.press("alt+r")
        await proposed(pilot, page)
        await pilot.press("r", "tab")
        await until(pilot, lambda: not page.proposal.is_open)
        assert "It counted the gulls." in page.editor.text
        assert studio.library.feedback.of_story(story) == [], "nothing is kept yet"
        await pilot.press("escape")
        await until(pilot, lambda: not page.editor.is_open)
        log = [one for one in studio.library.feedback.of_story(story) if one.kind == "choice"]
        (choice,) = log
        taken, passed = (studio.library.stories.turn(n) for n in (choice.turn_id, *choice.others))
        assert taken.trial
        assert passed.trial
        assert taken.prose.endswith("It counted the gulls.")
        assert passed.prose.endswith("It was in no hurry.")
        assert choice.tags == ("span",)


async def test_expand_shorten_and_describe_have_their_keys_here_and_there(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        before = page.page.path[0].prose
        await selecting(pilot, page)
        for key, how in (("alt+e", "expand"), ("alt+s", "shorten"), ("alt+d", "describe")):
            await pilot.press(key)
            await proposed(pilot, page)
            assert page.proposal.how == how
            await pilot.press("escape")
        await pilot.press("alt+r")
        await proposed(pilot, page)
        for key, how in (("e", "expand"), ("s", "shorten"), ("d", "describe")):
            await pilot.press(key)
            await proposed(pilot, page)
            assert page.proposal.how == how
        assert f"{FIRST} {{+It was in no hurry.+}}" in " ".join(seen(pilot).split())
        await pilot.press("enter")
        await until(pilot, lambda: not page.proposal.is_open)
        assert page.editor.text == before.replace(FIRST, f"{FIRST} It was in no hurry.")


async def test_the_model_writes_at_the_cursor_what_leads_on(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        before = page.page.path[0].prose
        await editing(pilot, page)
        page.editor.move_cursor((0, len(FIRST) + 1))
        await pilot.press("ctrl+@")
        await proposed(pilot, page)
        text = " ".join(seen(pilot).split())
        assert f"{FIRST} {{+It was in no hurry.+}} At noon" in text
        assert "[-" not in text
        await pilot.press("tab")
        await until(pilot, lambda: not page.proposal.is_open)
        assert page.editor.text == before.replace(FIRST, f"{FIRST} It was in no hurry.")


async def test_keys_for_a_span_want_one_and_the_palette_knows(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        editor = page.editor
        assert not editor.check_action("ask", ("rewrite",)), "it is not open"
        await editing(pilot, page)
        assert not editor.check_action("ask", ("rewrite",))
        assert editor.check_action("ask", ("insert",))
        await pilot.press("alt+r")
        assert not page.proposal.is_open
        await pilot.press("shift+home")
        assert editor.check_action("ask", ("rewrite",))
        assert not editor.check_action("ask", ("insert",))
        await pilot.press("ctrl+p", *"fully")
        await until(pilot, lambda: "tell them more fully" in seen(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: page.proposal.is_open)
        assert page.proposal.how == "expand"


async def test_while_the_model_writes_esc_gives_it_up_and_enter_takes_nothing(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await editing(pilot, page)
        # The scripted engine looks at the context: a long passage's beginning is part of it.
        page.editor.load_text("SLOW " * 300 + "The fox waited.")
        page.editor.move_cursor((0, 1500))
        page.editor.move_cursor((0, 1515), select=True)
        await pilot.press("alt+r")
        assert page.proposal.waiting
        assert "The model is writing" in seen(pilot)
        await pilot.press("enter", "tab", "r")
        assert page.proposal.has_focus
        assert page.proposal.waiting
        await pilot.press("escape")
        assert not page.proposal.is_open
        assert page.editor.has_focus
        await until(pilot, lambda: app.phase.phase == "ready")
        assert not page.proposal.is_open
        assert notices(pilot) == ""


async def test_nothing_else_is_said_and_the_text_stays(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "NOTHING harbour")
        await selecting(pilot, page)
        await pilot.press("alt+r")
        await until(pilot, lambda: not page.proposal.is_open)
        assert "wrote nothing else" in notices(pilot)
        assert page.editor.has_focus


async def test_hostile_proposals_are_letters(running):
    for word, shown in (("MARKUP", "[red]blood[/red]"), ("ESCAPES", "before after end")):
        async with running((120, 40)) as (app, pilot):
            page = await begun(app, pilot, f"{word} harbour")
            await editing(pilot, page)
            page.editor.load_text("The fox waited. [/oops] At noon.")
            page.editor.move_cursor((0, 15), select=True)
            await pilot.press("alt+r")
            await proposed(pilot, page)
            text = seen(pilot)
            assert shown in text.replace("\n", " ")
            assert "\x1b" not in text
            await pilot.press("enter")
            await until(pilot, lambda p=page: not p.proposal.is_open)
            assert "\x1b" not in page.editor.text


async def test_a_plan_has_no_spans(running):
    async with running((120, 40)) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab", "p")
        await until(pilot, lambda: page.plan_pane.has_focus)
        await pilot.press("e")
        await until(pilot, lambda: page.editor.has_focus)
        page.editor.select_all()
        await pilot.press("alt+r", "ctrl+@")
        assert not page.proposal.is_open


async def test_a_small_window_and_another_size_keep_the_proposal_in_sight(running):
    async with running((60, 16)) as (app, pilot):
        page = await begun(app, pilot, "LONG harbour")
        await editing(pilot, page)
        page.editor.load_text("Word and word. " * 60 + FIRST + " And word." * 60)
        page.editor.move_cursor((0, 900))
        page.editor.move_cursor((0, 900 + len(FIRST)), select=True)
        await pilot.press("alt+r")
        await proposed(pilot, page)
        await until(pilot, lambda: "in no hurry.+}" in seen(pilot))
        for size in ((100, 30), (40, 12), (200, 60), (60, 16)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
        view = page.query_one(ProposalView)
        assert page.manuscript.region.y <= view.region.y
        assert view.region.bottom <= page.manuscript.region.bottom
        await typed(pilot, "x")
        assert page.proposal.is_open


async def test_what_was_taken_and_undone_is_no_opinion(running, studio):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await selecting(pilot, page)
        await pilot.press("alt+r")
        await proposed(pilot, page)
        await pilot.press("r", "tab")
        await until(pilot, lambda: not page.proposal.is_open)
        await pilot.press("ctrl+z", "escape")
        await until(pilot, lambda: not page.editor.is_open)
        assert studio.library.feedback.of_story(page.story_id) == []


async def test_under_a_proposal_nothing_is_typed(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await selecting(pilot, page)
        await pilot.press("alt+r")
        await proposed(pilot, page)
        before = page.editor.text
        await pilot.press("shift+tab", "q")
        assert page.proposal.has_focus
        assert page.editor.text == before
        await pilot.press("escape", "Q")
        assert "Q" in page.editor.text
