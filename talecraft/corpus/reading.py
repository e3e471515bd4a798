"""A user's stories on disk -> tales: tables of prompts and stories, or stories alone."""

from __future__ import annotations

import codecs
import csv
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from talecraft.corpus import cleaning, passages
from talecraft.corpus.tales import Passage, Tale
from talecraft.errors import UsageError, os_reason
from talecraft.story.clean import clean, clean_line
from talecraft.story.words import words

PREMISE = ("prompt", "premise", "wp_source", "instruction")
OUTLINE = ("outline", "think", "plan")
STORY = ("story", "text", "wp_target", "response")
_COLUMNS = {*PREMISE, *OUTLINE, *STORY}
TABLES = (".jsonl", ".csv", ".tsv", ".parquet")
PROSE = (".txt", ".md")
LEAST_WORDS = 20  # of a story; what is shorter teaches nothing
MOST_LETTERS = 2**26  # of a line, or of a story: what is longer would fill the memory
_BEAT = re.compile(r"^\s*(?:[-*•]|\d+[.)])?\s*(.*?)\s*$")
_STORY_BREAK = re.compile(
    r"^[ \t]*(?:<\|endoftext\|>|[-*_=#]{3,}|(?:\*[ \t]*){3,})[ \t]*$", re.MULTILINE
)

csv.field_size_limit(2**27)


class Stories(NamedTuple):
    """`tales` out of `there`, the number of stories in the files; where those stand that are
    `short`, of fewer than LEAST_WORDS words."""

    tales: list[Tale]
    there: int
    short: list[str]


class Row(NamedTuple):
    """A story as it lies on disk; `where` names file and place."""

    where: str
    text: str
    premise: str = ""
    outline: str = ""

    @property
    def is_short(self) -> bool:
        """Sure only of what is short as it lies there; cleaned it may be shorter."""
        return len(self.text) < 2 * LEAST_WORDS or len(words(self.text)) < LEAST_WORDS

    def tale(self, rng: random.Random) -> Tale | None:
        """None where too little is left of it, cleaned."""
        text = cleaning.paragraphs(clean(self.text))
        if len(words(text)) < LEAST_WORDS:
            return None
        premise = cleaning.prompt(clean(self.premise))
        if outline := beats_of(clean(self.outline)):
            premise = premise or passages.premise_of(text, rng)
            return Tale(premise, (Passage(outline, text),), self.where)
        return passages.tale(text, premise, rng, self.where)


def read(
    path: Path, seed: int = 0, most: int = 0, alive: Callable[[], None] = lambda: None
) -> Stories:
    """Every tale in a file, or in the files of a folder in the order of their names; of more than
    `most` stories (0: of any number) so many drawn at random.

    A table (.jsonl, .csv, .tsv, .parquet) has a column for the story (`story`, `text` or
    `wp_target`) and may have one for the prompt and one for the outline; a text (.txt, .md) is
    one story, or several divided by lines of *** or ---. What is missing is taken from the story.
    An outline's story is one turn; a story without one is cut into turns. `alive` is called at
    every story, and may raise to stop.

    Raises UsageError where there is no such file, one cannot be read (naming file and row), or
    nothing in them is a story.
    """
    every = (row for one in files(path) for row in rows(one))
    drawn, there, short = _drawn(every, most, seed, alive)
    rng = random.Random(seed)
    found = []
    for row in drawn:
        alive()
        if (tale := row.tale(rng)) is not None:
            found.append(tale)
        else:
            short.append(row.where)
    if not found:
        raise UsageError(
            f"No story of {LEAST_WORDS} words or more in {path}.", "Nothing could be learned."
        )
    return Stories(found, there, short)


def files(path: Path, endings: Sequence[str] = TABLES + PROSE) -> list[Path]:
    """This file, or those of a folder with such endings, in the order of their names.

    Raises UsageError where there is none.
    """
    if not path.exists():
        raise UsageError(f"There is no file or folder {path}.")
    if not path.is_dir():
        return [path]
    found = sorted(one for one in path.rglob("*") if one.suffix.lower() in endings)
    found = [one for one in found if one.is_file() and not one.name.startswith(".")]
    if not found:
        raise UsageError(f"No stories in {path}.", f"Talecraft reads {', '.join(endings)}.")
    return found


def _drawn(
    rows: Iterator[Row], most: int, seed: int, alive: Callable[[], None]
) -> tuple[list[Row], int, list[str]]:
    """At most `most` of them in their order, each as likely as any other (reservoir sampling,
    Vitter 1985, algorithm R), how many there are, and where those stand that are too short. Only
    the chosen ones are kept in memory."""
    rng = random.Random(f"{seed} drawn")
    kept: list[tuple[int, Row]] = []
    short: list[str] = []
    there = 0
    for row in rows:
        alive()
        if row.is_short:
            short.append(row.where)
            continue
        there += 1
        if not most or len(kept) < most:
            kept.append((there, row))
        elif (place := rng.randrange(there)) < most:
            kept[place] = (there, row)
    return [row for _, row in sorted(kept, key=lambda one: one[0])], there, short


_KNOWN = ", ".join(TABLES + PROSE)


def rows(path: Path) -> Iterator[Row]:
    """The stories in one file, as they lie there. Raises UsageError where it cannot be read."""
    kind = path.suffix.lower()
    with readable(path):
        if kind in PROSE:
            yield from _texts(path)
        elif kind in TABLES:
            yield from _table(path, records(path))
        else:
            raise UsageError(f"{path.name} is no kind of file that stories are read from.",
                             f"Talecraft reads {_KNOWN}.")  # fmt: skip


def records(path: Path, named: Sequence[str] = STORY) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a table with their numbers. Of a parquet file only the known columns are read,
    if one of those that must be `named` is there."""
    kind = path.suffix.lower()
    if kind == ".jsonl":
        return _json_rows(path)
    if kind == ".parquet":
        return _parquet_rows(path, named)
    return _csv_rows(path, "\t" if kind == ".tsv" else ",")


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Inside, what cannot be read is a UsageError that names the file."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {os_reason(error)}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 text (byte {_first_other(path)}).",
            "Save it as UTF-8 and try again.",
        ) from error


def _first_other(path: Path) -> int:
    """Where the first byte stands that is not UTF-8; Python's own error counts from its buffer."""
    decoder, at = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        while True:
            block = file.read(2**20)
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return at - held + error.start
            at += len(block)


def _texts(path: Path) -> Iterator[Row]:
    """Line by line: such a file may be larger than memory. Between two breaks there may be nothing,
    which is no story."""
    name = clean_line(path.name)
    held: list[str] = []
    at = size = 0
    with path.open(encoding="utf-8-sig") as file:
        for line in lines(file, name):
            if not _STORY_BREAK.match(line):
                held.append(line)
                size += len(line)
                if size > MOST_LETTERS:
                    raise _too_long(f"{name}, story {at + 1}")
                continue
            at += 1
            if any(one.strip() for one in held):
                yield Row(f"{name}, story {at}", "".join(held))
            held, size = [], 0
    if any(one.strip() for one in held):
        yield Row(f"{name}, story {at + 1}" if at else name, "".join(held))


def lines(file: TextIO, name: str) -> Iterator[str]:
    """Line by line. Raises UsageError at one that would not fit into memory."""
    for number in count(1):
        line = file.readline(MOST_LETTERS + 1)
        if not line:
            return
        if len(line) > MOST_LETTERS:
            raise _too_long(f"{name}, line {number}")
        yield line


def _too_long(where: str) -> UsageError:
    return UsageError(
        f"{where} is longer than {MOST_LETTERS // 10**6} million characters.", "Divide the text."
    )


def _table(path: Path, rows: Iterator[tuple[int, Mapping[str, Any]]]) -> Iterator[Row]:
    for number, row in rows:
        where = f"{clean_line(path.name)}, row {number}"
        named = columns(row)
        if not named.keys() & set(STORY):
            raise UsageError(
                f"{where} has no story: its columns are {', '.join(named) or 'none'}.",
                f"Call the story's column one of {', '.join(STORY)}.",
            )
        story = Row(where, cell(named, STORY, where))
        if not story.is_short:
            premise, outline = (cell(named, names, where) for names in (PREMISE, OUTLINE))
            story = story._replace(premise=premise, outline=outline)
        yield story


def columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its columns' names in small letters."""
    return {str(name).strip().lower(): value for name, value in row.items()}


def beats_of(outline: str) -> tuple[str, ...]:
    """An outline's lines as beats, without their marks or numbers."""
    found = (_BEAT.match(line) for line in outline.splitlines())
    return tuple(one[1] for one in found if one and one[1])


def cell(row: Mapping[str, Any], names: tuple[str, ...], where: str) -> str:
    """The first of these columns, '' where there is none; lists of lines are joined. Raises
    UsageError for a number."""
    for name in names:
        value = row.get(name)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            value = "\n".join(value)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{where}: '{name}' is no text but {type(value).__name__}.")
        if value is not None:
            return value
    return ""


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(lines(file, path.name), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                at = f" (from its character {error.colno} on)" if hasattr(error, "colno") else ""
                raise UsageError(f"{path.name}, row {number} is no JSON{at}.") from error
            if not isinstance(row, dict):
                raise UsageError(f"{path.name}, row {number} is no JSON object.")
            yield number, row


def _csv_rows(path: Path, delimiter: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter=delimiter, restkey="beyond the last column")
        try:
            for row in rows:
                if "beyond the last column" in row:
                    raise UsageError(
                        f"{path.name}, line {rows.line_num} has more cells than the header.",
                        'Put "..." around texts that have commas in them.',
                    )
                yield rows.line_num, row
        except csv.Error as error:
            raise UsageError(f"{path.name}, line {rows.line_num}: {error}.") from error


def _parquet_rows(path: Path, named: Sequence[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        number = 0
        with pyarrow.parquet.ParquetFile(path) as file:
            known = {one.strip().lower(): one for one in file.schema_arrow.names}
            # Without what must be there all are read: the message names them.
            wanted = [one for name, one in known.items() if name in _COLUMNS]
            chosen = wanted if known.keys() & set(named) else None
            for batch in file.iter_batches(batch_size=256, columns=chosen):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except pyarrow.ArrowException as error:
        raise UsageError(f"{path.name} is no readable parquet file: {error}.") from error
