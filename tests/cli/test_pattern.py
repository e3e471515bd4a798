"""`talecraft pattern learn`: said, asked, started, followed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talecraft.library import Library
from talecraft.paths import home
from tests.cli.conftest import Talecraft


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Forty tales, as tiny_survey reads them."""
    file = tmp_path / "tales.jsonl"
    file.write_text("a tale\n" * 40)
    return str(file)


def test_a_dry_run_says_what_would_be_learned_and_starts_nothing(
    talecraft_: Talecraft, data: str
) -> None:
    told = talecraft_("pattern", "learn", "--data", data, "--epochs", "2", "--dry-run")
    assert told.code == 0
    assert "Tales: 40 with 80 passages; 4 held back to judge by\n" in told.out
    assert "Work: 2 times through 4000 tokens, 40 steps\n" in told.out
    assert "Time: about" in told.out
    assert "Memory: about" in told.out
    shape = json.loads(talecraft_("pattern", "learn", "--data", data, "--dry-run", "--json").out)
    assert (shape["found"]["tales"], shape["epochs"], shape["refusal"]) == (40, 8, "")
    assert Library(home().library).runs.list() == []


def test_a_run_is_followed_to_its_verdict_and_shown_like_any_other(
    talecraft_: Talecraft, data: str
) -> None:
    told = talecraft_("pattern", "learn", "--data", data, "--yes", "--seed", "3")
    assert told.code == 0
    assert told.out.startswith("Adopted: ")
    assert "1 steps in" in told.out
    assert "step 1/1: loss 3.500, on held-back tales 3.600, 0 s to go" in told.err
    (run,) = json.loads(talecraft_("train", "status", "--json").out)
    assert (run["method"], run["state"], run["seed"]) == ("pattern", "adopted", 3)
    assert talecraft_("train", "status", run["run"]).out == told.out
    (adapter,) = json.loads(talecraft_("adapters", "list", "--json").out)
    assert adapter["root"] == adapter["adapter"]
    assert (
        "A root: it has learned the pattern"
        in talecraft_("adapters", "show", adapter["adapter"]).out
    )
    assert talecraft_("adapters", "rollback").code == 0
    assert "without an adapter" in talecraft_("adapters", "use", "none").err


def test_as_json_and_detached(talecraft_: Talecraft, data: str) -> None:
    shape = json.loads(talecraft_("pattern", "learn", "--data", data, "--yes", "--json").out)
    assert (shape["method"], shape["state"]) == ("pattern", "adopted")
    started = talecraft_("pattern", "learn", "--data", data, "--yes", "--detach")
    assert started.code == 0
    assert started.out.strip() in {run.id for run in Library(home().library).runs.list()}


@pytest.mark.parametrize(
    ("text", "arguments", "code", "words"),
    [
        ("a tale\n" * 40, [], 2, "add --yes"),
        ("a tale\n" * 3, ["--yes"], 2, "17 more tales are needed"),
        ("a tale\nbad\n", ["--yes"], 2, "tales.jsonl, row 2 is no JSON."),
        ("a tale\nbad\n", ["--dry-run"], 2, "tales.jsonl, row 2 is no JSON."),
        ("a tale\n" * 40, ["--yes", "--model", "nope"], 2, "no model 'nope'"),
        ("a tale\n" * 40, ["--yes", "--epochs", "0"], 2, "epochs"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_starts_nothing(
    talecraft_: Talecraft, tmp_path: Path, text: str, arguments: list[str], code: int, words: str
) -> None:
    file = tmp_path / "tales.jsonl"
    file.write_text(text)
    told = talecraft_("pattern", "learn", "--data", str(file), *arguments)
    assert told.code == code
    assert words in told.err.splitlines()[-1]
    assert told.out == ""
    assert "Traceback" not in told.err
    assert not (home().runs / "trainer.lock").exists()


def test_a_file_that_is_not_there_and_a_rejected_run_have_their_codes(
    talecraft_: Talecraft, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = talecraft_("pattern", "learn", "--data", "/no/such/tales", "--yes")
    assert (told.code, "/no/such/tales is not there" in told.err) == (2, True)
    monkeypatch.setenv("TINY_RUN", "rejected")
    assert talecraft_("pattern", "learn", "--data", data, "--yes").code == 0
    monkeypatch.setenv("TINY_RUN", "died")
    assert talecraft_("pattern", "learn", "--data", data, "--yes").code == 1
