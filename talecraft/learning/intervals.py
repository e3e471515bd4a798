"""Figures of the gate and how sure they are."""

from __future__ import annotations

import numpy as np

BOOTSTRAPS = 1000


def gains(differences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each pair of passages how much was won, and how much changed.

    Sum over sum is a win rate in which differences count by their size. A judge that knows forty
    opinions has some guess about any two passages: who loves dogs is served by the one passage in
    five that now has one, and these clear wins must not drown in guesses about the other four.
    """
    return np.maximum(differences, 0.0), np.abs(differences)


def bootstrap(
    values: np.ndarray, seed: int, sizes: np.ndarray | None = None
) -> tuple[float, float, float]:
    """Mean of `values` (one per prompt) and its 90 % bootstrap interval; with `sizes` their sum
    over the sum of sizes, a half where that is 0."""
    sizes = np.ones(len(values)) if sizes is None else sizes
    random = np.random.default_rng([seed, 10])
    drawn = random.integers(0, len(values), (BOOTSTRAPS, len(values)))
    shares = _share(values[drawn].sum(1), sizes[drawn].sum(1))
    low, high = np.percentile(shares, [5, 95])
    return float(_share(values.sum(), sizes.sum())), float(low), float(high)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.5)
