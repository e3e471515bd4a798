"""`talecraft classifier`: fit one, list it, be rewarded by it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from talecraft.paths import home
from talecraft.process import run_client
from tests.cli.conftest import Talecraft
from tests.cli.test_commands import data, scores


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.jsonl"
    rows = [{"text": f"A fox {n}.", "label": n % 2} for n in range(24)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_one_is_fitted_shown_and_rewards_a_run(talecraft_: Talecraft, labels: Path) -> None:
    missing = talecraft_("train", "run", "--rewards", "classifier")
    assert missing.code == 2
    assert "no classifier 'classifier' (known: none yet)" in missing.err
    assert data(talecraft_, "train", "status") == [], "no run was begun for nothing"
    made = talecraft_("classifier", "fit", str(labels), "--name", "speech")
    assert made.code == 0, made.err
    assert "Classifier speech, of 12 good and 12 bad passages" in made.out
    assert "Right: 80% of 5 passages held back (90 % sure: 50% to 95%)" in made.out
    assert "said 20% good: 25% of 4 were" in made.out
    assert talecraft_("classifier", "show", "speech").out == made.out
    (one,) = data(talecraft_, "classifier", "list")
    assert (one["name"], one["fitted"]["good"]) == ("speech", 12)
    assert stat.S_IMODE(Path(one["path"]).stat().st_mode) == 0o600
    assert talecraft_("classifier", "list").out.splitlines()[1].split()[:2] == ["speech", "80%"]
    asked = ("--rewards", "classifier,finished=0.5", "--classifier", "speech")
    assert talecraft_("train", "run", *asked).code == 0
    (run,) = data(talecraft_, "train", "status")
    given = home().runs / run["run"] / run_client.CLASSIFIER
    assert given.read_bytes() == Path(one["path"]).read_bytes()


def test_it_is_never_replaced_unasked_and_can_be_removed(
    talecraft_: Talecraft, labels: Path
) -> None:
    assert talecraft_("classifier", "fit", str(labels)).code == 0
    again = talecraft_("classifier", "fit", str(labels))
    assert again.code == 2
    assert "is already there" in again.err
    assert talecraft_("classifier", "fit", str(labels), "--force").code == 0
    assert talecraft_("classifier", "delete", "classifier").code == 0
    assert data(talecraft_, "classifier", "list") == []
    assert talecraft_("classifier", "show").code == 2


def test_without_a_file_it_learns_from_the_writers_own_stars(talecraft_: Talecraft) -> None:
    nothing = talecraft_("classifier", "fit")
    assert nothing.code == 2
    scores(talecraft_, 10)
    found = data(talecraft_, "classifier", "fit")
    assert (found["fitted"]["good"], found["fitted"]["bad"]) == (4, 4), "three stars say nothing"


def test_a_broken_one_is_listed_as_such(talecraft_: Talecraft, labels: Path) -> None:
    assert talecraft_("classifier", "fit", str(labels)).code == 0
    (home().classifiers / "classifier.safetensors").write_bytes(b"broken")
    assert "broken" in talecraft_("classifier", "list").out
    assert "fit it again" in talecraft_("classifier", "show").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "gone.jsonl"], "gone.jsonl is not there"),
        (["fit", "--name", "../x"], "no name for a classifier"),
        (["fit", "--name", ""], "no name for a classifier"),
        (["show", "nope"], "no classifier 'nope'"),
        (["delete", "nope"], "no classifier 'nope'"),
    ],
)
def test_misuse_is_one_line(talecraft_: Talecraft, arguments: list[str], words: str) -> None:
    result = talecraft_("classifier", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.strip().count("\n") <= 1
