"""Does the writer's own scoring go with the length of a passage?"""

from __future__ import annotations

import numpy as np


def asks_for_length(lengths: np.ndarray, stars: np.ndarray) -> int:
    """+1 or -1 where the writer's own scores surely go up or down with length, else 0.

    Spearman's rho above 0.3 in size, and more than 2.6 of its standard errors, 1 / sqrt(n - 1),
    from zero: one writer in a hundred without such a wish is misread.
    """
    if len(np.unique(stars)) < 2 or len(np.unique(lengths)) < 2:
        return 0
    rho = float(np.corrcoef(_ranks(lengths), _ranks(stars))[0, 1])
    sure = abs(rho) > max(0.3, 2.6 / np.sqrt(len(stars) - 1))
    return int(np.sign(rho)) if sure else 0


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse])
