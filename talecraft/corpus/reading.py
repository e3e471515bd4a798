"""A user's stories on disk -> tales: tables of prompts and stories, or stories alone."""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from talecraft.corpus import cleaning, passages
from talecraft.corpus.clauses import words
from talecraft.corpus.tales import Passage, Tale
from talecraft.errors import UsageError, os_reason
from talecraft.story.clean import clean, clean_line

PREMISE = ("prompt", "premise", "wp_source", "instruction")
OUTLINE = ("outline", "think", "plan")
STORY = ("story", "text", "wp_target", "response")
TABLES = (".jsonl", ".csv", ".tsv", ".parquet")
PROSE = (".txt", ".md")
LEAST_WORDS = 20  # of a story; what is shorter teaches nothing
_BEAT = re.compile(r"^\s*(?:[-*•]|\d+[.)])?\s*(.*?)\s*$")
_STORY_BREAK = re.compile(
    r"^[ \t]*(?:<\|endoftext\|>|[-*_=#]{3,}|(?:\*[ \t]*){3,})[ \t]*$", re.MULTILINE
)

csv.field_size_limit(2**27)


def read(path: Path, seed: int = 0) -> list[Tale]:
    """Every tale in a file, or in the files of a folder in the order of their names.

    A table (.jsonl, .csv, .tsv, .parquet) has a column for the story (`story`, `text` or
    `wp_target`) and may have one for the prompt and one for the outline; a text (.txt, .md) is
    one story, or several divided by lines of *** or ---. What is missing is taken from the story.
    An outline's story is one turn; a story without one is cut into turns.

    Raises UsageError where there is no such file, one cannot be read (naming file and row), or
    nothing in them is a story.
    """
    if not path.exists():
        raise UsageError(f"There is no file or folder {path}.")
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.suffix.lower() in TABLES + PROSE)
        files = [one for one in files if one.is_file() and not one.name.startswith(".")]
    else:
        files = [path]
    known = ", ".join(TABLES + PROSE)
    if not files:
        raise UsageError(f"No stories in {path}.", f"Talecraft reads {known}.")
    rng = random.Random(seed)
    found = [tale for one in files for tale in _file(one, rng, known)]
    if not found:
        raise UsageError(
            f"No story of {LEAST_WORDS} words or more in {path}.", "Nothing could be learned."
        )
    return found


def _file(path: Path, rng: random.Random, known: str) -> Iterator[Tale]:
    kind = path.suffix.lower()
    try:
        if kind in PROSE:
            yield from _texts(path, rng)
        elif kind == ".jsonl":
            yield from _table(path, _json_rows(path), rng)
        elif kind in {".csv", ".tsv"}:
            yield from _table(path, _csv_rows(path, "\t" if kind == ".tsv" else ","), rng)
        elif kind == ".parquet":
            yield from _table(path, _parquet_rows(path), rng)
        else:
            raise UsageError(f"{path.name} is no kind of file that stories are read from.",
                             f"Talecraft reads {known}.")  # fmt: skip
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {os_reason(error)}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path} is not UTF-8 text (byte {error.start}).", "Save it as UTF-8 and try again."
        ) from error


def _texts(path: Path, rng: random.Random) -> Iterator[Tale]:
    parts = _STORY_BREAK.split(path.read_text(encoding="utf-8-sig"))
    for at, part in enumerate(parts, 1):
        name = clean_line(path.name)
        where = name if len(parts) == 1 else f"{name}, story {at}"
        text = cleaning.paragraphs(clean(part))
        if len(words(text)) >= LEAST_WORDS:
            yield passages.tale(text, "", rng, where)


def _table(
    path: Path, rows: Iterator[tuple[int, Mapping[str, Any]]], rng: random.Random
) -> Iterator[Tale]:
    for number, row in rows:
        where = f"{clean_line(path.name)}, row {number}"
        named = {str(name).strip().lower(): value for name, value in row.items()}
        if not named.keys() & set(STORY):
            raise UsageError(
                f"{where} has no story: its columns are {', '.join(named) or 'none'}.",
                f"Call the story's column one of {', '.join(STORY)}.",
            )
        text = cleaning.paragraphs(clean(_cell(named, STORY, where) or ""))
        if len(words(text)) < LEAST_WORDS:
            continue
        premise = cleaning.prompt(clean(_cell(named, PREMISE, where) or ""))
        outline = beats_of(clean(_cell(named, OUTLINE, where) or ""))
        if outline:
            premise = premise or passages.premise_of(text, rng)
            yield Tale(premise, (Passage(outline, text),), where)
        else:
            yield passages.tale(text, premise, rng, where)


def beats_of(outline: str) -> tuple[str, ...]:
    """An outline's lines as beats, without their marks or numbers."""
    found = (_BEAT.match(line) for line in outline.splitlines())
    return tuple(one[1] for one in found if one and one[1])


def _cell(row: Mapping[str, Any], names: tuple[str, ...], where: str) -> str | None:
    """The first of these columns; lists of lines are joined. Raises UsageError for a number."""
    for name in names:
        value = row.get(name)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            value = "\n".join(value)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"{where}: '{name}' is no text but {type(value).__name__}.")
        if value is not None:
            return value
    return None


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
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


def _parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    import pyarrow
    import pyarrow.parquet

    try:
        number = 0
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except pyarrow.ArrowException as error:
        raise UsageError(f"{path.name} is no readable parquet file: {error}.") from error
