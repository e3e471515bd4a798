"""What models and files say is shown, never obeyed: in every widget, notice, title and export.

`pytest tests/app/test_hostile.py --rounds 100` puts 10,000 strings through each of the ways; the
suite a few hundred.
"""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from textual.content import Content

from talecraft.app.live import Live
from talecraft.app.messages import TextArrived
from talecraft.app.screens.dialogs import AskName, Confirm
from talecraft.app.text import said
from talecraft.app.widgets.blocks import Column, Setting
from talecraft.app.widgets.pages import Layout, Stream
from talecraft.app.widgets.wrapping import NARROWEST, wrap
from talecraft.process.messages import Delta
from talecraft.story.clean import CleanStream, clean, clean_line
from talecraft.story.turns import Story, Turn
from talecraft.studio import exporting
from talecraft.studio.reading import Page
from tests.app.conftest import generation, outcome, page_of, past_run, seen, until
from tests.support import hostile
from tests.support.terminal import ENTER, Terminal

A_ROUND = 100  # strings


def strings(nth: tuple[int, int]) -> tuple[random.Random, list[str]]:
    dice = random.Random(nth[0])
    return dice, [hostile.text(dice) for _ in range(A_ROUND)]


def storable(text: str) -> str:
    """As it comes, but for half characters, which no database takes."""
    return text.encode(errors="ignore").decode()


def harmless(shown: str) -> None:
    found = hostile.FORBIDDEN.search(shown)
    assert found is None, f"{found!r} in {shown!r}"


# ---------------------------------------------------------------------- without a screen
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=hostile.texts)
def test_every_line_of_the_manuscript_fits_and_is_harmless(text):
    """A pure twin of the page, so that many strings can be tried."""
    layout = Layout()
    layout.width = 30
    turn = Turn(1, 1, None, "model", text, text, "")
    story = Story(1, text, text, 1, "", "")
    column = Column(Setting(layout).blocks(Page(story, [turn], 1, 1, {}, 0), 1, (text, False)))
    column.measure(0, column.height)
    for row in range(column.height):
        harmless(column.line(row).text)
    for line, _ in wrap(clean_line(text), 30):
        harmless(line)


@pytest.mark.rounds(1)
def test_a_stream_in_pieces_is_the_text_as_a_whole(nth):
    dice, texts = strings(nth)
    layout = Layout()
    layout.width = NARROWEST
    for text in texts:
        stream, lines, told = CleanStream(), Stream(layout, 0), ""
        for piece in hostile.cut(dice, text):
            told += stream.feed(piece)
            harmless("".join(line.text for line in lines.lines(told)))
        assert told + stream.close() == clean(text)


@pytest.mark.rounds(1)
def test_exports_and_their_names_are_harmless(nth):
    for text in strings(nth)[1]:
        story = Story(1, clean_line(text) or "x", clean(text), 1, "", "")
        turn = Turn(1, 1, None, "model", clean(text), clean(text), "")
        for form in ("txt", "md"):
            exported = exporting.render(story, [turn], form, outlines=True)
            harmless(exported)
            exported.encode()
        assert re.fullmatch(r"[a-z0-9-]+", exporting.file_name(text))


@pytest.mark.rounds(1)
def test_said_is_literal(nth):
    for text in strings(nth)[1]:
        content = said((text, "bold"), text)
        assert isinstance(content, Content)
        assert content.plain == clean(text) * 2
        harmless(content.plain)


# ---------------------------------------------------------------------- on the screens
@pytest.mark.rounds(1)
async def test_the_page_shows_them_and_obeys_none(running, studio, nth):
    """As premise, title, passages and plans, stream, draft, notice and dialog."""
    dice, texts = strings(nth)
    async with running((100, 30)) as (app, pilot):
        story = studio.writing.new_story(f"x{texts[0]}", f"x{texts[1]}")
        leaf = None
        for author, text in zip("mw" * len(texts), texts, strict=False):
            who = "model" if author == "m" else "writer"
            leaf = studio.library.stories.add_turn(
                story.id, leaf, who, storable(text), storable(text),
                generation(studio) if who == "model" else None,
            ).id  # fmt: skip
        page = await page_of(app, pilot, story.id)
        while page.manuscript.scroll_y > 0:
            harmless(seen(pilot))
            await pilot.press("pageup")
        live = app.live = Live(9, story.id, len(page.page.path))
        page.reload()
        page.manuscript.scroll_end(animate=False)
        for number, text in enumerate(texts):
            for piece in hostile.cut(dice, text):
                part = dice.choice(("think", "prose"))
                app.post_message(TextArrived(Delta(9, part, piece)))
            if number % 10 == 0:
                await pilot.pause(0.06)
                harmless(seen(pilot))
        for part in ("think", "prose"):
            app.post_message(TextArrived(Delta(9, part, "\nover")))
        await until(pilot, lambda: live.prose.endswith("over") and live.outline.endswith("over"))
        await pilot.pause(0.06)
        harmless(seen(pilot))
        app.live = None
        page.reload()
        for text in dice.sample(texts, 6):
            app.say(text, text)
            page.composer.set_text(text)
            await pilot.pause()
            harmless(seen(pilot))
            app.clear_notifications()
        for text in dice.sample(texts, 3):
            for dialog in (AskName(text, text), Confirm(text, text, text)):
                app.push_screen(dialog)
                await pilot.pause()
                harmless(seen(pilot))
                app.pop_screen()
        assert app.is_running, "none was obeyed"
        assert app.title == "Talecraft"


@pytest.mark.rounds(1)
async def test_library_training_and_status_show_them_and_obey_none(running, studio, nth):
    _, texts = strings(nth)
    for title, premise in zip(texts[:12], texts[12:24], strict=True):
        studio.writing.new_story(f"x{premise}", f"x{title}")
    for text in texts[24:30]:
        past_run(studio, outcome("rejected", storable(text)), error=storable(text))
    async with running((100, 40)) as (app, pilot):
        harmless(seen(pilot))
        await pilot.press("f3")
        await until(pilot, lambda: "Train" in seen(pilot))
        harmless(seen(pilot))
        assert app.is_running


# ---------------------------------------------------------------------- the bytes themselves
# All that Textual itself sends: colours and places, modes, its questions, the pointer's shape.
_OWN = re.compile(
    r"\x1b\[[0-9;:]*[mH]|\x1b\[\?[0-9;]*h|\x1b\[\?(?:2026|25|1004|7)l"
    r"|\x1b\[2[23];2t|\x1b\]2;[^\x00-\x1f\x7f]*\x07"  # the window's title
    r"|\x1b\[\?20[0-9]{2}\$p|\x1b\[>[0-9;]*u|\x1b\]22;default\x07"
)


def comes(terminal: Terminal, words: str) -> None:
    """Wait for `words` among the bytes: pyte's own picture of a screen fails on some accents."""
    deadline = time.monotonic() + 60
    while words.encode() not in terminal.sent:
        terminal.read()
        assert time.monotonic() < deadline, terminal.sent[-2000:]


@pytest.mark.rounds(1)
def test_the_bytes_a_terminal_gets(own_home, nth):
    """The program in a pseudo-terminal on a library of hostile texts; all its bytes are read."""
    from talecraft.studio import Studio

    _, texts = strings(nth)
    with Studio() as studio:
        story = studio.writing.new_story(f"x{texts[0]}", f"x{texts[1]}")
        leaf = None
        for text in texts:
            leaf = studio.library.stories.add_turn(
                story.id, leaf, "model", storable(text), "- a",
                generation(studio),
            ).id  # fmt: skip
        studio.library.stories.save_draft(story.id, clean(texts[2]))
    terminal = Terminal(own_home, ("-m", "tests.support.page"))
    comes(terminal, "ready")
    terminal.press(ENTER)
    comes(terminal, "puts it into the story")
    for _ in range(30):
        terminal.press("\x1b[5~")
        terminal.read(0.02)
    terminal.child.close(force=True)
    sent_text = bytes(terminal.sent).decode()
    harmless(_OWN.sub("", sent_text).replace("\r", ""))
    assert len(sent_text) > 10_000
