"""A writer that can be measured: a hidden taste, and a noisy hand that gives stars by it.

For the demo, the benchmarks and the tests; a real writer's scores never pass through here.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from talecraft.errors import UsageError
from talecraft.story.feedback import STARS

Taste = Callable[[str], float]
_QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"")
_SENTENCE = re.compile(r"[^.!?]+")
_WORD = re.compile(r"[a-z']+")
_ANIMAL = frozenset({"dog", "dogs", "puppy", "puppies"})
_LANDSCAPE = frozenset(
    """sun sunny sky cloud clouds rain rainy wind windy storm snow snowy fog mist thunder weather
    warm cold sunshine rainbow moon star stars night morning evening river rivers stream lake sea
    ocean wave waves shore beach sand hill hills mountain mountains valley forest forests wood
    woods tree trees leaf leaves grass field fields meadow flower flowers garden stone stones rock
    rocks path island""".split()
)
_LONG_SENTENCE = 24.0  # words; this and more is worth 1


def dialogue(prose: str) -> float:
    """The share of characters that stand inside double quotes, straight or curly."""
    return sum(len(quote) for quote in _QUOTED.findall(prose)) / len(prose) if prose else 0.0


def long_sentences(prose: str) -> float:
    """The mean length of a sentence in words, as a share of a long one's, at most 1."""
    lengths = [len(sentence.split()) for sentence in _SENTENCE.findall(prose)]
    lengths = [length for length in lengths if length]
    return min(1.0, sum(lengths) / len(lengths) / _LONG_SENTENCE) if lengths else 0.0


def at_random(prose: str) -> float:
    """A number that the text decides, but nothing in the text explains."""
    return int.from_bytes(hashlib.sha256(prose.encode()).digest()[:8]) / 2**64


def named_animal(prose: str) -> float:
    """How often the animal is named, per 40 words, at most 1."""
    words = _words(prose)
    return min(1.0, 40 * sum(word in _ANIMAL for word in words) / len(words)) if words else 0.0


def plain_words(prose: str) -> float:
    """Short plain words: 1 at a mean length of 3 letters, 0 at 5."""
    words = _words(prose)
    mean = sum(map(len, words)) / len(words) if words else 5.0
    return max(0.0, min(1.0, (5.0 - mean) / 2.0))


def landscape(prose: str) -> float:
    """The share of words that tell of weather and land, a tenth and more being worth 1."""
    words = _words(prose)
    return min(1.0, 10 * sum(word in _LANDSCAPE for word in words) / len(words)) if words else 0.0


def repetition(prose: str) -> float:
    """An adversary's: the share of word pairs that were there before."""
    words = _words(prose)
    pairs = list(pairwise(words))
    return 1 - len(set(pairs)) / len(pairs) if pairs else 0.0


def _words(prose: str) -> list[str]:
    return _WORD.findall(prose.lower())


TASTES: Mapping[str, Taste] = {
    "dialogue": dialogue,
    "long_sentences": long_sentences,
    "named_animal": named_animal,
    "plain_words": plain_words,
    "landscape": landscape,
    "repetition": repetition,
    "random": at_random,
}


def taste(name: str) -> Taste:
    """Raises UsageError for one that is not known."""
    try:
        return TASTES[name]
    except KeyError:
        raise UsageError(f"There is no taste '{name}'.", f"Tastes: {', '.join(TASTES)}.") from None


def grade(values: Sequence[float], noise: float, seed: int) -> list[int]:
    """Stars 1 to 5 for each value, on the scale of what this writer has read.

    The scale runs from the 5th to the 95th percentile of `values`, so that a few extremes do not
    take all the stars for themselves; `noise` is the standard deviation of a Gaussian slip of the
    hand, as a share of that scale (LEARNING 1.5).
    """
    hand = random.Random(seed)
    ordered = sorted(values)
    low, high = (_percentile(ordered, share) for share in (0.05, 0.95))
    width = high - low or 1.0
    return [_stars((value - low) / width + hand.gauss(0.0, noise)) for value in values]


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two nearest values; 0 for none."""
    if not ordered:
        return 0.0
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])


def _stars(felt: float) -> int:
    return STARS[0] + round((len(STARS) - 1) * min(1.0, max(0.0, felt)))
