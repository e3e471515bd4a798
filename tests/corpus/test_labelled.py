"""Labelled passages on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talecraft.corpus.labelled import read
from talecraft.errors import UsageError


def file(folder: Path, *rows: object) -> Path:
    path = folder / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_labels_are_good_or_bad_in_many_words(tmp_path: Path) -> None:
    labels = ["good", "Bad", "POSITIVE", "negative", 1, 0, True, False, "1.0", "-1"]
    path = file(tmp_path, *({"text": f"A fox {n}.", "label": one} for n, one in enumerate(labels)))
    found = read(path)
    assert [one.good for one in found] == [True, False] * 5
    assert found[0].text == "A fox 0."
    assert len({one.group for one in found}) == 10, "each stands for itself"


def test_stars_in_the_middle_say_nothing(tmp_path: Path) -> None:
    path = file(tmp_path, *({"story": "A fox.", "stars": n, "book": "B"} for n in (1, 2, 3, 4, 5)))
    assert [one.good for one in read(path)] == [False, False, True, True]
    assert {one.group for one in read(path)} == {"B"}


def test_a_csv_file_is_read_too_and_hostile_text_is_cleaned(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text('Passage,Label\n"A \x1b[2Jfox, ran",pos\n"",neg\n')
    (one,) = read(path)
    assert (one.text, one.good) == ("A fox, ran", True)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"label": 1}, "row 1 has no text: its columns are label"),
        ({"text": "A fox."}, "row 1 has no label"),
        ({"text": "A fox.", "label": "so-so"}, "the label 'so-so' is neither good nor bad"),
        ({"text": "A fox.", "label": 8}, "8 is more than 5 stars"),
        ({"text": "A fox.", "label": "nan"}, "the label 'nan' is neither"),
    ],
)
def test_what_is_none_is_told(tmp_path: Path, row: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read(file(tmp_path, row))
    with pytest.raises(UsageError, match=r"labels.txt is no table"):
        read(tmp_path / "labels.txt")
