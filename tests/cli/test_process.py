"""`talecraft` as a process: terminals, signals, pipes, locales, and errors nobody foresaw."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from talecraft.cli import main, system
from talecraft.library import Library
from talecraft.paths import home
from tests.cli.conftest import Talecraft
from tests.support import tiny

# The same program over the tiny engine and the tiny run.
PROGRAM = f"""
import functools, sys
import talecraft.studio
from talecraft.process import look, run_client
from talecraft.cli.main import run
from talecraft.studio import demo
run_client.COMMAND = {tiny.RUN!r}
look.COMMAND = {tiny.LOOK!r}
demo.run = functools.partial(demo.run, engine_command={tiny.ENGINE!r})
talecraft.studio.Studio = functools.partial(talecraft.studio.Studio, engine_command={tiny.ENGINE!r})
sys.exit(run(sys.argv[1:], lambda model, plain: 0, lambda: ([], [])))
"""


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    options = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    } | options
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        text=True,
        # A shell's background job, as a test run may be, passes on a SIGINT that is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )


def no_keys() -> tuple[list[dict[str, Any]], list[str]]:
    return [], []


def real(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The program itself, as installed."""
    command = [sys.executable, "-m", "talecraft", *arguments]
    options = {"stdin": subprocess.DEVNULL} | options
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


# ---------------------------------------------------------------------------- terminals
@pytest.mark.parametrize("terminal", ["neither", "stdin", "stdout"])
def test_the_page_needs_a_terminal_on_both_ends(terminal: str) -> None:
    ours, theirs = pty.openpty()
    stdin = theirs if terminal == "stdin" else subprocess.DEVNULL
    stdout = theirs if terminal == "stdout" else subprocess.PIPE
    try:
        process = subprocess.run(
            [sys.executable, "-m", "talecraft"],
            stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=30,
        )  # fmt: skip
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == 2
    assert process.stderr.startswith("talecraft: The page needs a terminal")
    assert process.stderr.count("\n") == 1


def test_with_a_terminal_the_page_opens_on_the_model_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", type("Tty", (), {"isatty": lambda self: True})())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    opened: list[str | None] = []

    def open_page(model: str | None, plain: bool) -> int:
        opened.append(model)
        return 4

    assert main.run([], open_page, no_keys) == 4
    assert main.run(["--model", "gpt2"], open_page, no_keys) == 4
    assert opened == [None, "gpt2"]


def test_the_page_may_be_a_wrong_model_or_interrupted(
    talecraft_: Talecraft, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(model: str | None, plain: bool) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", type("Tty", (), {"isatty": lambda self: True})())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main.run([], interrupted, no_keys) == 130


# ---------------------------------------------------------------------------- errors
def test_an_unknown_key_is_named_with_file_and_line(own_home: Path) -> None:
    (own_home / "config").mkdir(parents=True)
    file = own_home / "config" / "config.toml"
    file.write_text("[writing]\ntemprature = 1\n")
    process = real("stories", "list")
    assert process.returncode == 2
    assert process.stderr.startswith(f"talecraft: {file}:2: contains unknown field 'temprature'.")
    assert (process.stdout, process.stderr.count("\n")) == ("", 1)


def test_a_home_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    process = real("stories", "list", env={**os.environ, "TALECRAFT_HOME": str(tmp_path / "file")})
    assert process.returncode == 1
    assert "cannot be used" in process.stderr
    assert process.stderr.count("\n") == 1


def test_a_defect_is_one_line_and_a_private_log(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("by [/oops]\x1b[2J zero")

    monkeypatch.setattr("talecraft.config.models.shipped_file", defect)
    result = talecraft_("paths")
    log = own_home / "logs" / "crash.log"
    assert result.code == 1
    assert result.err == (
        "talecraft: Something failed unexpectedly (ZeroDivisionError: by [/oops] zero)."
        f" Details: {log}\n"
    )
    assert "Traceback" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    assert system.paths.__module__ in log.read_text() or "system.py" in log.read_text()


def test_a_defect_without_a_place_for_its_log_is_still_one_line(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("zero")

    own_home.write_text("a file")
    monkeypatch.setattr("talecraft.config.models.shipped_file", defect)
    result = talecraft_("paths")
    assert result.code == 1
    assert "no log could be written" in result.err
    assert result.err.count("\n") == 1


# ---------------------------------------------------------------------------- signals, pipes
def test_ctrl_c_keeps_what_was_written() -> None:
    process = start("write", "SLOW")
    assert process.stdout is not None
    assert process.stdout.read(7) == "Slowly."
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "what came is kept as turn 1" in err
    assert "Traceback" not in err
    library = Library(home().library)
    assert library.stories.turn(1).prose == "Slowly."
    library.close()


def test_ctrl_c_while_following_leaves_the_run_going(talecraft_: Talecraft) -> None:
    assert talecraft_("write", "A fox.", "-n", "24", "--json").code == 0
    text = "".join(json.dumps({"turn": n + 1, "stars": n % 5 + 1}) + "\n" for n in range(24))
    talecraft_("feedback", "add", "--from", "-", stdin=text)
    process = start("train", "run", env={**os.environ, "TINY_RUN": "wait"})
    assert process.stderr is not None
    while "update 1/1" not in (line := process.stderr.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "goes on by itself" in err
    (run,) = json.loads(talecraft_("train", "status", "--json").out)
    assert run["state"] == "running"
    assert talecraft_("train", "stop").code == 0
    tiny.until(lambda: tiny.gone(run["pid"]))


def test_a_reader_who_has_enough_is_no_error() -> None:
    library = Library(home().library)
    with library.transaction():
        for number in range(2000):
            library.stories.create(f"Story {number}", "P" * 50)
    library.close()
    process = start("stories", "list")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.wait(timeout=20)


def children(process: subprocess.Popen[str]) -> list[int]:
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in found]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_leaves_nothing_behind(
    tmp_path: Path, how: signal.Signals
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    env = {**os.environ, "TINY_RUN": "wait", "TMPDIR": str(temporary)}
    process = start("demo", "--stories", "3", "--turns", "8", env=env)
    assert process.stderr is not None
    while "update 1/1" not in (line := process.stderr.readline()):
        assert line
    engine_and_run = children(process)
    assert len(engine_and_run) == 2
    process.send_signal(how)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert all(map(tiny.gone, engine_and_run))
    assert list(temporary.iterdir()) == []


def test_ended_by_a_signal_it_leaves_no_engine() -> None:
    process = start("write", "SLOW")
    assert process.stdout is not None
    assert process.stdout.read(7) == "Slowly."
    engines = children(process)
    assert engines
    process.terminate()
    process.communicate(timeout=20)
    tiny.until(lambda: all(map(tiny.gone, engines)), seconds=5)


# ---------------------------------------------------------------------------- locales, speed
@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"NO_COLOR": "1", "TERM": "dumb"},
    ],
    ids=lambda env: " ".join(env),
)
def test_any_locale_can_show_any_story(env: dict[str, str]) -> None:
    library = Library(home().library)
    library.stories.create("Füchse “日本” 👩", "P")
    library.close()
    shown = real("stories", "list", env={**os.environ, **env})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "F" in shown.stdout
    assert "\x1b" not in shown.stdout
    listed = real("stories", "list", "--json", env={**os.environ, **env})
    assert json.loads(listed.stdout)[0]["title"] == "Füchse “日本” 👩"


def test_json_holds_nothing_that_a_terminal_obeys(talecraft_: Talecraft) -> None:
    library = Library(home().library)
    library.database.execute(
        "INSERT INTO stories (title, premise, created_at) VALUES (?, 'P', '')",
        ("old \x9b31m \x7f \u202e \x1b[2J",),
    )
    library.close()
    result = talecraft_("stories", "list", "--json")
    assert not set("\x9b\x7f\u202e\x1b") & set(result.out)
    assert json.loads(result.out)[0]["title"] == "old \x9b31m \x7f \u202e \x1b[2J"
    assert not set("\x9b\x7f\u202e\x1b") & set(talecraft_("stories", "list").out)


def test_help_waits_for_nothing_that_it_does_not_need() -> None:
    """How long it takes beside a bare Typer app, benchmarks/startup.py measures."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "talecraft", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert "talecraft.cli.main" in loaded
    heavy = {"torch", "transformers", "textual", "rich", "sqlite3", "regex", "snowballstemmer"}
    ours = {f"talecraft.{name}" for name in ("config", "library", "studio", "engine", "learning")}
    assert not loaded & (heavy | ours)
