"""A turn that ends, and takes up each beat of its plan."""

from __future__ import annotations

from functools import lru_cache

import snowballstemmer

from talecraft.learning.rewards.format import beats_of
from talecraft.learning.rewards.part import Ground, Part
from talecraft.learning.rollouts import Rollout
from talecraft.story.idf import Idf, terms

TAKEN_UP = 0.5  # of what a beat's words tell (IDF)
_stemmer = snowballstemmer.stemmer("english")


def completeness(rollout: Rollout, idf: Idf) -> float:
    """(ended + share of beats taken up) / 2 - 1: 0 at best, -1 for what neither ends nor has
    anything to do with a plan."""
    beats = beats_of(rollout.outline)
    stems = {_stem(word) for word in terms(rollout.prose)}
    share = sum(taken_up(beat, stems, idf) for beat in beats) / len(beats) if beats else 0.0
    return (float(rollout.finished) + share) / 2 - 1


def taken_up(beat: str, stems: set[str], idf: Idf) -> bool:
    """Are words with at least TAKEN_UP of the beat's IDF among the prose's `stems`?"""
    weights = {_stem(word): idf(word) for word in terms(beat)}
    whole = sum(weights.values())
    told = sum(weight for stem, weight in weights.items() if stem in stems)
    return whole > 0 and told >= TAKEN_UP * whole


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    return str(_stemmer.stemWord(word))


def build(ground: Ground) -> Part:
    return Part.each(lambda rollout: completeness(rollout, ground.idf))
