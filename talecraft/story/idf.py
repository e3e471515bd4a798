"""How much a word tells: its inverse document frequency over passages (Spärck Jones 1972)."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import msgspec

_TERM = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def terms(text: str) -> list[str]:
    """The words of a text in their order, in small letters, apostrophes straight."""
    plain = unicodedata.normalize("NFC", text).lower().replace("’", "'")
    return _TERM.findall(plain)


class Idf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of so many `documents` (passages) how many each word is in."""

    documents: int
    words: dict[str, int]

    @classmethod
    def of(cls, passages: Iterable[str], fewest: int = 1) -> Idf:
        """Counted from these passages; words in less than `fewest` of them are left out, and
        count as unknown."""
        count, inside = 0, Counter[str]()
        for passage in passages:
            count += 1
            inside.update(set(terms(passage)))
        kept = {word: n for word, n in sorted(inside.items()) if n >= fewest}
        return cls(count, kept)

    def __call__(self, word: str) -> float:
        """log((1 + N) / (1 + n)) for a word as `terms` gives it: 0 for what is everywhere, the most
        for what was never seen."""
        return math.log((1 + self.documents) / (1 + self.words.get(word, 0)))
