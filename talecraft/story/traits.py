"""The countable things about prose: what a taste can be told by, in words a writer uses."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

TRAITS = (
    "longer sentences", "more even sentences", "dialogue", "varied wording", "longer words",
    "commas", "exclamations", "questions", "longer passages", "names", "long words", "paragraphs",
)  # fmt: skip
OPPOSITES = (
    "shorter sentences", "less even sentences", "less dialogue", "plainer wording", "shorter words",
    "fewer commas", "fewer exclamations", "fewer questions", "shorter passages", "fewer names",
    "fewer long words", "fewer paragraphs",
)  # fmt: skip
_SENTENCES = re.compile(r"[^.!?…]+[.!?…]*")
_WORDS = re.compile(r"[A-Za-z']+")
_QUOTED = re.compile(r"[\"“][^\"“”]*(?:[\"”]|$)")


def traits(prose: str) -> list[float]:
    """How much there is of each of TRAITS, as rates so that length does not speak through all."""
    words = words_of(prose)
    count = max(1, len(words))
    characters = max(1, len(prose))
    lengths = [n for s in _SENTENCES.findall(prose) if (n := len(words_of(s)))] or [0]
    mean = fmean(lengths)
    starts = [w for w in words[1:] if w[0].isupper() and w != "I"]
    return [
        mean,
        -math.sqrt(fmean((n - mean) ** 2 for n in lengths)),
        sum(len(q) for q in _QUOTED.findall(prose)) / characters,
        distinct2(words),
        sum(map(len, words)) / count,
        prose.count(",") / count,
        prose.count("!") / count,
        prose.count("?") / count,
        math.log1p(len(words)),
        len(starts) / count,
        sum(len(w) > 6 for w in words) / count,
        prose.strip().count("\n") / count,
    ]


def words_of(prose: str) -> list[str]:
    return _WORDS.findall(prose)


def distinct2(words: Sequence[str]) -> float:
    """Share of different word pairs among all: 1 without repetition (Li et al., 1510.03055)."""
    pairs = list(pairwise(word.lower() for word in words))
    return len(set(pairs)) / len(pairs) if pairs else 1.0


def repeated(words: Sequence[str], length: int = 4) -> float:
    """The share of n-grams of so many words that stood there before; 0 where there are none."""
    grams = [tuple(words[at : at + length]) for at in range(len(words) - length + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
