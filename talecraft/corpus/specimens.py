"""Books on disk -> chunks of prose, each with its place and its score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from talecraft.corpus import books, chunking, quality, reading
from talecraft.corpus.books import Book
from talecraft.corpus.chunking import Count
from talecraft.corpus.quality import Parts
from talecraft.errors import UsageError
from talecraft.process.corpus import LEAST_SCORE, BookRead, Chunked
from talecraft.story.clean import clean_line
from talecraft.story.turns import word_count

ENDINGS = reading.PROSE
MOST_BYTES = 64_000_000  # of a book; the Bible has 4 million


class Chunk(msgspec.Struct, frozen=True):
    """A stretch of one chapter. `number` counts through the book from 1; author, book and chapter
    stand for what must not be parted when some is held back. `tokens` by the tokenizer that was
    named, `words` as the program counts them; `parts` are what makes the score."""

    author: str
    book: str
    chapter: str
    number: int
    text: str
    tokens: int
    words: int
    score: float
    parts: Parts


Write = Callable[[bytes], object]
Heard = Callable[[int, int, int], None]


def write(
    sources: Sequence[Path], size: int, author: str, count: Count, out: Write, hear: Heard
) -> Chunked:
    """Give `out` every chunk as a line; one book at a time is in memory.

    Raises UsageError where a file cannot be read, is too large, or none holds a story.
    """
    files = [file for source in sources for file in _files(source)]
    told, skipped, cut = list[BookRead](), list[str](), Counter[str]()
    chunks = tokens = below = 0
    named = Counter[tuple[str, str]]()
    for at, file in enumerate(files):
        hear(at, len(files), chunks)
        book = _named_once(book_in(file, author), named)
        cut.update(book.cut)
        before = chunks
        for chunk in cut_up(book, size, count):
            out(msgspec.json.encode(chunk) + b"\n")
            chunks, tokens = chunks + 1, tokens + chunk.tokens
            below += chunk.score < LEAST_SCORE
            if chunks % 100 == 0:
                hear(at, len(files), chunks)
        if chunks == before:
            skipped.append(clean_line(file.name))
            continue
        told.append(BookRead(
            book.author, book.title, len(book.chapters), chunks - before,
            books.word_count(book.chapters), sum(book.cut.values()),
        ))  # fmt: skip
    if not chunks:
        raise UsageError(
            f"No story in {', '.join(clean_line(str(one)) for one in sources)}.",
            f"Give texts of at least {books.LEAST_WORDS} words.",
        )
    hear(len(files), len(files), chunks)
    total = sum(one.words for one in told)
    return Chunked(told, chunks, total, tokens, below, dict(cut), skipped)


def cut_up(book: Book, size: int, count: Count) -> Iterator[Chunk]:
    """The chunks of a book, in their order."""
    number = 0
    for chapter in book.chapters:
        for text in chunking.chunks(chapter.paragraphs, size, count):
            number += 1
            found = quality.parts(text, round(size / 2 / chunking.TOKENS_A_WORD))
            yield Chunk(
                book.author, book.title, chapter.title, number, text, count(text),
                word_count(text), found.score, found,
            )  # fmt: skip


def counter(tokenizer: Path | None) -> Count:
    """How many tokens a text has by this tokenizer.json, or reckoned from its words.

    Raises UsageError where the file cannot be used.
    """
    if tokenizer is None:
        return chunking.by_words
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # the library raises nothing narrower
        raise UsageError(
            f"{tokenizer} is no tokenizer: {clean_line(str(error))}.", "Choose another model."
        ) from error
    return lambda text: len(made.encode(text, add_special_tokens=False).ids)


def book_in(file: Path, author: str) -> Book:
    """The book in this file; where it names no author, by `author`. Raises UsageError."""
    return books.parse(_text(file), author, _name(file))


def _files(source: Path) -> list[Path]:
    """This file, or the texts of a folder. Raises UsageError where there is none."""
    if not source.is_dir() and source.suffix.lower() not in ENDINGS and source.exists():
        raise UsageError(
            f"{clean_line(source.name)} is no book.", f"Books are read from {', '.join(ENDINGS)}."
        )
    return reading.files(source, ENDINGS)


def _text(file: Path) -> str:
    with reading.readable(file):
        if file.stat().st_size > MOST_BYTES:
            raise UsageError(
                f"{clean_line(str(file))} is larger than {MOST_BYTES // 10**6} MB.", "Divide it."
            )
        return file.read_text(encoding="utf-8-sig")


def _name(file: Path) -> str:
    return clean_line(file.stem.replace("_", " "))


def _named_once(book: Book, named: Counter[tuple[str, str]]) -> Book:
    """With a number behind its title where another book of this author has the same."""
    key = book.author, book.title
    named[key] += 1
    if named[key] == 1:
        return book
    return msgspec.structs.replace(book, title=f"{book.title} ({named[key]})")
