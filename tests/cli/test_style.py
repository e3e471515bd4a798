"""`talecraft style`: fit one, list it, show it, remove it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from talecraft.paths import home
from tests.cli.conftest import Talecraft
from tests.cli.test_commands import data


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("{}\n" * 6)
    return path


def test_one_is_fitted_listed_shown_and_removed(talecraft_: Talecraft, pairs: Path) -> None:
    made = talecraft_("style", "fit", str(pairs), "--name", "nesbit")
    assert made.code == 0, made.err
    assert "Style nesbit, made of" in made.out
    assert "Correlation on 2 held pairs (Spearman): 0.500 (90 % sure: 0.375 to 0.625)" in made.out
    assert "Before: 0.250 (90 % sure: 0.100 to 0.400)" in made.out
    assert talecraft_("style", "show", "nesbit").out == made.out
    (one,) = data(talecraft_, "style", "list")
    assert (one["name"], one["tuned"]["after"]["value"]) == ("nesbit", 0.5)
    folder = home().styles / "nesbit"
    assert {file.name for file in folder.iterdir()} == {"style.safetensors", "style.json"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert json.loads((folder / "style.json").read_text()) == one["tuned"]
    assert "nesbit" in talecraft_("style", "list").out
    assert talecraft_("style", "delete", "nesbit").code == 0
    assert data(talecraft_, "style", "list") == []


def test_a_folder_of_an_encoder_is_what_is_tuned(
    talecraft_: Talecraft, pairs: Path, tmp_path: Path
) -> None:
    (tmp_path / "mini").mkdir()
    found = data(talecraft_, "style", "fit", str(pairs), "--encoder", str(tmp_path / "mini"))
    assert (found["tuned"]["kind"], found["tuned"]["began"]) == ("encoder", "mini")


def test_it_is_never_replaced_unasked(talecraft_: Talecraft, pairs: Path) -> None:
    assert talecraft_("style", "fit", str(pairs)).code == 0
    again = talecraft_("style", "fit", str(pairs))
    assert again.code == 2
    assert "is already there" in again.err
    assert talecraft_("style", "fit", str(pairs), "--force").code == 0


def test_where_none_could_be_fitted_nothing_is_left(talecraft_: Talecraft, pairs: Path) -> None:
    pairs.write_text("{}\n")
    failed = talecraft_("style", "fit", str(pairs))
    assert (failed.code, failed.out) == (2, "")
    assert "There are 1 pairs to learn from" in failed.err
    assert list(home().styles.iterdir()) == []


def test_a_broken_one_is_listed_as_such(talecraft_: Talecraft, pairs: Path) -> None:
    assert talecraft_("style", "fit", str(pairs)).code == 0
    (home().styles / "style" / "style.safetensors").write_bytes(b"broken")
    assert "broken" in talecraft_("style", "list").out
    assert "fit it again" in talecraft_("style", "show").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", "gone.jsonl"], "gone.jsonl is not there"),
        (["fit", __file__, "--name", "../x"], "no name for a style"),
        (["fit", __file__, "--name", ""], "no name for a style"),
        (["show", "nope"], "no style 'nope' (known: none yet)"),
        (["delete", "nope"], "no style 'nope'"),
    ],
)
def test_misuse_is_one_line(talecraft_: Talecraft, arguments: list[str], words: str) -> None:
    result = talecraft_("style", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.strip().count("\n") <= 1
