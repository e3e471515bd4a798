"""Scored pairs as they lie on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talecraft.corpus import pair_files
from talecraft.errors import UsageError

PAIR = {"text1": "A fox.", "text2": "An owl.", "score": 1.0, "kind": "same author"}


def test_what_is_held_is_told_from_what_is_learned(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [PAIR | {"split": "held"}, PAIR | {"split": "train", "text1": "A\x1b[2Jfox."}]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    train, held = pair_files.read(path)
    assert [len(train), len(held)] == [1, 1]
    assert "\x1b" not in train[0].text1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{}", "pairs.jsonl, line 1 is no pair"),
        ("\xff", "line 1 is no pair"),
        (json.dumps(PAIR | {"split": "train", "score": 3}), "line 1 has a score of 3"),
        (json.dumps(PAIR | {"split": "test"}), "line 1 is no pair"),
    ],
)
def test_what_is_no_pair_is_named_by_its_line(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(line.encode("latin-1"))
    with pytest.raises(UsageError, match=words):
        pair_files.read(path)
