"""What the taste head minimises: the penalised negative log-likelihood of stars and pairs.

All in closed form: its slope costs one more product, and no graph is built for a few hundred
numbers. Logistic throughout, float64.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit


@dataclass(frozen=True, slots=True)
class Opinions:
    """What was said of N passages.

    `rows` (n,) were given a `grade` 0..K of those in use, each with its `weights`; of the pairs
    (P,) the row `better` was preferred to `worse`, with `pair_weights`.
    """

    rows: np.ndarray
    grade: np.ndarray
    weights: np.ndarray
    better: np.ndarray
    worse: np.ndarray
    pair_weights: np.ndarray


def minima(z: np.ndarray, said: Opinions, ridges: Iterable[float]) -> Iterator[np.ndarray]:
    """For each ridge the w (F,) that minimises the loss of u = z w plus ridge |w|^2, z (N, F), by
    L-BFGS; each is sought from where the one before it was found."""
    width = z.shape[1]
    cuts = int(said.grade.max(initial=0))  # a grade nobody gave has no threshold of its own
    at = np.zeros(width + cuts)

    def loss(at: np.ndarray, ridge: float) -> tuple[float, np.ndarray]:
        w = at[:width]
        value, by_u, by_cuts = negative_log_likelihood(z @ w, at[width:], said)
        return value + ridge * (w @ w), np.concatenate([z.T @ by_u + 2 * ridge * w, by_cuts])

    for ridge in ridges:
        found = minimize(
            loss, at, (ridge,), method="L-BFGS-B", jac=True,
            options={"maxiter": 500, "maxcor": 20, "gtol": 1e-6, "ftol": 1e-13},
        )  # fmt: skip
        at = found.x
        yield at[:width].copy()


def negative_log_likelihood(
    u: np.ndarray, cuts: np.ndarray, said: Opinions
) -> tuple[float, np.ndarray, np.ndarray]:
    """For u (N,) and cuts (K,), see `ordinal`: the loss, its slopes by u (N,) and by cuts (K,)."""
    by_u, by_cuts, value = np.zeros(len(u)), np.zeros(len(cuts)), 0.0
    if len(cuts):
        losses, slopes, by_cuts = ordinal(u[said.rows], said.grade, cuts, said.weights)
        value = float(losses.sum())
        by_u[said.rows] = slopes
    if len(said.better):  # Bradley and Terry 1952
        margin = u[said.better] - u[said.worse]
        value += float(said.pair_weights @ np.logaddexp(0, -margin))
        slopes = said.pair_weights * expit(-margin)
        by_u += np.bincount(said.worse, slopes, len(u)) - np.bincount(said.better, slopes, len(u))
    return value, by_u, by_cuts


def ordinal(
    u: np.ndarray, grade: np.ndarray, cuts: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """-log[sigma(theta_g - u) - sigma(theta_{g-1} - u)] for each row, times its weight (McCullagh
    1980); its slopes by u, for each row, and by cuts, for all together.

    `cuts` (K,): the first threshold, then the logs of the gaps to the next, so that they stay in
    order. theta_{-1} and theta_K are infinite.
    """
    gaps = np.exp(cuts[1:])
    thresholds = cuts[0] + np.concatenate([[0.0], np.cumsum(gaps)])
    edges = np.concatenate([[-np.inf], thresholds, [np.inf]])
    # log(sigma(a) - sigma(b)) = log sigma(a) + log sigma(-b) + log(1 - e^(b - a)), stable for
    # a > b; the last is the gap's alone, whatever u.
    over, under = u - edges[grade + 1], edges[grade] - u
    of_gap = np.concatenate([[0.0], -np.log(-np.expm1(-gaps)), [0.0]])
    losses = np.logaddexp(0, over) + np.logaddexp(0, under) + of_gap[grade]
    above, below = weights * expit(over), weights * expit(under)
    by_edge = np.bincount(grade, below, len(edges)) - np.bincount(grade + 1, above, len(edges))
    beyond = np.cumsum(by_edge[1:-1][::-1])[::-1]  # a cut moves every threshold from its own on
    by_gap = beyond[1:] - np.bincount(grade, weights, len(edges))[1 : len(cuts)] / np.expm1(gaps)
    return weights * losses, above - below, np.concatenate([beyond[:1], by_gap * gaps])
