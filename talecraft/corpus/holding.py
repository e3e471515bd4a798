"""What is held back to judge by: whole books, or whole chapters of who wrote one book alone."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal, NamedTuple

Split = Literal["train", "held"]
LEAST, MOST = 0.1, 0.25  # of an author's chunks are held back, where whole books allow it


class Place(NamedTuple):
    """Where a chunk stands."""

    author: str
    book: str
    chapter: str


def splits(places: Sequence[Place], seed: int) -> dict[Place, Split]:
    """Which chapters are held back. Of who has several books one book or more, of others chapters;
    who has one chapter alone is learned from. By checksums of their names, so that the order of the
    chunks changes nothing."""
    by_author: dict[str, Counter[Place]] = defaultdict(Counter)
    for place in places:
        by_author[place.author][place] += 1
    found: dict[Place, Split] = {}
    for chapters in by_author.values():
        several = len({place.book for place in chapters}) > 1
        units: Counter[str] = Counter()
        for place, count in chapters.items():
            units[_unit(place, several)] += count
        held = _held(units, seed)
        for place in chapters:
            found[place] = "held" if _unit(place, several) in held else "train"
    return found


def _unit(place: Place, several: bool) -> str:
    return place.book if several else f"{place.book}\n{place.chapter}"


def _held(units: Counter[str], seed: int) -> set[str]:
    """Units drawn until LEAST of all chunks are held, none that would bring it above MOST; the
    smallest one where each would."""
    total, held = sum(units.values()), set[str]()
    if len(units) < 2:
        return held
    order = sorted(units, key=lambda unit: (zlib.crc32(f"{seed} {unit}".encode()), unit))
    count = 0
    for unit in order:
        if count < LEAST * total and count + units[unit] <= MOST * total:
            held.add(unit)
            count += units[unit]
    return held or {min(order, key=lambda unit: units[unit])}
