"""Prompts on disk: a line each, or a table's column."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.corpus.prompts import LONGEST, read
from talecraft.errors import UsageError


def file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_line_is_a_prompt_and_stands_once(tmp_path: Path) -> None:
    lines = "[ WP ] A fox ca n't sleep .\n\n  An owl is late\nan OWL is late\n"
    lines += "x" * (LONGEST + 1)
    for name in ("p.txt", "train.wp_source"):
        found = read(file(tmp_path, name, lines), 10)
        assert found.prompts == ["A fox can't sleep.", "An owl is late"]
        assert found.there == 2


def test_a_table_has_a_column_of_them(tmp_path: Path) -> None:
    rows = [{"Prompt": "A fox", "n": 1}, {"prompt": "An owl\u001b[2J"}]
    jsonl = "".join(json.dumps(one) + "\n" for one in rows)
    assert read(file(tmp_path, "p.jsonl", jsonl), 10).prompts == ["A fox", "An owl"]
    csv = 'premise,story\n"A fox, a den",x\nAn owl,y\n'
    assert read(file(tmp_path, "p.csv", csv), 10).prompts == ["A fox, a den", "An owl"]


def test_a_parquet_file_needs_no_story(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"wp_source": ["A fox", "An owl"], "other": [1, 2]})
    pyarrow.parquet.write_table(table, tmp_path / "p.parquet")
    assert read(tmp_path / "p.parquet", 10).prompts == ["A fox", "An owl"]


def test_of_many_some_are_drawn_in_their_order_the_same_each_time(tmp_path: Path) -> None:
    path = file(tmp_path, "p.txt", "".join(f"Story number {at:03}\n" for at in range(300)))
    found = read(path, 20)
    assert (len(found.prompts), found.there) == (20, 300)
    assert found.prompts == sorted(found.prompts) == read(path, 20).prompts
    assert found.prompts[-1] > "Story number 150", "not only the first"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.txt", "\n \n", "There is no prompt in"),
        ("p.pdf", "x", "p.pdf is no kind of file"),
        ("p.jsonl", '{"story": "x"}', "p.jsonl, row 1 has no prompt: its columns are story"),
        ("p.jsonl", '{"prompt": 3}', "'prompt' is no text but int"),
        ("p.jsonl", "[1", "row 1 is no JSON"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read(file(tmp_path, name, text), 10)
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "gone.txt", 10)


@given(st.lists(st.text(max_size=60), max_size=20))
def test_any_lines_are_prompts_or_refused(tmp_path_factory, lines: list[str]) -> None:
    path = tmp_path_factory.mktemp("any") / "p.txt"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    try:
        found = read(path, 5)
    except UsageError:
        return
    assert 0 < len(found.prompts) <= min(5, found.there)
    assert all(one == " ".join(one.split()) for one in found.prompts)
