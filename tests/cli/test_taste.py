"""`talecraft taste`: a key a pair on a terminal, a line a pair from a pipe."""

from __future__ import annotations

import json
import sys
import termios
from collections.abc import Iterator
from typing import Any

import pexpect
import pytest

from talecraft.library import Library
from talecraft.paths import home
from talecraft.story import feedback
from tests.cli.conftest import Talecraft
from tests.cli.test_process import PROGRAM


def log() -> list[tuple[str, float | None]]:
    library = Library(home().library)
    try:
        return [(one.kind, one.value) for one in feedback.current(library.feedback.all())]
    finally:
        library.close()


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


# ---------------------------------------------------------------------------- from a pipe
def test_a_line_a_pair(talecraft_: Talecraft) -> None:
    result = talecraft_("taste", "--pairs", "5", stdin="a\nb\n=\n \nneither\n")
    assert result.code == 0
    assert [f"{n} of 5" in result.out for n in range(1, 7)] == [True] * 5 + [False]
    assert result.out.count("\na   Draft ") == result.out.count("\nb   Draft ") == 5
    assert log() == [("choice", 1), ("choice", 1), ("choice", 0), *[("thumb", -1)] * 4]
    assert "5 choices of this round kept in the log" in result.err
    assert "Better" not in result.err, "nobody is asked who cannot read it"
    assert json.loads(talecraft_("stories", "list", "--json").out) == []


@pytest.mark.parametrize("end", ["a\nu\nb\nq\na\n", "a\nu\nb\n", "a\n\n\nu\nb"])
def test_the_pipe_or_q_ends_it_and_u_takes_back(talecraft_: Talecraft, end: str) -> None:
    result = talecraft_("taste", "--pairs", "9", stdin=end)
    assert result.code == 0
    assert "1 choice of this round kept in the log" in result.err
    assert log() == [("choice", 1)]
    assert result.out.count("1 of 9") == 2, "the pair is shown again"


def test_a_verdict_that_is_none_is_one_line_and_exit_2(talecraft_: Talecraft) -> None:
    result = talecraft_("taste", "--pairs", "3", stdin="a\nperhaps\na\n")
    assert result.code == 2
    assert "'perhaps' is no verdict. a, b, =, n (neither), u or q." in result.err.splitlines()[-1]
    assert log() == [("choice", 1)]


def test_json_is_a_line_a_pair_and_a_line_a_verdict(talecraft_: Talecraft) -> None:
    talecraft_("write", "A fox.")
    result = talecraft_("taste", "--story", "1", "--pairs", "2", "--json", stdin="b\nu\na\nn\n")
    shown, first, other, taken, again, second, _, third = lines(result.out)
    assert (shown["pair"], shown["of"]) == (1, 2)
    assert shown["before"].startswith("A fox.\n\nPassage ")
    assert shown["a"]["story"] == shown["b"]["story"] == 1
    assert shown["a"]["prose"] != shown["b"]["prose"]
    turns = [shown["a"]["turn"], shown["b"]["turn"]]
    assert first == {"pair": 1, "choice": "b", "turns": turns}
    assert taken == {"pair": 1, "choice": None}
    assert again == shown
    assert second == {"pair": 1, "choice": "a", "turns": turns}
    assert other["pair"] == third["pair"] == 2
    assert third["choice"] == "neither"
    assert "a   Draft " in result.err
    assert log() == [("choice", 1), ("thumb", -1), ("thumb", -1)]
    assert len(lines(talecraft_("stories", "show", "1", "--json").out)[0]["turns"]) == 1


def test_hostile_drafts_are_inert(talecraft_: Talecraft) -> None:
    talecraft_("write", "[bold]MARKUP[/oops]\x1b]52;c;x\x07\x9b31m")
    result = talecraft_("taste", "--story", "1", "--pairs", "1", stdin="a\x1b[2J\n")
    assert result.code == 2
    assert "[red]not red[/red] [@click=app.quit]" in result.out
    assert "\x1b" not in result.out + result.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--story", "9"], 2, "no story 9"),
        (["--model", "nope"], 2, "no model 'nope'"),
        (["--model", "gpt2"], 2, "GPT-2 is not installed"),
        (["--pairs", "0"], 2, "'--pairs'"),
        (["--story", "1"], 1, "There is no room."),
    ],
)
def test_what_cannot_be_done_is_said(
    talecraft_: Talecraft, arguments: list[str], code: int, words: str
) -> None:
    talecraft_("write", "REFUSED")
    result = talecraft_("taste", *arguments, "--pairs", "1", stdin="a\n") if (
        "--pairs" not in arguments
    ) else talecraft_("taste", *arguments)  # fmt: skip
    assert result.code == code
    assert words in result.err
    assert "Traceback" not in result.err
    assert log() == []


# ---------------------------------------------------------------------------- on a terminal
@pytest.fixture
def child() -> Iterator[pexpect.spawn]:
    spawned = pexpect.spawn(
        sys.executable, ["-c", PROGRAM, "taste", "--pairs", "3"],
        encoding="utf-8", timeout=30, dimensions=(40, 100),
    )  # fmt: skip
    yield spawned
    spawned.close(force=True)


def test_a_key_a_pair_without_enter(child: pexpect.spawn) -> None:
    for number, key in enumerate("ab=", 1):
        child.expect(f"{number} of 3")
        child.expect("q ends: ")
        child.send(key)
    child.expect("any other key ends: ")
    child.send("q")
    child.expect("3 choices of this round kept in the log")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0
    assert log() == [("choice", 1), ("choice", 1), ("choice", 0)]


def test_the_last_choice_can_be_taken_back(child: pexpect.spawn) -> None:
    for key in "aab":
        child.expect("q ends: ")
        child.send(key)
    for key, said in (("u", "3 of 3"), ("=", "That was the last pair")):
        child.expect("any other key ends: " if key == "u" else "q ends: ")
        child.send(key)
        child.expect(said)
    child.expect("any other key ends: ")
    child.send("\r")
    child.expect("3 choices of this round kept in the log")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 0
    assert log() == [("choice", 1), ("choice", 1), ("choice", 0)]


def test_other_keys_are_told_and_the_terminal_is_left_as_it_was(child: pexpect.spawn) -> None:
    before = termios.tcgetattr(child.child_fd)[3]
    child.expect("q ends: ")
    assert not termios.tcgetattr(child.child_fd)[3] & termios.ICANON
    for key, words in (("x", "'x' is no verdict"), ("\x1b[A", "is no verdict"),
                       ("u", "no choice to take back")):  # fmt: skip
        child.send(key)
        child.expect(words)
        child.expect("q ends: ")
    child.send(" ")
    child.expect("2 of 3")
    child.expect("q ends: ")
    child.send("q")
    child.expect("1 choice of this round kept in the log")
    child.expect(pexpect.EOF)
    assert termios.tcgetattr(child.child_fd)[3] == before
    assert log() == [("thumb", -1), ("thumb", -1)]


def test_ctrl_c_keeps_what_was_chosen_and_exits_130(child: pexpect.spawn) -> None:
    child.expect("q ends: ")
    child.send("a")
    child.expect("2 of 3")
    child.expect("q ends: ")
    child.sendintr()
    child.expect("1 choice of this round kept in the log")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 130
    assert log() == [("choice", 1)]
