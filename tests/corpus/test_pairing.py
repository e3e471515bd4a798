"""Pairs are balanced, drawn by a seed, and nothing that is held back is learned from."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.corpus import chunk_files, pairing
from talecraft.corpus.holding import MOST, Place, splits
from talecraft.errors import UsageError
from talecraft.process.corpus import Paired

Row = dict[str, Any]
BOOKS = {"Ada Vane": 3, "Bo Moss": 2, "Cy Holt": 1}


def chunk(author: str, book: str, chapter: str, number: int, **more: Any) -> Row:
    parts = dict.fromkeys(
        ("letters", "words", "sentences", "repetition", "marks", "lines", "narration", "length"), 1
    )
    text = more.pop("text", f"{author} wrote of {book}, {chapter}, {' '.join(['a'] * number)}.")
    row = {"author": author, "book": book, "chapter": chapter, "number": number, "text": text}
    return row | {"tokens": 9, "words": 7, "score": 1.0, "parts": parts} | more


def rows_of(books: dict[str, int], chapters: int = 5, each: int = 4) -> list[Row]:
    return [
        chunk(author, f"Book {book} of {author}", f"CHAPTER {at}", at * each + number)
        for author, count in books.items()
        for book in range(count)
        for at in range(chapters)
        for number in range(each)
    ]


@pytest.fixture
def file(tmp_path: Path) -> Callable[[Sequence[Row]], Path]:
    def write(rows: Sequence[Row], name: str = "chunks.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def paired(
    *paths: Path, author: str = "", rewritten: Path | None = None, count: int = 200, seed: int = 0,
    least: float = 0.5,
) -> tuple[list[Row], Paired]:  # fmt: skip
    lines: list[bytes] = []
    told = pairing.write(
        paths, author, rewritten, count, seed, least, lines.append, lambda done, of: None
    )
    return [json.loads(line) for line in lines], told


def test_pairs_are_of_one_author_or_of_two(file) -> None:
    rows = rows_of(BOOKS)
    by_text = {one["text"]: one for one in rows}
    pairs, told = paired(file(rows))
    assert list(pairs[0]) == ["text1", "text2", "score", "kind", "split"]
    for one in pairs:
        first, second = by_text[one["text1"]], by_text[one["text2"]]
        assert first != second
        same = first["author"] == second["author"]
        assert one["kind"] == ("same author" if same else "other author")
        assert one["score"] == (1.0 if same else 0.0)
    counts = Counter(f"{one['kind']}, {one['split']}" for one in pairs)
    assert counts == told.pairs
    for split in ("train", "held"):
        assert counts[f"same author, {split}"] == counts[f"other author, {split}"] > 0
    assert len(pairs) == pytest.approx(200, abs=4)
    assert (told.chunks, told.authors, told.left_out) == (120, 3, {})
    seen = [frozenset((one["text1"], one["text2"])) for one in pairs]
    assert len(set(seen)) == len(seen), "no pair comes twice"


def test_of_one_author_other_books_come_before_other_chapters(file) -> None:
    rows = rows_of({"Ada Vane": 4, "Bo Moss": 1})
    by_text = {one["text"]: one for one in rows}
    pairs, _ = paired(file(rows))
    for one in pairs:
        first, second = by_text[one["text1"]], by_text[one["text2"]]
        if one["kind"] == "same author" and one["split"] == "train":
            key = "book" if first["author"] == "Ada Vane" else "chapter"
            assert first[key] != second[key]


def test_authors_weigh_alike_however_much_they_wrote(file) -> None:
    rows = rows_of({"Ada Vane": 2}, each=40) + rows_of({"Bo Moss": 2, "Cy Holt": 2})
    pairs, _ = paired(file(rows), count=300)
    who = Counter(
        one["text1"].partition(" wrote")[0]
        for one in pairs
        if (one["kind"], one["split"]) == ("same author", "train")
    )
    assert max(who.values()) - min(who.values()) <= 1


def test_half_of_one_authors_pairs_are_of_two_books_where_one_has_several(file) -> None:
    rows = rows_of({"Ada Vane": 4} | {f"{one} Moss": 1 for one in ("Bo", "Cy", "Di", "Eve", "Flo")})
    by_text = {one["text"]: one for one in rows}
    pairs, told = paired(file(rows), count=160)
    books = [
        {by_text[one["text1"]]["book"], by_text[one["text2"]]["book"]}
        for one in pairs
        if (one["kind"], one["split"]) == ("same author", "train")
    ]
    across = sum(len(one) == 2 for one in books)
    assert 0.5 <= across / len(books) < 0.7
    assert told.across == across, "none is held of one author: only one of the books is"


def test_nothing_held_back_is_learned_from(file) -> None:
    rows = rows_of(BOOKS)
    by_text = {one["text"]: one for one in rows}
    pairs, _ = paired(file(rows), count=2000)
    units: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    texts: dict[str, set[str]] = defaultdict(set)
    for one in pairs:
        for text in (one["text1"], one["text2"]):
            place = by_text[text]
            alone = BOOKS[place["author"]] == 1
            units[one["split"]].add((place["book"], place["chapter"] if alone else ""))
            texts[one["split"]].add(text)
    assert texts["train"] & texts["held"] == set()
    assert units["train"] & units["held"] == set()
    assert len(texts["train"] | texts["held"]) == len(rows), "every chunk is in some pair"


def test_the_seed_decides(file) -> None:
    path = file(rows_of(BOOKS))
    assert paired(path) == paired(path)
    assert paired(path, seed=1) != paired(path)


def test_only_pairs_with_one_author(file) -> None:
    pairs, told = paired(file(rows_of(BOOKS)), author="Bo Moss", count=60)
    assert all(one["text1"].startswith("Bo Moss wrote") for one in pairs)
    assert told.pairs["same author, train"] == told.pairs["other author, train"]
    held = sum(one["split"] == "held" for one in pairs)
    assert (len(pairs), held) == (60, 30), "in the measure of this author's two books"


def test_rewritten_chunks_are_a_third(file, tmp_path: Path) -> None:
    rows = rows_of(BOOKS)
    retold: list[Row] = [
        {"text": one["text"], "rewritten": f"It -- is  said: {at}"} for at, one in enumerate(rows)
    ]
    retold += [
        {"number": 3, "rewritten": "Of several books."},
        {"text": "?", "rewritten": "No."},
        {"number": 7, "book": "Book 0 of Cy Holt", "rewritten": "By\x1b[2J number"},
    ]
    pairs, told = paired(file(rows), rewritten=file(retold, "retold.jsonl"), count=120)
    for split in ("train", "held"):
        kinds = [told.pairs[f"{kind}, {split}"] for kind in pairing.SCORES]
        assert max(kinds) - min(kinds) <= 1
    assert told.left_out == {"rewritten of no chunk": 2}
    mine = {one["text1"]: one for one in pairs if one["kind"] == "rewritten"}
    assert {one["score"] for one in mine.values()} == {0.2}
    by_text = {one["text"]: at for at, one in enumerate(rows)}
    for text, one in mine.items():
        expected = "By number" if text == rows[107]["text"] else f"It—is said: {by_text[text]}"
        assert one["text2"] == expected
    held = splits([Place(one["author"], one["book"], one["chapter"]) for one in rows], 0)
    for text, one in mine.items():
        row = rows[by_text[text]]
        assert one["split"] == held[Place(row["author"], row["book"], row["chapter"])]


def test_what_cannot_be_paired_is_left_out_and_told(file) -> None:
    rows = rows_of(BOOKS)
    more = [
        chunk("Ada Vane", "Book 9", "CHAPTER 1", 1, score=0.4),
        chunk("", "Book 9", "CHAPTER 1", 2),
        chunk("Bo Moss", "Book 9", "CHAPTER 1", 3, text=rows[0]["text"].upper()),
    ]
    _, told = paired(file(rows + more))
    assert told.left_out == {"low score": 1, "no author": 1, "twice there": 1}
    assert told.chunks == len(rows)
    _, told = paired(file(rows + more), least=0.4)
    assert told.left_out == {"no author": 1, "twice there": 1}


def test_few_chunks_give_as_many_pairs_as_there_are(file) -> None:
    """Two authors of one chapter with three chunks each: three pairs each, and nine between."""
    rows = rows_of({"Ada Vane": 1, "Bo Moss": 1}, chapters=1, each=3)
    pairs, told = paired(file(rows), count=1000)
    assert told.pairs["same author, train"] == 6
    assert 7 <= told.pairs["other author, train"] <= 9
    assert all(one["split"] == "train" for one in pairs)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "There is no chunk to pair (the files are empty)"),
        ("{}\n", "chunks.jsonl, line 1 is no chunk: Object missing required field"),
        ("\n{", "chunks.jsonl, line 2 is no chunk"),
        ("\x00" * 100, "chunks.jsonl, line 1 is no chunk"),
        (json.dumps(chunk("", "B", "C", 1)), "There is no chunk to pair (1 no author)"),
        (json.dumps(chunk("Ada Vane", "B", "C", 1)), "All chunks are by Ada Vane."),
        ("x" * 3000, "chunks.jsonl, line 1 is longer than"),
    ],
)
def test_what_makes_no_pairs_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, told: str
) -> None:
    monkeypatch.setattr(chunk_files, "MOST_BYTES", 2000)
    (tmp_path / "chunks.jsonl").write_text(content)
    with pytest.raises(UsageError) as caught:
        paired(tmp_path / "chunks.jsonl")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_author_and_a_file_of_something_else(file, tmp_path: Path) -> None:
    path = file(rows_of(BOOKS))
    with pytest.raises(UsageError, match=r"No chunk is by 'Di Fox'\. Authors: Ada Vane, Bo Moss"):
        paired(path, author="Di Fox")
    with pytest.raises(UsageError, match=r"chunks\.jsonl, line 1 is no rewritten chunk"):
        paired(path, rewritten=path)
    with pytest.raises(UsageError, match="cannot be read: is a directory"):
        paired(tmp_path)


def test_a_book_that_is_most_of_an_author_is_learned_from() -> None:
    giant = [Place("A", "giant", "1")] * 100
    small = [Place("A", f"small {at}", "1") for at in range(20)]
    for seed in range(20):
        held = splits(giant + small, seed)
        assert held[giant[0]] == "train"
        assert sum(held[one] == "held" for one in small) == 12, "a tenth of all chunks"


places = st.lists(
    st.builds(
        Place, st.sampled_from("AB"), st.sampled_from("xyz"), st.sampled_from(["1", "2", "3", "4"])
    ),
    max_size=60,
)


@given(places, st.integers(0, 5))
def test_whole_books_or_chapters_are_held_back(given_, seed):
    held = splits(given_, seed)
    assert set(held) == set(given_)
    assert splits(list(reversed(given_)), seed) == held, "the order changes nothing"
    for author in "AB":
        mine = [one for one in given_ if one.author == author]
        several = len({one.book for one in mine}) > 1
        units = {one.book if several else one.chapter: held[one] for one in mine}
        assert all(held[one] == units[one.book if several else one.chapter] for one in mine)
        parts = list(units.values())
        assert "train" in parts or not parts
        assert ("held" in parts) == (len(parts) > 1)
        share = sum(held[one] == "held" for one in mine) / max(1, len(mine))
        assert share <= MOST or parts.count("held") == 1
