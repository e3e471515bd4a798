"""How much a word tells: its inverse document frequency over passages (Spärck Jones 1972)."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

import msgspec

_TERM = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
LONGEST = 40  # letters; what is longer is no word
MOST_WORDS = 2_000_000  # held while counting; more are noise, and would fill the memory


def terms(text: str) -> list[str]:
    """The words of a text in their order, in small letters, apostrophes straight."""
    return [term for term, _, _ in placed(unicodedata.normalize("NFC", text))]


def placed(text: str) -> list[tuple[str, int, int]]:
    """The same words, each with where it begins and ends in `text`, which is in NFC."""
    found = _TERM.finditer(text)
    return [(one[0].lower().replace("’", "'"), one.start(), one.end()) for one in found]


class Idf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of so many `documents` (passages) how many each word is in."""

    documents: int
    words: dict[str, int]

    @classmethod
    def of(cls, passages: Iterable[str], fewest: int = 1) -> Idf:
        """Counted from these passages; words in less than `fewest` of them are left out, and
        count as unknown. Where there are too many words to hold, the rarest so far are let go
        (lossy counting, Manku and Motwani 2002)."""
        count, rarest, inside = 0, 0, Counter[str]()
        for passage in passages:
            count += 1
            inside.update({word for word in terms(passage) if len(word) <= LONGEST})
            while len(inside) > MOST_WORDS:
                rarest += 1
                inside = Counter({word: n for word, n in inside.items() if n > rarest})
        return cls(count, dict(sorted(inside.items()))).without_rare(fewest)

    def without_rare(self, fewest: int) -> Idf:
        """Without the words in less than `fewest` passages."""
        return Idf(self.documents, {word: n for word, n in self.words.items() if n >= fewest})

    def __call__(self, word: str) -> float:
        """log((1 + N) / (1 + n)) for a word as `terms` gives it: 0 for what is everywhere, the most
        for what was never seen."""
        return math.log((1 + self.documents) / (1 + self.words.get(word, 0)))
