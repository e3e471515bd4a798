"""Chunks on disk: where each one lies, so that no more than that is in memory."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

import msgspec

from talecraft.corpus import cleaning, reading
from talecraft.corpus.holding import Place
from talecraft.corpus.specimens import Chunk
from talecraft.errors import UsageError
from talecraft.story.clean import clean, clean_line

MOST_BYTES = 2**24  # of a line
R = TypeVar("R")


class Rewritten(msgspec.Struct, frozen=True):
    """A chunk's content in another manner. The chunk is named by its text, or by its number and,
    where there are several books, by its book."""

    rewritten: str
    text: str = ""
    number: int = 0
    book: str = ""


class Stored(NamedTuple):
    """Where a chunk lies on disk: only this is kept in memory."""

    file: int
    offset: int
    place: Place
    number: int


class Chunks:
    """The chunks in some files: where each one lies, and its text when it is asked for.

    `left` counts what cannot be used: chunks below the `least` score, without an author, and texts
    that stand there twice. Raises UsageError for a line that is no chunk.
    """

    def __init__(self, paths: Sequence[Path], least: float) -> None:
        self.left = Counter[str]()
        self.found: list[Stored] = []
        self.by_text: dict[bytes, int] = {}
        self._files: list[BinaryIO] = []
        for number, path in enumerate(paths):
            with reading.readable(path):
                self._files.append(path.open("rb"))
                hint = "Make chunks with `talecraft corpus chunk`."
                for offset, chunk in _rows(self._files[-1], path, Chunk, "chunk", hint):
                    self._take(chunk, number, offset, least)

    def _take(self, chunk: Chunk, file: int, offset: int, least: float) -> None:
        key = _key(chunk.text)
        if chunk.score < least:
            self.left["low score"] += 1
        elif not chunk.author.strip():
            self.left["no author"] += 1
        elif key in self.by_text:
            self.left["twice there"] += 1
        else:
            self.by_text[key] = len(self.found)
            place = Place(chunk.author, chunk.book, chunk.chapter)
            self.found.append(Stored(file, offset, place, chunk.number))

    def text(self, at: int) -> str:
        one = self.found[at]
        return clean(_row_at(self._files[one.file], one.offset, Chunk).text)


class Retellings:
    """The retold chunks in a file: `of` says where that of a chunk lies, `lost` how many are of no
    chunk that is there. Raises UsageError for a line that is none."""

    def __init__(self, path: Path, chunks: Chunks) -> None:
        self.of: dict[int, int] = {}
        self.lost = 0
        numbered: dict[tuple[str, int], list[int]] = defaultdict(list)
        for at, one in enumerate(chunks.found):
            numbered[one.place.book, one.number].append(at)
            numbered["", one.number].append(at)
        hint = 'Each line has "rewritten", and "text" or "number" (and "book").'
        with reading.readable(path):
            self._file = path.open("rb")
            for offset, row in _rows(self._file, path, Rewritten, "rewritten chunk", hint):
                same = [chunks.by_text[_key(row.text)]] if _key(row.text) in chunks.by_text else []
                named = same if row.text else numbered.get((row.book, row.number), [])
                if len(named) == 1 and row.rewritten.strip():
                    self.of[named[0]] = offset
                else:
                    self.lost += 1

    def text(self, offset: int) -> str:
        """In one typography, and clean, as chunks are."""
        row = _row_at(self._file, offset, Rewritten)
        return cleaning.typography(cleaning.paragraphs(clean(row.rewritten)))


def _rows(
    file: BinaryIO, path: Path, type_: type[R], what: str, hint: str
) -> Iterator[tuple[int, R]]:
    """What the lines hold that are not blank, and where they begin. Raises UsageError."""
    number = offset = 0
    decode = msgspec.json.Decoder(type_).decode
    while data := file.readline(MOST_BYTES + 1):
        number += 1
        where = f"{clean_line(path.name)}, line {number}"
        if len(data) > MOST_BYTES:
            raise UsageError(f"{where} is longer than {MOST_BYTES // 2**20} MB.", hint)
        if data.strip():
            try:
                row = decode(data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise UsageError(
                    f"{where} is no {what}: {clean_line(str(error))}.", hint
                ) from error
            yield offset, row
        offset += len(data)


def _row_at(file: BinaryIO, offset: int, type_: type[R]) -> R:
    file.seek(offset)
    return msgspec.json.decode(file.readline(), type=type_)


def _key(text: str) -> bytes:
    """The same for texts that differ in blanks and capitals alone."""
    plain = " ".join(text.split()).casefold()
    return hashlib.blake2b(plain.encode(), digest_size=16).digest()
