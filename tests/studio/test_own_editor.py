"""The writer's own editor: a private file, gone afterwards; nothing typed is lost."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from talecraft.errors import LibraryError, UsageError
from talecraft.paths import Home
from talecraft.studio import own_editor


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path / "d", tmp_path / "c", tmp_path / "cache", tmp_path / "l")


def editor(tmp_path: Path, code: str) -> list[str]:
    """An editor that runs `code` with the path as `file`."""
    script = tmp_path / "an editor.py"
    begin = "import os, pathlib, signal, stat, sys\nfile = pathlib.Path(sys.argv[1])\n"
    script.write_text(begin + code)
    return [sys.executable, str(script)]


def edited(place: Home, program: list[str], text: str = "The fox.") -> own_editor.Returned:
    with own_editor.lent(text, place) as file:
        problem = own_editor.run(program, file)
        return own_editor.taken(text, file, program, problem)


def test_the_command_is_visual_before_editor_with_its_arguments(tmp_path: Path) -> None:
    path = {"PATH": os.environ["PATH"]}
    both = {"VISUAL": f"'{sys.executable}' --wait", "EDITOR": "cat"}
    assert own_editor.command(path | both) == [sys.executable, "--wait"]
    assert own_editor.command(path | {"VISUAL": " ", "EDITOR": "cat -u"}) == ["cat", "-u"]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "No editor is set"),
        ({"EDITOR": "nonesuch-editor -w"}, "no program 'nonesuch-editor', which EDITOR names"),
        ({"VISUAL": "vi 'x"}, "VISUAL cannot be read"),
        ({"EDITOR": "\x1b[2Jevil"}, "no program 'evil'"),
    ],
)
def test_no_editor_is_one_clear_error(environment: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        own_editor.command(environment)


def test_what_the_editor_saves_comes_back_clean(place: Home, tmp_path: Path) -> None:
    code = "file.write_bytes(file.read_bytes() + b'\\x1b[2JAnd \\xff then.\\r\\n')"
    assert edited(place, editor(tmp_path, code)) == own_editor.Returned(
        "The fox.\nAnd \ufffd then."
    )


def test_nothing_changed_is_nothing_changed(place: Home, tmp_path: Path) -> None:
    for text in ("The fox.", "The fox.\n", "", "Two.\n\nLines. "):
        assert edited(place, editor(tmp_path, ""), text).text == text


def test_the_file_is_private_and_gone_afterwards(place: Home, tmp_path: Path) -> None:
    code = (
        "modes = [stat.S_IMODE(one.stat().st_mode) for one in (file, file.parent)]\n"
        "(file.parent / 'passage.txt~').write_text('left by the editor')\n"
        "file.write_text(' '.join(map(oct, modes)))"
    )
    before = os.umask(0)
    try:
        assert edited(place, editor(tmp_path, code)).text == "0o600 0o700"
    finally:
        os.umask(before)
    assert stat.S_IMODE((place.cache / "editing").stat().st_mode) == 0o700
    assert list((place.cache / "editing").iterdir()) == []


@pytest.mark.parametrize(
    ("code", "text", "words"),
    [
        ("sys.exit(3)", "The fox.", "ended badly (exit 3). Your text is as it was"),
        ("file.write_text('More.'); sys.exit(3)", "More.", "What it had saved is here"),
        ("file.write_text('More.'); os.kill(os.getpid(), 9)", "More.", "SIGKILL"),
        ("file.write_text(''); os.kill(os.getpid(), 9)", "The fox.", "Your text is as it was"),
        ("file.unlink()", "The fox.", "left no file"),
        ("file.unlink(); file.mkdir()", "The fox.", "left no file"),
        ("file.write_text(' ')", " ", "came back empty"),
    ],
)
def test_an_editor_that_fails_loses_nothing(
    place: Home, tmp_path: Path, code: str, text: str, words: str
) -> None:
    back = edited(place, editor(tmp_path, code))
    assert back.text == text
    assert words in back.words


def test_a_program_that_cannot_be_run_is_a_problem_and_no_exception(place: Home) -> None:
    back = edited(place, ["/nonesuch/editor"])
    assert back.text == "The fox."
    assert "no such file" in back.words


def test_ctrl_c_is_the_editors_alone(place: Home, tmp_path: Path) -> None:
    """It reaches both, as in a terminal: the editor as it would anywhere, this program not."""
    code = (
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
        "os.kill(os.getppid(), signal.SIGINT)\n"
        "file.write_text('Typed.')"
    )
    before = signal.getsignal(signal.SIGINT)
    assert edited(place, editor(tmp_path, code)) == own_editor.Returned("Typed.")
    assert signal.getsignal(signal.SIGINT) is before


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    place = Home(tmp_path, tmp_path, tmp_path / "cache", tmp_path)
    with pytest.raises(LibraryError), own_editor.lent("x", place):
        pass
