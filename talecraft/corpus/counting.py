"""In how many passages each word is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from talecraft.corpus import cleaning, passages, reading
from talecraft.errors import UsageError
from talecraft.story.clean import clean
from talecraft.story.idf import Idf

Heard = Callable[[int, int, int], None]  # files read, of so many, and passages so far
EVERY = 500  # passages between two words of how far it is


def count(source: Path, seed: int = 0, hear: Heard = lambda files, of, passages: None) -> Idf:
    """All words of the stories in a file or folder, over passages of a turn's length.

    Raises UsageError where it cannot be read, or holds no words.
    """
    found = Idf.of(_passages(source, random.Random(seed), hear))
    if not found.words:
        raise UsageError(f"There are no words in {source}.", "Nothing could be counted.")
    return found


def _passages(source: Path, rng: random.Random, hear: Heard) -> Iterator[str]:
    files = reading.files(source)
    told = 0
    for at, file in enumerate(files):
        for row in reading.rows(file):
            for passage in passages.cut(cleaning.paragraphs(clean(row.text)), rng):
                if told % EVERY == 0:
                    hear(at, len(files), told)
                told += 1
                yield passage
    hear(len(files), len(files), told)
