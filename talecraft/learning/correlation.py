"""Spearman's rank correlation, and how sure it is."""

from __future__ import annotations

import numpy as np

from talecraft.process.style import Correlation

BOOTSTRAPS = 1000


def spearman(found: np.ndarray, wanted: np.ndarray) -> float:
    """Of two rows of figures (N,): Pearson's correlation of their ranks, what is equal sharing the
    mean of its ranks (Spearman 1904). 0 where one of them is all alike. Of scores that are but 0 or
    1 it is never 1: half of the ranks of either are alike."""
    ranks = [_ranks(one) - (len(one) + 1) / 2 for one in (found, wanted)]
    spread = np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum())
    return float((ranks[0] * ranks[1]).sum() / spread) if spread > 0 else 0.0


def sure(found: np.ndarray, wanted: np.ndarray, seed: int) -> Correlation:
    """With its 90 % bootstrap interval, drawn over pairs."""
    random = np.random.default_rng([seed, 50])
    drawn = random.integers(0, len(found), (BOOTSTRAPS, len(found)))
    low, high = np.percentile([spearman(found[at], wanted[at]) for at in drawn], [5, 95])
    return Correlation(spearman(found, wanted), float(low), float(high))


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 1 on; of equal ones the mean."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = counts.cumsum()
    ranks: np.ndarray = (last - (counts - 1) / 2)[which]
    return ranks
