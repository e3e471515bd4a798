"""The window's title and the desktop's notices: what they say, and that no text breaks out."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talecraft.app import manners, terminal
from talecraft.app.terminal import BELL, POP, PUSH, Terminal
from talecraft.story.clean import bounded
from tests.app.conftest import (
    HandRun,
    begun,
    finished,
    outcome,
    page_of,
    phase_events,
    step,
    until,
)

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b2J\x9dx\x9c\x07;9;4;1;50\n\r\x1b\\"
# Hostile on purpose: all control characters, and text that means something in such a sequence.
TEXTS = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from("\x1b\x07\x9c\x9d\x9b\x90\x00\x18\x1a\r\n;]\\"),
    )
)
SEQUENCE = re.compile(rb"\x1b\](?:2;|9;Talecraft: |777;notify;Talecraft;)([^\x00-\x1f\x7f]*)\x07")


@given(TEXTS)
@settings(max_examples=1000, deadline=None)
def test_no_text_breaks_out_of_its_sequence(text: str) -> None:
    for environment in ({}, {"TERM": "rxvt-unicode"}, {"VTE_VERSION": "7600"}):
        for made in (terminal.title(text), terminal.notice(text, environment)):
            data = made.encode()
            match = SEQUENCE.fullmatch(data)
            assert match is not None, data
            inner = match[1].decode()
            assert not any("\x80" <= sign <= "\x9f" for sign in inner)
            assert len(inner) <= terminal.NOTICE_LIMIT
    assert terminal.notice(text, {}).count(";") == 1  # no fields, and no ConEmu command
    assert len(terminal.title(text)) <= terminal.TITLE_LIMIT + len("\x1b]2;" + BELL)


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_a_terminal_takes_all_of_it_as_title_and_nothing_as_text(text: str) -> None:
    screen = pyte.Screen(40, 5)
    stream = pyte.ByteStream(screen)
    stream.feed(terminal.title(text).encode())
    assert screen.title == bounded(text, terminal.TITLE_LIMIT)
    assert "".join(screen.display).strip() == ""
    assert (screen.cursor.x, screen.cursor.y) == (0, 0)


def test_a_title_is_remembered_said_when_it_changes_and_given_back() -> None:
    written: list[str] = []
    own = Terminal(written.append)
    own.show_title("nothing yet")
    own.notify("nothing yet")
    own.release()
    assert written == []
    own.take()
    own.take()
    own.show_title("● writing", "", "The Fox", "Talecraft")
    own.show_title("● writing", "The Fox", "Talecraft")
    own.release()
    own.release()
    assert written == [PUSH, "\x1b]2;● writing – The Fox – Talecraft\x07", "\x1b]2;\x07" + POP]


@pytest.mark.parametrize("kind", ["", "dumb", "linux"])
def test_a_terminal_that_would_print_it_is_left_alone(kind: str, monkeypatch) -> None:
    monkeypatch.setattr(sys, "__stderr__", type("Tty", (), {"isatty": lambda self: True})())
    assert terminal.usable({"TERM": "xterm-256color"})
    assert not terminal.usable({"TERM": kind})
    monkeypatch.setattr(sys, "__stderr__", type("File", (), {"isatty": lambda self: False})())
    assert not terminal.usable({"TERM": "xterm-256color"})


# ------------------------------------------------------------------ the page
@pytest.fixture
def heard(running):
    """An app whose terminal is a list of what was written to it."""

    def listen(app) -> list[str]:
        written: list[str] = []
        app.terminal = Terminal(written.append)
        app.terminal.take()
        app.refresh_status()
        return written

    return listen


def titles(written: list[str]) -> list[str]:
    return [one[4:-1] for one in written if one.startswith("\x1b]2;")]


async def test_the_title_tells_story_and_state(running, heard):
    async with running() as (app, pilot):
        written = heard(app)
        assert titles(written) == ["Talecraft"]
        story = app.studio.writing.new_story("SLOW harbour", f"The Fox{EVIL}").id
        await page_of(app, pilot, story)
        assert titles(written)[-1] == "The Fox;9;4;1;50 – Talecraft"
        await pilot.press("enter")
        await until(pilot, lambda: app.live)
        await until(pilot, lambda: titles(written)[-1].startswith("● writing – The Fox"))
        await pilot.press("escape")
        await finished(app, pilot)
        assert "● stopping – The Fox;9;4;1;50 – Talecraft" in titles(written)
        assert titles(written)[-1].startswith("The Fox")
        await pilot.press("escape")
        await until(pilot, lambda: titles(written)[-1] == "Talecraft")


async def test_no_test_and_no_pipe_is_written_to(running):
    async with running(loaded=False) as (app, _pilot):
        assert app.is_headless
        assert not app.terminal._taken


async def test_the_end_of_a_run_is_told_on_the_desktop(running, heard, studio, place):
    run = HandRun(place, studio)
    run.say(*phase_events(), *[step(n) for n in range(1, 8)])
    async with running() as (app, pilot):
        written = heard(app)
        await until(pilot, lambda: app.run_watch is not None)
        await until(pilot, lambda: "training 43 % – Talecraft" in titles(written))
        run.say(outcome("rejected", f"No{EVIL}"))
        run.end()
        await until(pilot, lambda: app.run_watch is None)
        assert titles(written)[-1] == "Talecraft"
    told = [one for one in written if one.startswith("\x1b]9;")]
    assert len(told) == 1
    assert told[0].startswith("\x1b]9;Talecraft: Training: not adopted. preferred on 72")
    assert told[0].endswith(BELL + BELL)


@pytest.mark.parametrize(
    ("seconds", "focused", "notify", "told"),
    [(0.0, False, True, 1), (0.0, True, True, 0), (60.0, False, True, 0), (0.0, False, False, 0)],
)
async def test_a_long_passage_is_told_to_who_is_elsewhere(
    running, heard, place, monkeypatch, seconds, focused, notify, told
):
    monkeypatch.setattr(manners, "LONG_SECONDS", seconds)
    place.settings_file.parent.mkdir(parents=True)
    place.settings_file.write_text(f"[page]\nnotify = {str(notify).lower()}\n")
    async with running() as (app, pilot):
        written = heard(app)
        page = await page_of(app, pilot, app.studio.writing.new_story("A harbour").id)
        page._go_on("")
        app.app_focus = focused
        await finished(app, pilot)
        assert sum(one.startswith("\x1b]9;") for one in written) == told


async def test_the_title_is_given_back_while_another_program_has_the_terminal(running, heard):
    async with running() as (app, pilot):
        written = heard(app)
        await begun(app, pilot, "A harbour")
        app.terminal.release()
        app.terminal.take()
        app.refresh_status()
        assert written[-3:] == ["\x1b]2;\x07" + POP, PUSH, "\x1b]2;A harbour – Talecraft\x07"]


# ------------------------------------------------------------------ the real program
def test_bytes_on_a_real_terminal(tmp_path: Path) -> None:
    """From start to end on a pseudo-terminal: the title pushed, set, and popped last of all."""
    from talecraft.paths import Home
    from talecraft.studio import Studio

    base = tmp_path / "home"
    with Studio(at=Home(base / "data", base / "config", base / "cache", base / "logs")) as studio:
        studio.writing.new_story(f"A fox{EVIL}", f"The Fox{EVIL}")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "TALECRAFT_HOME": str(base)}
    process = subprocess.Popen(
        [sys.executable, "-m", "talecraft", "--no-color"],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    data = b""

    def until_seen(sign: bytes) -> None:
        nonlocal data
        end = time.monotonic() + 60
        while sign not in data:
            assert time.monotonic() < end, data[-2000:]
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    data += os.read(ours, 65536)
                except OSError:
                    return

    try:
        until_seen(b"\x1b]2;Talecraft\x07")
        until_seen(b"The Fox")
        os.write(ours, b"\r")  # open it
        until_seen(b"\x1b]2;The Fox;9;4;1;50 \xe2\x80\x93 Talecraft\x07")
        os.write(ours, b"\x11")
        until_seen(POP.encode())
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert data.index(PUSH.encode()) < data.index(b"\x1b]2;Talecraft\x07")
    assert data.count(POP.encode()) == 1
    assert b"owned" not in data
    assert not re.search(rb"\x1b\[[0-9;]*\b[34]8;[25];", data)  # and --no-color is kept
