"""A user's prompts on disk: a line each, or a table's column."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from talecraft.corpus import cleaning, reading
from talecraft.errors import UsageError
from talecraft.process.corpus import PromptsRead
from talecraft.story.clean import clean, clean_line

LINES = (".txt", ".md", ".wp_source")
LONGEST = 2000  # characters: what is longer is a story
_KNOWN = ", ".join(LINES + reading.TABLES)


def read(path: Path, most: int, seed: int = 0) -> PromptsRead:
    """The prompts in a file in their order, each once; of more than `most` so many drawn at random
    (reservoir sampling, Vitter 1985, algorithm R).

    A table has them in a column `prompt`, `premise`, `wp_source` or `instruction`; a text has one
    on each line. Tags ([ WP ]) and numbers are cut. Raises UsageError where the file cannot be read
    or has none.
    """
    random_ = random.Random(seed)
    seen: set[int] = set()
    kept: list[tuple[int, str]] = []
    with reading.readable(path):
        for text in _texts(path):
            prompt = cleaning.prompt(clean(text))
            if not prompt or len(prompt) > LONGEST or (known := hash(prompt.lower())) in seen:
                continue
            seen.add(known)
            there = len(seen)
            if len(kept) < most:
                kept.append((there, prompt))
            elif (place := random_.randrange(there)) < most:
                kept[place] = (there, prompt)
    if not kept:
        raise UsageError(f"There is no prompt in {path}.", "Write one on each line.")
    return PromptsRead([prompt for _, prompt in sorted(kept)], len(seen))


def _texts(path: Path) -> Iterator[str]:
    kind = path.suffix.lower()
    if kind in LINES:
        with path.open(encoding="utf-8-sig") as file:
            yield from reading.lines(file, clean_line(path.name))
    elif kind in reading.TABLES:
        for number, row in reading.records(path, reading.PREMISE):
            where, named = f"{clean_line(path.name)}, row {number}", reading.columns(row)
            if not named.keys() & set(reading.PREMISE):
                raise UsageError(
                    f"{where} has no prompt: its columns are {', '.join(named) or 'none'}.",
                    f"Call the prompts' column one of {', '.join(reading.PREMISE)}.",
                )
            yield reading.cell(named, reading.PREMISE, where)
    else:
        raise UsageError(
            f"{path.name} is no kind of file that prompts are read from.",
            f"Talecraft reads {_KNOWN}.",
        )
