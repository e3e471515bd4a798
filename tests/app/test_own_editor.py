"""Ctrl+E on the page: the text goes to the writer's own editor and comes back."""

from __future__ import annotations

import sys
from contextlib import contextmanager

import pytest

from tests.app.conftest import begun, notices, seen, typed, until
from tests.support.terminal import ENTER, QUIT, Terminal


@pytest.fixture
def editor(tmp_path, monkeypatch):
    """Set an editor that runs `code`, in a terminal that can be lent."""
    lent = []

    @contextmanager
    def suspend(self):
        lent.append(self)
        yield

    monkeypatch.setattr("textual.app.App.suspend", suspend)

    def set_it(code: str):
        script = tmp_path / "editor.py"
        begin = "import pathlib, sys\nfile = pathlib.Path(sys.argv[1])\n"
        script.write_text(begin + code)
        monkeypatch.setenv("VISUAL", f"'{sys.executable}' '{script}'")
        return lent

    return set_it


async def editing(pilot, page) -> None:
    await pilot.press("tab", "e")
    await until(pilot, lambda: page.editor.has_focus)


async def test_the_draft_comes_back_from_the_editor_and_is_kept(running, editor):
    lent = editor("file.write_text(file.read_text().upper() + 'MORE')")
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await typed(pilot, "Rain fell.")
        await pilot.press("ctrl+e")
        assert lent == [app]
        assert page.composer.text == "RAIN FELL.\nMORE"
        assert page.composer.has_focus
        story = page.story_id
        drafts = app.studio.library.stories
        await until(pilot, lambda: drafts.get(story).draft == "RAIN FELL.\nMORE")
        await pilot.press("ctrl+z")
        assert page.composer.text == "Rain fell."


async def test_the_passage_being_edited_comes_back_and_is_not_yet_kept(running, editor):
    editor("file.write_text('[red]Cut[/red] \\x1b[2Jshort.')")
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        first = page.page.path[0]
        await editing(pilot, page)
        await pilot.press("ctrl+e")
        assert page.editor.is_open
        assert page.editor.text == "[red]Cut[/red] short."
        assert app.studio.branching.texts(first.id)[-1].prose == first.prose
        await pilot.press("ctrl+z")
        assert page.editor.text == first.prose
        await pilot.press("ctrl+y", "escape")
        await until(pilot, lambda: not page.editor.is_open)
        assert app.studio.branching.texts(first.id)[-1].prose == "[red]Cut[/red] short."
        assert "[red]Cut[/red] short." in seen(pilot)


async def test_what_was_typed_is_on_disk_before_the_editor_has_it(running, editor, studio):
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        found = []
        editor("sys.exit(1)")
        lending = page.save_draft

        def saved() -> bool:
            done = lending()
            found.append(studio.library.stories.get(page.story_id).draft)
            return done

        page.save_draft = saved
        await typed(pilot, "Rain")
        await pilot.press("ctrl+e")
        assert found[0] == "Rain"
        assert page.composer.text == "Rain"
        assert "ended badly (exit 1)" in notices(pilot)


@pytest.mark.parametrize("set_to", [None, "nonesuch-editor"])
async def test_no_editor_is_one_notice(running, monkeypatch, set_to):
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    if set_to:
        monkeypatch.setenv("EDITOR", set_to)
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await typed(pilot, "Rain")
        await pilot.press("ctrl+e")
        await pilot.pause()
        assert "EDITOR" in notices(pilot)
        assert page.composer.text == "Rain"


async def test_a_terminal_that_cannot_be_lent_says_so(running, monkeypatch, place):
    monkeypatch.setenv("VISUAL", "true")
    async with running() as (app, pilot):
        page = await begun(app, pilot, "A harbour")
        await typed(pilot, "Rain")
        await pilot.press("ctrl+e")
        await pilot.pause()
        assert "cannot be lent" in notices(pilot)
        assert page.composer.text == "Rain"
        assert list((place.cache / "editing").iterdir()) == []


def test_a_real_terminal_is_lent_and_comes_back(tmp_path, monkeypatch):
    """The editor reads from the terminal itself, as an editor does."""
    script = tmp_path / "editor.py"
    script.write_text(
        "import pathlib, sys\nline = input('EDITOR HERE> ')\n"
        "file = pathlib.Path(sys.argv[1])\nfile.write_text(file.read_text()[:-1] + line)\n"
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")
    terminal = Terminal(tmp_path / "home", ("-m", "tests.support.page"))
    terminal.until("Welcome to Talecraft")
    terminal.press("Once ")
    terminal.until("Once")
    terminal.press("\x05")
    terminal.until("EDITOR HERE>")
    terminal.press("upon a time" + ENTER)
    terminal.until("Once upon a time", "Welcome to Talecraft", gone="EDITOR HERE")
    terminal.press(" there" + QUIT)
    terminal.text(1.0)
    terminal.child.wait()
    assert terminal.child.exitstatus == 0
