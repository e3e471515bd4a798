"""`talecraft corpus`, with the real child."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from talecraft.config.idf import idf_in_effect, read_idf
from talecraft.paths import home
from talecraft.process import corpus
from talecraft.story.idf import Idf
from tests.cli.conftest import Talecraft
from tests.corpus.test_specimens import book

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


# ---------------------------------------------------------------------- books and pairs
@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Two books by each of two authors."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for author, titles in (("Ada Vane", ("Mill", "Hill")), ("Bo Moss", ("Key", "Owl"))):
        for title in titles:
            salt = f"{author} told of the {title}. "
            (folder / f"{title}.txt").write_text(book(f"The {title}", author, 4, salt))
    return folder


def test_books_become_chunks_and_these_pairs(
    talecraft_: Talecraft, shelf: Path, tmp_path: Path
) -> None:
    chunks, pairs = tmp_path / "chunks.jsonl", tmp_path / "pairs.jsonl"
    told = talecraft_("corpus", "chunk", str(shelf), "-o", str(chunks), "--tokens", "60")
    assert told.code == 0
    assert "Ada Vane  The Hill  4 " in told.out
    rows = [json.loads(line) for line in chunks.read_text().splitlines()]
    assert f"{len(rows)} chunks of 4 books" in told.err
    assert "(0.0%) score below 0.5" in told.err
    assert all(30 < row["tokens"] <= 95 for row in rows)
    assert stat.S_IMODE(chunks.stat().st_mode) == 0o600

    told = talecraft_("corpus", "pairs", str(chunks), "-o", str(pairs), "--count", "40")
    assert told.code == 0
    assert told.out.splitlines()[0].split() == ["kind", "train", "held"]
    made = [json.loads(line) for line in pairs.read_text().splitlines()]
    assert f"{len(made)} pairs of" in told.err
    assert {one["kind"] for one in made} == {"same author", "other author"}
    assert {one["split"] for one in made} == {"train", "held"}
    assert left_over(tmp_path) == []


def test_summaries_as_json(talecraft_: Talecraft, shelf: Path, tmp_path: Path) -> None:
    chunks, pairs = str(tmp_path / "chunks.jsonl"), str(tmp_path / "pairs.jsonl")
    told = talecraft_("corpus", "chunk", str(shelf), "-o", chunks, "--author", "Di Fox", "--json")
    shape = json.loads(told.out)
    assert (shape["path"], len(shape["books"])) == (chunks, 4)
    assert {one["author"] for one in shape["books"]} == {"Di Fox"}
    assert {"chunks", "words", "tokens", "below", "cut", "skipped"} <= shape.keys()
    assert talecraft_("corpus", "pairs", chunks, "-o", pairs).code == 2, "of one author"
    talecraft_("corpus", "chunk", str(shelf), "-o", chunks, "--force")
    told = talecraft_("corpus", "pairs", chunks, "-o", pairs, "--count", "10", "--json")
    shape = json.loads(told.out)
    assert shape["path"] == pairs
    assert (shape["authors"], sum(shape["pairs"].values())) == (2, pytest.approx(10, abs=3))
    assert set(shape["left_out"]) <= {"twice there"}


def test_what_is_there_is_not_written_over(
    talecraft_: Talecraft, shelf: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.jsonl"
    mine.write_text("mine")
    for name, source in (("chunk", shelf), ("pairs", mine)):
        told = talecraft_("corpus", name, str(source), "-o", str(mine))
        assert told.code == 2
        assert "is already there. Name another file, or add --force" in told.err
    assert mine.read_text() == "mine"
    told = talecraft_("corpus", "pairs", str(mine), "-o", str(mine), "--force")
    assert "mine.jsonl, line 1 is no chunk" in told.err
    assert mine.read_text() == "mine", "nor by what failed"
    assert talecraft_("corpus", "chunk", str(shelf), "-o", str(mine), "--force").code == 0
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chunk", "{tmp}/none", "-o", "{tmp}/x"], "none is not there"),
        (["chunk", "{tmp}/empty.txt", "-o", "{tmp}/x"], "No story in"),
        (["chunk", "{tmp}/latin.txt", "-o", "{tmp}/x"], "is not UTF-8 text"),
        (["chunk", "{tmp}/empty.txt"], "Missing option"),
        (["chunk", "{tmp}/empty.txt", "-o", "{tmp}/x", "--tokens", "1"], "tokens"),
        (["chunk", "{tmp}/empty.txt", "-o", "{tmp}/x", "--model", "nope"], "no model 'nope'"),
        (["pairs", "{tmp}/empty.txt", "-o", "{tmp}/x"], "There is no chunk to pair"),
        (["pairs", "{tmp}/latin.txt", "-o", "{tmp}/x"], "latin.txt, line 1 is no chunk"),
        (["pairs", "{tmp}", "-o", "{tmp}/x"], "cannot be read: is a directory"),
        (["pairs", "{tmp}/empty.txt", "-o", "{tmp}/x", "--rewritten", "{tmp}/y"], "y is not there"),
    ],
)
def test_no_books_and_no_chunks_are_one_line(
    talecraft_: Talecraft, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9 au lait")
    told = talecraft_("corpus", *(one.format(tmp=tmp_path) for one in arguments))
    assert told.code == 2
    assert words in told.err.splitlines()[-1]
    assert told.out == ""
    assert not (tmp_path / "x").exists()
    assert left_over(tmp_path) == []


def test_ctrl_c_ends_the_child_and_leaves_nothing(shelf: Path, tmp_path: Path) -> None:
    """The program itself, in the midst of a book that never ends."""
    endless = tmp_path / "endless.txt"
    os.mkfifo(endless)
    program = (
        "import os, signal, threading\n"
        "from talecraft.cli.main import run\n"
        "def later():\n"
        "    import time\n"
        f"    while not any(n.startswith('.') for n in os.listdir({str(tmp_path)!r})):\n"
        "        time.sleep(0.01)\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "threading.Thread(target=later, daemon=True).start()\n"
        f"raise SystemExit(run(['corpus', 'chunk', {str(shelf)!r}, {str(endless)!r},"
        f" '-o', {str(tmp_path / 'x')!r}], None, None))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists()
    assert left_over(tmp_path) == []
    with pytest.raises(OSError, match="No such device or address"):  # nobody reads it
        os.open(endless, os.O_WRONLY | os.O_NONBLOCK)
