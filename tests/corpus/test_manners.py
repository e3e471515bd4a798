"""What a manner is learned from: whose, with which plans, and what is held back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talecraft.config.assets import reference
from talecraft.corpus import chunking, manners
from talecraft.corpus.holding import Place, splits
from talecraft.corpus.manners import TOGETHER, Manner
from talecraft.errors import UsageError
from talecraft.process.corpus import MannerRead
from tests.corpus.test_pairing import chunk

TOLD = (
    "The fox ran into the wood and hid a golden ring number {n} beneath the oak. The old owl saw"
    " the fox and told the farmer of {book}. The farmer took a lantern and walked into the wood."
)


def rows(books: dict[str, int], chapters: int = 5, each: int = 6) -> list[dict[str, Any]]:
    return [
        chunk(
            author, f"{author} {book}", f"CHAPTER {at}", at * each + number,
            text=TOLD.format(n=f"{at}-{number}", book=f"{author} {book}"),
        )
        for author, count in books.items()
        for book in range(count)
        for at in range(chapters)
        for number in range(each)
    ]  # fmt: skip


def gathered(
    tmp_path: Path, sources: list[Path] | None = None, author: str = "Ada Vane", **more: Any
) -> tuple[Manner, MannerRead]:
    if sources is None:
        sources = [tmp_path / "chunks.jsonl"]
        books = more.pop("books", {"Ada Vane": 4, "Bo Moss": 2, "Cy Holt": 1})
        sources[0].write_text("".join(json.dumps(one) + "\n" for one in rows(books)))
    target = tmp_path / "manner.jsonl"
    with target.open("wb") as file:
        told = manners.write(
            sources, author, 160, chunking.by_words, more.get("most", 90), more.get("held", 20),
            more.get("seed", 0), 0.5, file.write, lambda done, of: None,
        )  # fmt: skip
    return manners.read(target), told


def test_whole_books_are_held_back_and_none_of_them_is_learned_from(tmp_path: Path) -> None:
    found, told = gathered(tmp_path)
    learned, held = ({one.book for one in part} for part in (found.train, found.held))
    assert learned
    assert held
    assert not learned & held
    assert told.held_books == sorted(held)
    assert (told.train, told.held) == (len(found.train), len(found.held))
    assert told.author == "Ada Vane"
    assert not {one.text for one in found.train} & {one.text for one in found.held}


def test_the_same_is_held_back_as_from_the_pairs(tmp_path: Path) -> None:
    found, _ = gathered(tmp_path, seed=3)
    every = rows({"Ada Vane": 4, "Bo Moss": 2, "Cy Holt": 1})
    parts = splits([Place(one["author"], one["book"], one["chapter"]) for one in every], 3)
    for one in [*found.train, *found.held]:
        assert parts[Place(one.author, one.book, one.chapter)] == one.split


def test_of_who_wrote_one_book_chapters_are_held_back(tmp_path: Path) -> None:
    found, told = gathered(tmp_path, author="Cy Holt")
    assert (told.several, told.held_books) == (False, [])
    learned, held = ({one.chapter for one in part} for part in (found.train, found.held))
    assert held
    assert not learned & held


def test_every_chunk_of_the_author_has_its_plan_and_a_premise(tmp_path: Path) -> None:
    found, _ = gathered(tmp_path)
    assert all(one.beats and one.premise for one in [*found.train, *found.held])
    assert any("hides" in " ".join(one.beats) for one in found.train), "told in the present"


def test_of_the_others_there_are_some_chunks_without_plans(tmp_path: Path) -> None:
    found, told = gathered(tmp_path)
    assert sorted(found.others) == ["Bo Moss", "Cy Holt"]
    assert told.others == 2
    some = [one for part in found.others.values() for one in part]
    assert all(len(part) == manners.OTHERS_EACH for part in found.others.values())
    assert not any(one.beats or one.mine for one in some)


def test_a_tale_is_of_chunks_in_a_row_and_of_one_chapter(tmp_path: Path) -> None:
    found, _ = gathered(tmp_path, most=1000)
    place = {one.text: one for one in found.train}
    sizes = set()
    for tale in found.tales:
        told = [place[one.prose] for one in tale.passages]
        assert len({(one.book, one.chapter) for one in told}) == 1
        numbers = [one.number for one in told]
        assert numbers == list(range(numbers[0], numbers[0] + len(told)))
        sizes.add(len(told))
        assert tale.premise == told[0].premise
    assert max(sizes) == TOGETHER
    assert sum(len(one.passages) for one in found.tales) == len(found.train)


def test_at_most_so_many_are_taken_the_same_each_time(tmp_path: Path) -> None:
    found, _ = gathered(tmp_path, most=30, held=5)
    assert len(found.train) == 30
    assert len(found.held) == 5
    again, _ = gathered(tmp_path, most=30, held=5)
    assert again == found
    assert gathered(tmp_path, most=30, held=5, seed=1)[0] != found


def test_the_name_is_found_in_any_letters_and_another_is_refused_with_those_there_are(
    tmp_path: Path,
) -> None:
    assert gathered(tmp_path, author="ada vane")[1].author == "Ada Vane"
    with pytest.raises(UsageError, match="No text is by 'Di Elm'") as refused:
        gathered(tmp_path, author="Di Elm")
    assert "Ada Vane" in str(refused.value.hint)


def test_books_in_a_folder_that_name_no_author_are_the_authors(tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    texts = reference("passage")
    for name, part in (("one", texts[:20]), ("two", texts[20:40])):
        (books / f"{name}.txt").write_text("CHAPTER I\n\n" + "\n\n".join(part))
    (books / "other.txt").write_text(
        "Wood Magic\n\nby Richard Jefferies\n\nCHAPTER I\n\n" + "\n\n".join(texts[40:60])
    )
    found, told = gathered(tmp_path, [books])
    assert told.author == "Ada Vane"
    assert {one.book for one in [*found.train, *found.held]} == {"one", "two"}
    assert list(found.others) == ["Richard Jefferies"]
