"""What the model sees: read, looked back at, and the notes changed from there."""

from __future__ import annotations

import pytest
from textual.widgets import Checkbox, Input, Label

from talecraft.app.screens.context import ContextScreen
from talecraft.app.screens.dialogs import Choose, Confirm
from talecraft.app.screens.form import Form, FormArea
from talecraft.app.screens.writing import WritingScreen
from talecraft.story.notes import AuthorsNote, Entry, Summary
from tests.app.conftest import begun, notices, seen, static, typed, until

WIDE = (120, 40)


async def opened(app, pilot) -> ContextScreen:
    await pilot.press("f6")
    await until(pilot, lambda: isinstance(app.screen, ContextScreen))
    await until(pilot, lambda: app.screen._event is not None)
    await pilot.pause()
    return app.screen


async def formed(app, pilot, key: str) -> Form:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(app.screen, Form))
    return app.screen


async def kept(app, pilot) -> None:
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(app.screen, ContextScreen))
    await until(pilot, lambda: app.screen._event is not None)
    await pilot.pause()


def rows(screen):
    return [(row.source, row.name, row.why) for row in screen._list.rows]


def notes(app):
    (story,) = app.studio.library.stories.list()
    return app.studio.notebook.of(story.id)


@pytest.mark.parametrize("size", [WIDE, (80, 24), (60, 16), (200, 60)])
async def test_all_parts_are_read_and_what_is_not_there_says_how_it_comes(running, size):
    async with running(size) as (app, pilot):
        await begun(app, pilot, "A harbour")
        screen = await opened(app, pilot)
        assert [source for source, _, _ in rows(screen)] == [
            "premise", "text", "memory", "note", "summary", "lore",
        ]  # fmt: skip
        assert "for the next passage" in static(pilot, "#context-head")
        assert "of 712 tokens" in static(pilot, "#context-head")
        assert "A harbour" in seen(pilot)
        await pilot.press("end")
        assert "n writes an entry" in seen(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))


async def test_the_draft_counts_as_the_writers_next_words(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await typed(pilot, "A gull came.")
        screen = await opened(app, pilot)
        assert rows(screen)[2][:2] == ("text", "2")
        assert "A gull came." in seen(pilot)
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        assert app.screen.composer.text == "A gull came."


async def test_the_memory_is_written_down_and_shown(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await opened(app, pilot)
        form = await formed(app, pilot, "m")
        assert isinstance(form.focused, FormArea)
        await typed(pilot, "It is winter.")
        await kept(app, pilot)
        assert notes(app).memory == "It is winter."
        assert rows(app.screen)[1] == ("memory", "", "")
        await pilot.press("down")
        form = await formed(app, pilot, "enter")
        await typed(pilot, " Still.")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await until(pilot, lambda: app.screen is form)
        assert form.query_one(FormArea).text == "It is winter. Still."
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, ContextScreen))
        assert notes(app).memory == "It is winter."


async def test_what_was_noted_is_taken_back_and_done_again(running):
    async with running(WIDE) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await opened(app, pilot)
        await formed(app, pilot, "m")
        await typed(pilot, "It is winter.")
        await kept(app, pilot)
        await pilot.press("ctrl+z")
        assert notes(app).memory == ""
        assert "The memory is as it was before." in notices(app)
        await pilot.press("ctrl+y")
        assert notes(app).memory == "It is winter."
        await pilot.press("ctrl+z", "ctrl+z")
        assert "the page takes it back" in notices(app)
        assert page.page.path, "what was done to the text stays"


async def test_a_form_is_not_lost_by_quitting(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await opened(app, pilot)
        form = await formed(app, pilot, "m")
        await typed(pilot, "It is winter.")
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert app.is_running
        assert app.screen is form
        assert "keep what you are writing down" in notices(app)
        app.end()
        assert notes(app).memory == "It is winter.", "the terminal has gone: it is kept"


async def test_a_note_stands_where_its_depth_says(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await opened(app, pilot)
        form = await formed(app, pilot, "a")
        await typed(pilot, "Let it rain.")
        depth = form.query_one("#form-depth", Input)
        depth.value = "-1"
        await pilot.press("ctrl+s")
        assert "0 or more" in notices(app)
        for wrong in ("+", "1_", "x"):
            depth.value = wrong
            await pilot.press("ctrl+s")
            assert "is no number" in notices(app)
            assert app.screen is form
        depth.value = "0"
        await kept(app, pilot)
        assert notes(app).note == AuthorsNote("Let it rain.", 0)
        assert [row[0] for row in rows(app.screen)][:3] == ["premise", "text", "note"]
        assert "[Let it rain.]" in seen(pilot)


async def test_an_entry_is_called_left_out_and_taken_out(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await opened(app, pilot)
        form = await formed(app, pilot, "n")
        await pilot.press("ctrl+s")
        assert "needs a title" in notices(app)
        form.query_one("#form-title", Input).value = "Mill"
        form.query_one(FormArea).text = "It burned."
        form.query_one("#form-keys", Input).value = "/mill{1,2}/, the fire"
        form.query_one("#form-character", Checkbox).value = False
        await kept(app, pilot)
        made = Entry("Mill", "It burned.", keys=("/mill{1,2}/", "the fire"))
        assert list(notes(app).entries.values()) == [made]
        form = await formed(app, pilot, "n")
        form.query_one("#form-title", Input).value = "mill"
        form.query_one(FormArea).text = "Another."
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert app.screen is form, "what cannot be kept stays where it was typed"
        assert "called Mill" in notices(app)
        form.query_one("#form-title", Input).value = ""
        form.query_one(FormArea).text = ""
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ContextScreen))
        screen = app.screen
        assert ("lore", "Mill", "not spoken of") in rows(screen)
        assert "1 part left out" in static(pilot, "#context-head")
        screen._list.choose("lore")
        form = await formed(app, pilot, "e")
        form.query_one("#form-always", Checkbox).value = True
        await kept(app, pilot)
        assert ("lore", "Mill", "") in rows(app.screen)
        app.screen._list.choose("lore")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, ContextScreen))
        assert notes(app).entries == {}
        app.screen._list.choose("premise")
        await pilot.press("x")
        assert "no entry to take out" in notices(app)


async def test_an_entry_is_drafted_from_the_storys_words(running, studio):
    story = studio.writing.new_story("A harbour.")
    for _ in range(3):
        studio.writing.say(story.id, "There was Marta again. They said Marta was the ferryman.")
    async with running(WIDE) as (app, pilot):
        app.open_story(story.id)
        await until(pilot, lambda: isinstance(app.screen, WritingScreen))
        await opened(app, pilot)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Form))
        assert "Marta was the ferryman." in app.screen.query_one(FormArea).text
        await kept(app, pilot)
        (entry,) = notes(app).entries.values()
        assert (entry.title, entry.kind) == ("Marta", "character")
        await pilot.press("l")
        await pilot.pause()
        assert "comes up three times" in notices(app)


async def test_old_plans_come_and_go(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await opened(app, pilot)
        assert "<think>" in seen(pilot)
        await pilot.press("o")
        await until(pilot, lambda: "earlier plans are not shown" in static(pilot, "#context-head"))
        await until(pilot, lambda: app.screen._event is not None)
        await pilot.pause()
        assert "<think>" not in seen(pilot)
        assert "prose alone" in notices(app)
        await pilot.press("o")
        assert notes(app).plans


async def test_the_story_so_far_can_be_told_in_ones_own_words(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await opened(app, pilot)
        await formed(app, pilot, "s")
        await typed(pilot, "They waited.")
        await kept(app, pilot)
        assert notes(app).summary == Summary("They waited.", 0)


async def test_a_note_may_hold_from_here_on_alone(running):
    async with running(WIDE) as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await opened(app, pilot)
        form = await formed(app, pilot, "m")
        await typed(pilot, "Later.")
        form.query_one("#form-here", Checkbox).value = True
        await kept(app, pilot)
        story = page.page.story
        assert app.studio.notebook.of(story.id).memory == "Later."
        assert app.studio.library.notes.at(story.id, None).memory == ""
        form = await formed(app, pilot, "m")
        told = [str(label.visual) for label in form.query(Label)]
        assert any("It holds from passage 1 of this branch on." in one for one in told)


async def test_looking_back_passage_by_passage(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        screen = await opened(app, pilot)
        assert not screen.check_action("other", (1,))
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "passage 1" in static(pilot, "#context-head"))
        await until(pilot, lambda: screen._event is not None)
        await pilot.pause()
        assert "What it was shown then." in seen(pilot)
        assert rows(screen) == [("text", "", "")], "what could be written down belongs to the next"
        assert not screen.check_action("other", (-1,))
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "for the next passage" in static(pilot, "#context-head"))


async def test_what_belongs_to_the_story_is_not_changed_here(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await opened(app, pilot)
        await pilot.press("enter")
        assert "premise" in notices(app)
        await pilot.press("down", "enter")
        assert "edits a passage on the page" in notices(app)


async def test_a_failure_is_one_line_and_the_notes_can_still_be_changed(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "PROMPTFAIL")
        screen = await opened(app, pilot)
        assert "The window is [/b] small. Choose another." in static(pilot, "#context-head")
        assert [row[0] for row in rows(screen)] == ["memory", "note", "summary", "lore"]
        await formed(app, pilot, "m")
        await typed(pilot, "It is winter.")
        await kept(app, pilot)
        assert notes(app).memory == "It is winter."
        assert ("memory", "", "") in rows(app.screen), "what is noted is shown all the same"
        assert "It is winter." in seen(pilot)
        app.studio.notebook.keep(1, Entry("Mill", "burned"))
        app.screen.reload()
        await until(pilot, lambda: ("lore", "Mill", "") in rows(app.screen))


async def test_hostile_notes_are_only_words(running):
    async with running(WIDE) as (app, pilot):
        await begun(app, pilot, "A harbour")
        await opened(app, pilot)
        form = await formed(app, pilot, "m")
        form.query_one(FormArea).text = "[/oops] \x1b]52;c;ZXZpbA==\x07[red]x"
        await kept(app, pilot)
        assert notes(app).memory == "[/oops] [red]x"
        assert "[/oops] [red]x" in seen(pilot)
