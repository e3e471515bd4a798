"""What a manner is told by, whatever is told: small words and marks.

Frequencies of function words and of punctuation are the classical evidence of who wrote a text
(Mosteller and Wallace 1964; Burrows, "Delta", 2002): nobody chooses them for what happens.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from talecraft.story.words import FUNCTION_WORDS, PARTICLES

_MORE = frozenset(
    "almost quite rather indeed perhaps however therefore upon shall unto oh ah well"
    " never ever always often soon little great good old first last long".split()
)
SMALL_WORDS: tuple[str, ...] = tuple(sorted(FUNCTION_WORDS | PARTICLES | _MORE))
MARKS = (".", ",", ";", ":", "!", "?", "-", "—", "(", "\"", "'", "…", "\n\n", "!\"", "?\"", ",\"",
         ".\"", " - ", ", and", "; and", ". And", ". But")  # fmt: skip
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "—"})
WIDTH = len(MARKS) + len(SMALL_WORDS)


def stylometry(prose: str) -> list[float]:
    """WIDTH figures: how many of each of MARKS and of SMALL_WORDS there are for each word of the
    text. Of these rates the square root stands: a rare word then varies about as
    much as a common one (the variance of a Poisson count, made even). All quotes are read alike:
    they are the printer's."""
    plain = prose.translate(_PLAIN)
    words = [word.lower() for word in _WORD.findall(plain)]
    counts = Counter(words)
    total = max(1, len(words))
    marks = [math.sqrt(plain.count(mark) / total) for mark in MARKS]
    return [*marks, *(math.sqrt(counts[word] / total) for word in SMALL_WORDS)]
