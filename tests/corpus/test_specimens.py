"""Books on disk become lines of chunks, each with its place, its tokens and its score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talecraft.config import models
from talecraft.corpus import specimens
from talecraft.corpus.chunking import by_words
from talecraft.errors import UsageError
from talecraft.paths import home
from talecraft.process.corpus import Chunked
from tests.corpus.test_quality import PROSE


def book(title: str, author: str, chapters: int = 3, salt: str = "") -> str:
    """A chapter is unlike the next by some words."""
    days = "one two three four five six".split()
    told = "".join(
        f"CHAPTER {at}.\n\n{salt}It was the day of number {days[at]}. {PROSE}\n\nAnd then it was"
        f" over, and they went home by the old road to the town, {days[at]} of them.\n\n"
        for at in range(1, chapters + 1)
    )
    return f"{title}\n{author}\n\n{told}THE END\n"


def chunked(*sources: Path, size: int = 120, author: str = "") -> tuple[list[Any], Chunked]:
    lines: list[bytes] = []
    told = specimens.write(sources, size, author, by_words, lines.append, lambda *far: None)
    return [json.loads(line) for line in lines], told


def test_a_folder_of_books(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(book("The Mill", "Ada Vane"))
    (tmp_path / "b.md").write_text(book("The Hill", "Bo Moss", 2))
    (tmp_path / "c.txt").write_text("")
    (tmp_path / "table.jsonl").write_text("{}")
    rows, told = chunked(tmp_path)
    places = [(one["author"], one["book"], one["chapter"], one["number"]) for one in rows]
    mill = [("Ada Vane", "The Mill", f"CHAPTER {at}.", at) for at in (1, 2, 3)]
    hill = [("Bo Moss", "The Hill", f"CHAPTER {at}.", at) for at in (1, 2)]
    assert places == mill + hill
    assert list(rows[0]) == [
        "author", "book", "chapter", "number", "text", "tokens", "words", "score", "parts",
    ]  # fmt: skip
    assert all(one["tokens"] == by_words(one["text"]) for one in rows)
    assert [one["score"] for one in rows] == [1.0] * len(rows)
    assert (told.chunks, told.below, told.skipped) == (len(rows), 0, ["c.txt"])
    assert told.tokens == sum(one["tokens"] for one in rows)
    assert [(one.book, one.chapters, one.cut) for one in told.books] == [
        ("The Mill", 3, 4 + 3 + 2), ("The Hill", 2, 4 + 2 + 2),
    ]  # fmt: skip


def test_no_chunk_reaches_over_a_chapter(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(book("The Mill", "Ada Vane", 3, "Nell came. "))
    rows, _ = chunked(tmp_path, size=100_000)
    assert [one["text"].count("Nell came.") for one in rows] == [1, 1, 1]


def test_the_author_may_be_named_and_titles_are_told_apart(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(book("The Mill", "Ada Vane", 1))
    rows, _ = chunked(tmp_path, author="Bo Moss")
    assert {(one["author"], one["book"]) for one in rows} == {
        ("Bo Moss", "The Mill"), ("Bo Moss", "The Mill (2)"),
    }  # fmt: skip


def test_the_same_book_gives_the_same_chunks(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(book("The Mill", "Ada Vane"))
    assert chunked(tmp_path) == chunked(tmp_path / "a.txt")


def test_tokens_are_counted_by_a_models_own_tokenizer() -> None:
    catalogue = models.load(home())
    file = catalogue.folder(catalogue.shipped, home()) / "tokenizer.json"
    count = specimens.counter(file)
    assert count("") == 0
    assert 3 <= count("The fox ran home.") <= 8
    assert count("The fox ran home. " * 10) > 9 * count("The fox ran home.")
    assert specimens.counter(None)("one two three four") == 6


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", b"", "No story in"),
        ("a.txt", b"\n\n \n", "No story in"),
        ("a.txt", b"caf\xe9 au lait", "is not UTF-8 text (byte 3)"),
        ("a.jsonl", b"{}", "a.jsonl is no book"),
        ("none.txt", None, "There is no file or folder"),
        ("a.txt", b"x" * 2000, "is larger than 0 MB"),
    ],
)
def test_what_is_no_book_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None, told: str
) -> None:
    monkeypatch.setattr(specimens, "MOST_BYTES", 1000)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as caught:
        chunked(tmp_path / name)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match="is no tokenizer"):
        specimens.counter(tmp_path / "tokenizer.json")
