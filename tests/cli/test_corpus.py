"""`talecraft corpus`, with the real child."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from talecraft.config.idf import idf_in_effect, read_idf
from talecraft.paths import home
from talecraft.process import corpus
from talecraft.story.idf import Idf
from tests.cli.conftest import Talecraft

TEXT = "The fox ran home. The fox slept.\n"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "a.txt"
    file.write_text(TEXT)
    return file


def left_over(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir() if one.name.startswith(".")]


def test_the_words_of_own_texts_become_the_own_table(talecraft_: Talecraft, text: Path) -> None:
    told = talecraft_("corpus", "idf", str(text), "--fewest", "1")
    assert told.code == 0
    assert told.out == f"{home().idf}  5 words, counted in 1 passages\n"
    assert idf_in_effect(home())[0] == Idf(1, dict.fromkeys("fox home ran slept the".split(), 1))
    assert stat.S_IMODE(home().idf.stat().st_mode) == 0o600
    again = talecraft_("corpus", "idf", str(text))
    assert again.code == 2
    assert "idf.json is already there" in again.err
    assert "--force" in again.err
    assert talecraft_("corpus", "idf", str(text), "--fewest", "2", "--force").code == 0
    assert read_idf(home().idf) == Idf(1, {})
    assert left_over(home().data) == []


def test_a_table_elsewhere_as_json(talecraft_: Talecraft, text: Path, tmp_path: Path) -> None:
    place = tmp_path / "own.json"
    told = talecraft_("corpus", "idf", str(text), "-o", str(place), "--fewest", "1", "--json")
    shape = json.loads(told.out)
    assert (shape["path"], shape["passages"], shape["words"]) == (str(place), 1, 5)
    assert read_idf(place).documents == 1
    assert not home().idf.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{tmp}/none"], "none is not there"),
        (["{tmp}/empty.txt"], "There are no words in"),
        (["{tmp}/latin.txt"], "latin.txt is not UTF-8 text (byte 3)"),
        (["{tmp}/empty.txt", "-o", "{tmp}/no/where.json"], "no is no folder"),
        (["{tmp}/empty.txt", "-o", "{tmp}", "--force"], "is already there"),
        (["{tmp}/empty.txt", "--fewest", "0"], "fewest"),
        (["{tmp}/odd.doc"], "is no kind of file that stories are read from"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(
    talecraft_: Talecraft, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    (tmp_path / "odd.doc").write_text("x")
    told = talecraft_("corpus", "idf", *(one.format(tmp=tmp_path) for one in arguments))
    assert told.code == 2
    assert words in told.err.splitlines()[-1]
    assert told.out == ""
    assert not home().idf.exists()
    assert left_over(tmp_path) == []


def test_a_child_that_dies_leaves_nothing(
    talecraft_: Talecraft, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "COMMAND", ("sh", "-c", "echo gone >&2; exit 9"))
    told = talecraft_("corpus", "idf", str(text))
    assert told.code == 1
    assert "Reading the texts failed: gone" in told.err
    assert list(home().data.iterdir()) == []
