"""A paste that no composer can hold: asked about at once, and put where the writer wants it."""

from __future__ import annotations

import time

import pytest
from textual import events
from textual.widgets import Input

from talecraft.app.pasting import PasteParser
from talecraft.app.screens.opening import OpeningScreen
from talecraft.app.screens.pasting import LongPaste
from talecraft.app.screens.tree import TreeScreen
from talecraft.app.widgets.text_area import PASTE_LIMIT
from talecraft.errors import LibraryError
from talecraft.story.splitting import passages
from talecraft.studio import reading
from tests.app.conftest import begun, finished, notices, page_of, seen, typed, until

HOSTILE = "The keeper counted ships\r\nb\x00\ud800\x1b[2J\x9b31mc lit the lamp.\n"
LONG = HOSTILE * 20_000  # a megabyte
FIRST_LINE = 2  # words


async def asked(app, pilot, text: str) -> None:
    app.post_message(events.Paste(text))
    await until(pilot, lambda: isinstance(app.screen, LongPaste))
    await pilot.pause()


async def test_it_is_asked_about_within_a_second_and_its_beginning_taken(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await typed(pilot, "so ")
        started = time.process_time()
        await asked(app, pilot, LONG)
        assert time.process_time() - started < 1.0
        assert f"{len(LONG):,} characters" in seen(pilot)
        await pilot.press("b")
        await until(pilot, lambda: len(page.composer.text) > 3)
        assert len(page.composer.text) <= PASTE_LIMIT + 3
        assert page.composer.text.startswith("so The keeper counted ships\nbc lit the lamp.\nThe")
        page.composer.text.encode()


async def test_all_of_it_goes_into_the_story_as_passages_of_ones_own(running, studio):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await asked(app, pilot, LONG)
        await pilot.press("enter")
        await until(pilot, lambda: "160,000 words are in the story now" in notices(pilot))
        path = reading.page(studio.library, page.story_id).path
        assert {turn.author for turn in path} == {"writer"}
        assert max(len(turn.prose) for turn in path) <= 4_000
        told = " ".join(turn.prose for turn in path).split()
        assert told == ("The keeper counted ships bc lit the lamp. " * 20_000).split()
        assert "bc lit the lamp." in seen(pilot)
        studio.branching.undo(page.story_id)
        assert not reading.page(studio.library, page.story_id).path, "one step takes all back"


async def test_escape_leaves_it(running, studio):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        await asked(app, pilot, LONG)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is page)
        assert page.composer.text == ""
        assert not reading.page(studio.library, page.story_id).path


async def test_while_the_model_writes_the_story_waits_and_the_question_stays(running):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("SLOW harbour").id)
        await pilot.press("enter")
        await until(pilot, lambda: app.live and app.live.prose)
        await asked(app, pilot, LONG)
        await pilot.press("s")
        assert "still writing" in notices(pilot)
        assert isinstance(app.screen, LongPaste)
        app.studio.writing.stop()
        await finished(app, pilot)
        await pilot.press("s")
        await until(pilot, lambda: page.words > 159_000)


async def test_what_the_disk_refuses_is_asked_about_again(running, monkeypatch):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)

        def full(*_: object) -> int:
            raise LibraryError("The disk is full.")

        monkeypatch.setattr(app.studio.writing, "take_in", full)
        await asked(app, pilot, LONG)
        question = app.screen
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, LongPaste) and app.screen is not question)
        assert "The disk is full." in notices(pilot)
        monkeypatch.undo()
        await pilot.press("s")
        await until(pilot, lambda: page.words == 160_000 + FIRST_LINE)


async def test_nothing_else_is_begun_and_nobody_quits_before_it_is_in(running, monkeypatch):
    async with running() as (app, pilot):
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        page.taking_in = True
        await pilot.press("enter")
        assert app.live is None
        await pilot.press("ctrl+q")
        assert "still being put into the story" in notices(pilot)
        assert app.is_running
        page.taking_in = False


async def test_where_there_is_no_story_only_a_beginning_can_be_taken(running):
    async with running() as (app, pilot):
        await until(pilot, lambda: isinstance(app.screen, OpeningScreen))
        await asked(app, pilot, LONG)
        assert "Into the story" not in seen(pilot)
        await pilot.press("s")
        assert isinstance(app.screen, LongPaste)
        await pilot.press("b")
        await until(pilot, lambda: app.screen.composer.text)


def heard(pieces: list[str]) -> list[tuple[str, str]]:
    """What the parser makes of input that comes in these pieces."""
    parser = PasteParser()
    found = [event for piece in pieces for event in parser.feed(piece)]
    return [
        ("paste", event.text) if isinstance(event, events.Paste) else ("key", event.key)
        for event in found
        if isinstance(event, events.Paste | events.Key)
    ]


@pytest.mark.parametrize("size", [6, 7, 8, 11, 100])
def test_a_paste_is_read_whole_however_it_is_cut(size):
    text = "one \x1b[31mtwo\x1b[20 three\x1b"
    data = f"\x1b[200~{text}\x1b[201~x\x1b[200~second\x1b[201~"
    first, rest = data[:6], data[6:]
    pieces = [first, *(rest[i : i + size] for i in range(0, len(rest), size))]
    found = heard(pieces)
    assert found[0] == ("paste", text)
    if size >= 11:  # the second one's sign is not cut
        assert found[1:] == [("key", "x"), ("paste", "second")]


def test_keys_around_a_paste_stay_keys():
    assert heard(["a\x1b[200~pa", "ste\x1b[201~b"]) == [
        ("key", "a"),
        ("paste", "paste"),
        ("key", "b"),
    ]


@pytest.mark.parametrize(
    "text", ["word " * 5_000, "x" * 10_000, "a\n\n" * 6_000, "One line.\n" * 3_000, "", " \n ", "é"]
)
def test_passages_lose_no_word_and_are_never_too_long(text):
    found = list(passages(text, 1_000))
    assert all(0 < len(one) <= 1_000 for one in found)
    glue = "" if " " not in text and "\n" not in text else " "
    assert glue.join(found).split() == text.split()


async def test_pasted_where_nothing_is_typed_it_goes_into_the_composer(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab")
        assert app.focused is page.manuscript
        app.post_message(events.Paste("She came back."))
        await until(pilot, lambda: page.composer.text == "She came back.")


async def test_a_passage_being_edited_takes_the_beginning_of_it(running):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await pilot.press("tab", "e")
        before = len(page.editor.text)
        await asked(app, pilot, LONG)
        assert "into the passage" in seen(pilot)
        assert "Into the story" not in seen(pilot)
        await pilot.press("b")
        await until(pilot, lambda: len(page.editor.text) > before)
        assert len(page.editor.text) <= before + PASTE_LIMIT
        assert page.composer.text == ""


async def test_lines_of_dialogs_take_no_escapes_and_no_megabytes(running):
    async with running() as (app, pilot):
        await begun(app, pilot, "A harbour")
        await pilot.press("f4")
        await until(pilot, lambda: isinstance(app.screen, TreeScreen))
        await pilot.press("slash")
        await until(pilot, lambda: isinstance(app.focused, Input))
        app.post_message(events.Paste(LONG))
        await until(pilot, lambda: app.focused.value)
        value = app.focused.value
        assert value.startswith("The keeper counted ships bc lit the lamp. The")
        assert len(value) <= app.focused.max_length
