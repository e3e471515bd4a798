"""One author's chunks with their plans, and some of other authors': what a manner is learned from.

Which books are held back is decided as for pairs (holding.py): the same chunks with the same seed
are held back from the encoder, the author's centroid and the policy alike.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from talecraft.corpus import outlines, passages, reading, specimens
from talecraft.corpus.chunk_files import Chunks
from talecraft.corpus.chunking import Count
from talecraft.corpus.holding import Place, Split, splits
from talecraft.corpus.tales import Passage, Tale
from talecraft.errors import UsageError
from talecraft.process.corpus import MannerRead
from talecraft.story.clean import clean_line

OTHERS_EACH = 12  # chunks of each other author, for a centroid
MOST_AUTHORS = 60  # others
TOGETHER = 3  # chunks in a row that are one tale: how a passage goes on is learned, too
Write = Callable[[bytes], object]
Hear = Callable[[int, int], None]


class Specimen(msgspec.Struct, frozen=True):
    """A chunk of prose; of the author also the `beats` of its plan and a `premise` that it could
    have begun from. Of others there are only texts."""

    author: str
    book: str
    chapter: str
    number: int
    split: Split
    mine: bool
    text: str
    premise: str = ""
    beats: tuple[str, ...] = ()


class Manner(msgspec.Struct, frozen=True):
    """Specimens by what they are for. Nothing held stands among what is learned from."""

    train: list[Specimen]
    held: list[Specimen]
    others: dict[str, list[Specimen]]

    @property
    def tales(self) -> list[Tale]:
        """What is learned from: up to TOGETHER chunks in a row of a chapter as one tale."""
        found: list[Tale] = []
        row: list[Specimen] = []
        for one in [*self.train, None]:
            goes_on = (
                row
                and one is not None
                and len(row) < TOGETHER
                and _place(one) == _place(row[-1])
                and one.number == row[-1].number + 1
            )
            if row and not goes_on:
                told = tuple(Passage(part.beats, part.text) for part in row)
                found.append(Tale(row[0].premise, told, f"{row[0].book}, chunk {row[0].number}"))
                row = []
            row += [one] if one is not None else []
        return found


def read(path: Path) -> Manner:
    """What `write` wrote."""
    decode = msgspec.json.Decoder(Specimen).decode
    every = [decode(line) for line in path.read_bytes().splitlines()]
    others: dict[str, list[Specimen]] = defaultdict(list)
    for one in every:
        if not one.mine:
            others[one.author].append(one)
    mine = [one for one in every if one.mine]
    return Manner(
        [one for one in mine if one.split == "train"],
        [one for one in mine if one.split == "held"],
        dict(others),
    )


def write(
    sources: Sequence[Path], author: str, size: int, count: Count, most: int, held: int,
    seed: int, least: float, out: Write, hear: Hear,
) -> MannerRead:  # fmt: skip
    """Give `out` the specimens as lines: at most `most` of the author's to learn from, in stretches
    as they stand, at most `held` held back, and OTHERS_EACH of each other author.

    The `sources` are files of chunks, or books, which are cut into chunks of about `size` tokens;
    a book that names no author is the `author`'s. Raises UsageError for what cannot be read, and
    where there is nothing of the author.
    """
    found = [one for path in sources for one in _texts(path, author, size, count, least)]
    found.sort(key=lambda one: (one.author, one.book, one.number))
    parts = splits([_place(one) for one in found], seed)
    found = [msgspec.structs.replace(one, split=parts[_place(one)]) for one in found]
    named = {one.author.casefold(): one.author for one in found}
    name = named.get(clean_line(author).casefold(), "")
    if not name:
        known = ", ".join(clean_line(one) for one, _ in _by_author(found).most_common(8))
        raise UsageError(
            f"No text is by '{clean_line(author)}'.", f"Authors: {known or 'none is named'}."
        )
    rng = random.Random(f"{seed} manner")
    mine = [one for one in found if one.author == name]
    learned = _stretches([one for one in mine if one.split == "train"], most, rng)
    judged = _some([one for one in mine if one.split == "held"], held, rng)
    every = [*learned, *judged]
    kept = Counter[Split]()
    for done, one in enumerate(every):
        if done % 25 == 0:
            hear(done, len(every))
        beats = outlines.beats(one.text)
        if not beats:
            continue
        kept[one.split] += 1
        planned = msgspec.structs.replace(
            one, mine=True, premise=passages.premise_of(one.text, rng), beats=beats
        )
        out(msgspec.json.encode(planned) + b"\n")
    others = _others([one for one in found if one.author != name], rng)
    for one in others:
        out(msgspec.json.encode(one) + b"\n")
    hear(len(every), len(every))
    books = sorted({one.book for one in judged})
    several = len({one.book for one in mine}) > 1
    return MannerRead(
        name, kept["train"], kept["held"], books if several else [], several,
        len({one.author for one in others}), len(every) - sum(kept.values()), len(mine),
    )  # fmt: skip


def _texts(path: Path, author: str, size: int, count: Count, least: float) -> Iterator[Specimen]:
    """Chunks that can be used, each once."""
    if path.is_file() and path.suffix.lower() == ".jsonl":
        chunks = Chunks([path], least)
        for at, one in enumerate(chunks.found):
            yield Specimen(*one.place, one.number, "train", False, chunks.text(at))
        return
    seen = set[str]()
    for file in reading.files(path, specimens.ENDINGS):
        book = specimens.book_in(file, "")
        if not book.author.strip():  # what names its author is not another's
            book = msgspec.structs.replace(book, author=clean_line(author))
        for chunk in specimens.cut_up(book, size, count):
            if chunk.score >= least and chunk.text not in seen:
                seen.add(chunk.text)
                yield Specimen(
                    chunk.author, chunk.book, chunk.chapter, chunk.number, "train", False,
                    chunk.text,
                )  # fmt: skip


def _place(one: Specimen) -> Place:
    return Place(one.author, one.book, one.chapter)


def _by_author(found: Sequence[Specimen]) -> Counter[str]:
    return Counter(one.author for one in found)


def _stretches(found: Sequence[Specimen], most: int, rng: random.Random) -> list[Specimen]:
    """At most `most` of them, TOGETHER at a time, from all books, in their order."""
    starts = list(range(0, len(found), TOGETHER))
    chosen = sorted(rng.sample(starts, min(len(starts), -(-most // TOGETHER))))
    return [one for at in chosen for one in found[at : at + TOGETHER]][:most]


def _some(found: Sequence[Specimen], most: int, rng: random.Random) -> list[Specimen]:
    chosen = sorted(rng.sample(range(len(found)), min(len(found), most)))
    return [found[at] for at in chosen]


def _others(found: Sequence[Specimen], rng: random.Random) -> list[Specimen]:
    by_author: dict[str, list[Specimen]] = defaultdict(list)
    for one in found:
        by_author[one.author].append(one)
    names = sorted(by_author)
    names = sorted(rng.sample(names, min(len(names), MOST_AUTHORS)))
    return [one for name in names for one in _some(by_author[name], OTHERS_EACH, rng)]
