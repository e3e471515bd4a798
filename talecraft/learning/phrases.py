"""Which turns of phrase rose and fell between two sets of passages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from talecraft.process.run_events import Phrase
from talecraft.story.traits import words_of
from talecraft.story.words import FUNCTION_WORDS

LONGEST = 3  # words
LEAST_Z = 1.96
PRIOR = 1000.0  # pseudo-counts, shared out by how common a phrase is in both sets together


def changed(before: Sequence[str], after: Sequence[str], most: int = 6) -> list[Phrase]:
    """The phrases whose share changed most surely, risen first: log-odds with an informative
    Dirichlet prior (Monroe, Colaresi & Quinn, "Fightin' Words", Political Analysis 2008).

    At most `most` that rose and as many that fell; of phrases that contain each other and moved
    together only the surest, and none of function words alone.
    """
    was, now = _counts(before), _counts(after)
    totals = sum(was.values()), sum(now.values())
    words = tuple(sum(len(words_of(one)) for one in side) for side in (before, after))
    scored = [
        (_z((was[phrase], now[phrase]), totals), phrase)
        for phrase in was.keys() | now.keys()
        if not FUNCTION_WORDS.issuperset(phrase.split())  # “of the” tells a reader nothing
    ]
    scored.sort(key=lambda pair: (-abs(pair[0]), pair[1]))
    found: list[Phrase] = []
    for rose in (True, False):
        chosen: list[str] = []
        for z, phrase in scored:
            if abs(z) < LEAST_Z or len(chosen) == most:
                break
            if (z > 0) == rose and not any(_overlap(phrase, other) for other in chosen):
                chosen.append(phrase)
                found.append(Phrase(phrase, was[phrase], now[phrase], *words))
    return found


def _counts(passages: Iterable[str]) -> Counter[str]:
    """Phrases of one to LONGEST words; none goes over the end of a passage."""
    found: Counter[str] = Counter()
    for passage in passages:
        words = [word.lower() for word in words_of(passage)]
        for length in range(1, LONGEST + 1):
            found.update(" ".join(words[i : i + length]) for i in range(len(words) - length + 1))
    return found


def _z(counts: tuple[int, int], totals: tuple[int, int]) -> float:
    """How many standard deviations the log-odds of a phrase moved from the first set to the
    second, each count raised by the phrase's share of the prior."""
    prior = PRIOR * sum(counts) / sum(totals)
    was, now = (
        math.log((count + prior) / (total + PRIOR - count - prior))
        for count, total in zip(counts, totals, strict=True)
    )
    return (now - was) / math.sqrt(sum(1 / (count + prior) for count in counts))


def _overlap(a: str, b: str) -> bool:
    return f" {a} " in f" {b} " or f" {b} " in f" {a} "
