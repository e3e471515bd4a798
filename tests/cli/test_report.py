"""`talecraft report`: data on stdout, one line for what cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talecraft.paths import home
from talecraft.process import run_client
from talecraft.studio import Studio
from tests.cli.conftest import Talecraft
from tests.cli.test_commands import scores
from tests.support import paper
from tests.support.tiny import until


def test_the_newest_run_is_reported_where_exports_lie(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(talecraft_)
    assert talecraft_("train", "run", "--seed", "7").code == 0
    (run,) = json.loads(talecraft_("train", "status", "--json").out)
    page = home().exports / f"report-{run['run']}" / "report.html"
    result = talecraft_("report")
    assert (result.code, result.out, result.err) == (0, f"{page}\n", "")
    text = page.read_text()
    assert "The fox slept." in text
    assert run["adapter"] in text
    assert "did not say which" not in text, "a run's order says which version wrote it"
    # Told of another that told no step, it is still this one.
    monkeypatch.setenv("TINY_RUN", "died")
    (home().runs / "later").mkdir()
    with Studio() as studio:
        studio.library.runs.add(paper.run("refused", id="later"))
    found = json.loads(talecraft_("report", "--json").out)
    assert found["run"] == run["run"]
    assert found["path"] == str(page)
    assert (found["steps"], found["turns"]) == (1, 2)
    assert all(Path(one).is_file() for one in found["pictures"])
    refused = talecraft_("report", "later")
    assert (refused.code, refused.out) == (2, "")
    assert "Run later told no step" in refused.err


@pytest.mark.parametrize("end", ["rejected", "died"])
def test_runs_that_were_not_adopted_or_killed(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, end: str
) -> None:
    monkeypatch.setenv("TINY_RUN", end)
    scores(talecraft_)
    talecraft_("train", "run", "--seed", "7")
    result = talecraft_("report", "-o", str(tmp_path / "paper"))
    assert result.code == 0
    text = (tmp_path / "paper" / "report.html").read_text()
    assert ("Not adopted" if end == "rejected" else "Cut off") in text


def test_a_run_that_is_going(talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_RUN", "going")
    scores(talecraft_)
    run = talecraft_("train", "run", "--detach").out.strip()
    until(lambda: b'"step"' in _told(run))
    try:
        result = talecraft_("report", run)
        assert result.code == 0
        assert "still going" in Path(result.out.strip()).read_text()
    finally:
        assert talecraft_("train", "stop").code == 0
        until(lambda: run_client.alive(home().runs) is None)


def _told(run: str) -> bytes:
    file = home().runs / run / "events.jsonl"
    return file.read_bytes() if file.exists() else b""


def test_a_run_on_the_pattern(talecraft_: Talecraft, tmp_path: Path) -> None:
    tales = tmp_path / "tales.jsonl"
    tales.write_text("a tale\n" * 40)
    assert talecraft_("pattern", "learn", "--data", str(tales), "--yes").code == 0
    result = talecraft_("report")
    assert result.code == 0
    assert "Surprise (loss)" in Path(result.out.strip()).read_text()


def test_what_cannot_be_reported_is_one_line(talecraft_: Talecraft, tmp_path: Path) -> None:
    for arguments, words in (
        (["report"], "No training run has told a step yet"),
        (["report", "nope"], "There is no run 'nope'"),
    ):
        result = talecraft_(*arguments)
        assert (result.code, result.out, result.err.count("\n")) == (2, "", 1)
        assert words in result.err


def test_a_folder_of_something_else_is_left_alone(talecraft_: Talecraft, tmp_path: Path) -> None:
    scores(talecraft_)
    talecraft_("train", "run", "--seed", "7")
    (tmp_path / "report.html").write_text("mine")
    result = talecraft_("report", "-o", str(tmp_path))
    assert (result.code, result.out) == (2, "")
    assert "is no earlier report of run" in result.err
    assert (tmp_path / "report.html").read_text() == "mine"
