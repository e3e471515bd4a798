"""A character n-gram with interpolated Kneser-Ney smoothing: what counting alone can do.

Kneser & Ney 1995; interpolation and the discount n1 / (n1 + 2 n2) as in Chen & Goodman 1999.
Of bytes, so that eight of them are one 64-bit number.
"""

from __future__ import annotations

import numpy as np

LONGEST = 8


class KneserNey:
    """Trained on one text; `bits` of another one."""

    def __init__(self, text: bytes, order: int = LONGEST) -> None:
        assert 1 < order <= LONGEST
        self._order = order
        self._grams: list[np.ndarray] = []  # of each length, sorted
        self._counts: list[np.ndarray] = []  # as they stand; below the longest: distinct lefts
        longer: np.ndarray | None = None
        for length in range(order, 0, -1):
            if longer is None:
                grams, counts = np.unique(codes(text, length), return_counts=True)
            else:  # in how many different grams of one more byte does it stand at the end?
                mask = np.uint64(256**length - 1)
                grams, counts = np.unique(longer & mask, return_counts=True)
            self._grams.insert(0, grams)
            self._counts.insert(0, counts)
            longer = grams
        self._discounts = [_discount(counts) for counts in self._counts]
        self._contexts = [_contexts(g, c) for g, c in zip(self._grams, self._counts, strict=True)]

    def bits(self, text: bytes) -> float:
        """Bits a byte of `text` (its first bytes with as much context as there is)."""
        probability = np.full(len(text), 1 / 256)
        for length in range(1, self._order + 1):
            at = np.arange(length - 1, len(text))
            probability[at] = self._interpolated(codes(text, length), probability[at], length)
        return float(-np.log2(probability).mean())

    def _interpolated(self, grams: np.ndarray, lower: np.ndarray, length: int) -> np.ndarray:
        """max(c - D, 0) / total + D * kinds / total * lower; `lower` alone after an unseen
        context."""
        known, counts = self._grams[length - 1], self._counts[length - 1]
        contexts, totals, kinds = self._contexts[length - 1]
        discount = self._discounts[length - 1]
        place = np.minimum(np.searchsorted(known, grams), len(known) - 1)
        count = np.where(known[place] == grams, counts[place], 0)
        before = grams >> np.uint64(8)
        where = np.minimum(np.searchsorted(contexts, before), len(contexts) - 1)
        seen = contexts[where] == before
        total = np.where(seen, totals[where], 1)
        found: np.ndarray = (
            np.maximum(count - discount, 0) + discount * kinds[where] * lower
        ) / total
        return np.where(seen, found, lower)


def codes(text: bytes, length: int) -> np.ndarray:
    """Every run of `length` bytes as a number, the last byte lowest."""
    data = np.frombuffer(text, dtype=np.uint8)
    found = np.zeros(len(data) - length + 1, dtype=np.uint64)
    for at in range(length):
        found = (found << np.uint64(8)) | data[at : len(data) - length + 1 + at]
    return found


def _discount(counts: np.ndarray) -> float:
    once, twice = int((counts == 1).sum()), int((counts == 2).sum())
    return once / max(1, once + 2 * twice)


def _contexts(grams: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The contexts of `grams` (sorted), the sum of the counts after each, and how many kinds."""
    contexts, starts = np.unique(grams >> np.uint64(8), return_index=True)
    totals = np.add.reduceat(counts, starts)
    kinds = np.diff(np.append(starts, len(grams)))
    return contexts, totals, kinds
