"""`talecraft study`: the table, the pictures, and the same command going on."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Talecraft


def test_a_study_is_a_table_and_two_pictures(talecraft_: Talecraft, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    asked = ("study", "--seeds", "1,2", "--rates", "1e-4,1e-3", "--kl", "3", "--rewards", "form")
    result = talecraft_(*asked, "-o", str(folder))
    assert result.code == 0, result.err
    header, *rows, path = result.out.splitlines()
    assert header.split()[:4] == ["rate", "KL", "target", "seed"]
    assert [row.split()[0] for row in rows] == ["0.0001", "0.0001", "0.001", "0.001"]
    assert all(row.split()[-1] == "sound" for row in rows)
    assert path == str(folder / "divergence.png")
    assert "4 of 4: rate 0.001, KL target 3, seed 2 stayed within its bounds" in result.err
    for name in ("divergence.png", "distance.png", "study.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    told = json.loads(talecraft_(*asked, "-o", str(folder), "--json").out)
    assert [one["seed"] for one in told["cells"]] == [1, 2, 1, 2]
    assert json.loads(talecraft_("train", "status", "--json").out)[0]["state"] == "tried"
    assert talecraft_("adapters", "list", "--json").out.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "one"], "'one' is no seed"),
        (["--seeds", "1.5"], "'1.5' is no seed"),
        (["--rates", "0"], "'0' is no learning rate"),
        (["--rates", "-3"], "Write numbers above 0, with commas between them."),
        (["--kl", "-3"], "'-3' is no KL target"),
        (["--kl", "nan"], "'nan' is no KL target"),
        (["--seeds", ""], "this would have 0"),
        (["--rewards", "pace"], "no reward 'pace'"),
    ],
)
def test_misuse_is_one_line(talecraft_: Talecraft, arguments: list[str], words: str) -> None:
    result = talecraft_("study", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
