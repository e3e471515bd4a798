"""Which words the writer surely likes or dislikes.

A hundred scores cannot weigh three hundred words one by one: a head that hears them all hears
noise, and one that hears none never learns that this writer loves dogs. So a word must prove
itself before it becomes a feature.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from talecraft.learning.labels import Scored
from talecraft.story.traits import TRAITS

DOUBT = 0.01  # the chance that of feedback without any liking for words one is chosen
FEWEST_STORIES = 3  # that a word must be in: what is dear in one alone may be that story's
FEWEST_ROWS = 10  # degrees of freedom, below which nothing is sure
MOST_WORDS = 8


def telling(data: Scored) -> tuple[int, ...]:
    """Columns of the vocabulary that tell what the traits do not, best first.

    Forward selection: the word whose count correlates most with what is left of the grades and
    preferences after the traits and the words already chosen is taken as long as its correlation,
    by Fisher's z, is beyond doubt for the number of words that were tried (Bonferroni).
    """
    tried = _in_enough_stories(data)
    if not tried.any():
        return ()
    counts, hand, asked = _rows(data)
    # What the traits explain, as an orthonormal basis of their span.
    basis, strength, _ = np.linalg.svd(hand, full_matrices=False)
    basis = basis[:, strength > 1e-6 * strength.max(initial=1e-6)]
    bar = NormalDist().inv_cdf(1 - DOUBT / 2 / tried.sum())
    chosen: list[int] = []
    while len(chosen) < MOST_WORDS and (left := len(asked) - basis.shape[1] - 3) >= FEWEST_ROWS:
        counts = counts - basis @ (basis.T @ counts)
        asked = asked - basis @ (basis.T @ asked)
        sizes = np.linalg.norm(counts, axis=0)
        usable = tried & (sizes > 1e-6)
        scale = np.maximum(sizes * np.linalg.norm(asked), 1e-12)
        found = np.where(usable, np.clip(asked @ counts / scale, -1 + 1e-12, 1 - 1e-12), 0.0)
        best = int(np.abs(found).argmax())
        if abs(np.arctanh(found[best])) * np.sqrt(left) < bar:
            break
        chosen.append(best)
        basis = np.concatenate([basis, (counts[:, best] / sizes[best])[:, None]], 1)
    return tuple(chosen)


def _rows(data: Scored) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What was said as a regression: word counts (R, V), traits (R, H), and what is asked for (R,).

    A row is a graded passage, about the mean of all, or the difference of a pair of which one was
    preferred; each by the root of its weight.
    """
    seen = data.features.numpy()
    hand, counts = seen[:, -len(TRAITS) :], data.counts.numpy()
    graded = data.stars.numpy() > 0
    stars = data.stars.numpy()[graded]
    centred = (stars - stars.mean()) / max(float(stars.std()), 1e-12) if len(stars) else stars
    pairs = data.pairs.strict
    weights = np.sqrt(np.concatenate([data.weights.numpy()[graded], pairs.weights]))

    def laid_out(columns: np.ndarray) -> np.ndarray:
        of_grades = columns[graded]
        if len(of_grades):
            of_grades = of_grades - of_grades.mean(0)
        of_pairs = columns[pairs.better] - columns[pairs.worse]
        rows: np.ndarray = weights[:, None] * np.concatenate([of_grades, of_pairs])
        return rows

    spread = np.maximum(hand.std(0), 1e-12)
    asked = weights * np.concatenate([centred, np.ones(len(pairs))])
    return laid_out(counts), laid_out(hand / spread), asked


def _in_enough_stories(data: Scored) -> np.ndarray:
    """Marks (V,) the words that are in FEWEST_STORIES or more."""
    inside = data.counts.numpy() > 0
    groups = data.folds_by
    stories = [inside[groups == name].any(0) for name in np.unique(groups)]
    found: np.ndarray = np.sum(stories, 0) >= FEWEST_STORIES
    return found
