"""Words are counted over passages of all files; what cannot be read is one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talecraft.corpus import reading
from talecraft.corpus.counting import count
from talecraft.errors import UsageError

LONG = "The fox went down to the river and looked at the water for a long while. " * 8


def test_each_passage_is_a_document(tmp_path: Path) -> None:
    """Paragraphs of 120 words are too long for one passage together."""
    (tmp_path / "a.txt").write_text(f"{LONG}\n\n{LONG}\n\nAn \x1b]52;c;evil\x07owl\u202e came.\n")
    (tmp_path / "b.jsonl").write_text(json.dumps({"text": "The owl's nest."}) + "\n")
    heard: list[tuple[int, int, int]] = []
    found = count(tmp_path, hear=lambda *far: heard.append(far))
    assert found.words["owl"] == found.words["owl's"] == 1
    assert found.words["fox"] == found.words["river"] >= 2
    assert found.words["the"] == found.words["fox"] + 1
    assert found.documents == found.words["the"] + ("owl" not in LONG and found.words["an"] - 1)
    assert "evil" not in found.words
    assert heard[0] == (0, 2, 0)
    assert heard[-1] == (2, 2, found.documents)
    assert count(tmp_path) == found


def test_other_scripts_are_counted_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Жил-был старик. У старика был кот.\n")
    assert count(tmp_path).words["кот"] == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "There are no words"),
        (b"1 2 3 *** \n", "There are no words"),
        (b"caf\xe9 in Latin-1", "is not UTF-8 text (byte 3)"),
        (b"x " * 2**20 + b"caf\xc3", "is not UTF-8 text (byte 2097155)"),
    ],
)
def test_what_holds_no_words_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        count(file)
    assert told in str(caught.value)


def test_a_line_or_story_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_LETTERS", 1_000_000)
    file = tmp_path / "huge.txt"
    file.write_text("x" * 1_000_001)
    with pytest.raises(UsageError, match=r"huge\.txt, line 1 is longer than 1 million characters"):
        count(file)
    file.write_text(("word " * 100_000 + "\n") * 3)
    with pytest.raises(UsageError, match=r"huge\.txt, story 1 is longer"):
        count(file)
