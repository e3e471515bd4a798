"""Which words the writer surely likes or dislikes.

A hundred scores cannot weigh three hundred words one by one: a head that hears them all hears
noise, and one that hears none never learns that this writer loves dogs. So a word must prove
itself before it becomes a feature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talecraft.learning.labels import WINSOR, Scored

DOUBT = 0.01  # the chance that of feedback without any liking for words one is chosen
DRAWS = 999
FEWEST_STORIES = 3  # that a word must be judged in: what is dear in one may be that story's
FEWEST_ROWS = 10  # more than the traits and words that are accounted for
MOST_WORDS = 8


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was said as a regression of R rows: `counts` (R, V) of words, traits `hand` (R, H), what
    is `asked` for (R,), the `groups` (R,) they are of; the first `grades` rows are graded passages,
    the others pairs."""

    counts: np.ndarray
    hand: np.ndarray
    asked: np.ndarray
    groups: np.ndarray
    grades: int


def telling(data: Scored) -> tuple[int, ...]:
    """Columns of the vocabulary that tell what the traits do not, best first.

    Forward selection: the word whose count goes most with what is left of the grades and
    preferences after the traits and the words already chosen is taken as long as no more than
    DOUBT of random draws have any word that goes as well with theirs (the largest of all words
    tried: Westfall and Young 1993). By draws that deal the grades out anew and turn pairs round,
    however grades are distributed; and by draws that turn whole stories round, however alike a
    story's passages are. Below eight stories nothing can be that sure.
    """
    tried = _in_enough_stories(data)
    if not tried.any():
        return ()
    rows = _rows(data)
    counts, asked = rows.counts, rows.asked
    # What the traits explain, as an orthonormal basis of their span.
    basis, strength, _ = np.linalg.svd(rows.hand, full_matrices=False)
    basis = basis[:, strength > 1e-6 * strength.max(initial=1e-6)]
    random = np.random.default_rng(0)
    names, story = np.unique(rows.groups, return_inverse=True)
    stories = random.choice([-1.0, 1.0], (DRAWS, len(names)))[:, story]
    chosen: list[int] = []
    while len(chosen) < MOST_WORDS and len(asked) - basis.shape[1] >= FEWEST_ROWS:
        counts = counts - basis @ (basis.T @ counts)
        asked = asked - basis @ (basis.T @ asked)
        sizes = np.linalg.norm(counts, axis=0)
        unit = np.where(tried & (sizes > 1e-6), counts / np.maximum(sizes, 1e-12), 0.0)
        found = np.abs(asked @ unit)
        best = int(found.argmax())
        if found[best] < 1e-9 or any(
            _share_as_good(drawn, unit, found[best]) > DOUBT
            for drawn in (_dealt(asked, rows.grades, random), asked * stories)
        ):
            break
        chosen.append(best)
        basis = np.concatenate([basis, unit[:, [best]]], 1)
    return tuple(chosen)


def _dealt(asked: np.ndarray, grades: int, random: np.random.Generator) -> np.ndarray:
    """`asked` (DRAWS, R) with its grades in random order and its pairs by lot the other way."""
    many = np.tile(asked, (DRAWS, 1))
    many[:, :grades] = random.permuted(many[:, :grades], axis=1)
    many[:, grades:] *= random.choice([-1.0, 1.0], many[:, grades:].shape)
    return many


def _share_as_good(drawn: np.ndarray, unit: np.ndarray, found: float) -> float:
    """The share of draws, this one among them, in which some word does as well as `found`."""
    as_good = np.abs(drawn @ unit).max(1) >= found - 1e-9
    return float((1 + as_good.sum()) / (1 + len(drawn)))


def _rows(data: Scored) -> _Asked:
    """A row is a graded passage, about the mean of all, or the difference of a pair of which one
    was preferred; each by the root of its weight. Grades are in standard deviations. What was
    thrown away beside much that was kept makes pairs that no lot can turn round one by one."""
    graded = data.stars.numpy() > 0
    pairs = data.pairs.whole
    of_grades, of_pairs = data.weights.numpy()[graded], pairs.weights
    root = np.sqrt(np.concatenate([of_grades, of_pairs]))

    def centred(values: np.ndarray) -> np.ndarray:
        if not len(values):
            return values
        found: np.ndarray = values - np.average(values, axis=0, weights=of_grades)
        return found

    def laid_out(columns: np.ndarray) -> np.ndarray:
        differences = columns[pairs.better] - columns[pairs.worse]
        rows: np.ndarray = root[:, None] * np.concatenate([centred(columns[graded]), differences])
        return rows

    hand = data.hand.numpy()
    hand = (hand - hand.mean(0)) / np.maximum(hand.std(0), 1e-12)
    stars = centred(data.stars.numpy()[graded])
    stars = stars / max(float(stars.std()), 1e-12) if len(stars) else stars
    groups = data.folds_by
    return _Asked(
        laid_out(data.counts.numpy()),
        laid_out(np.clip(hand, -WINSOR, WINSOR)),
        root * np.concatenate([stars, np.ones(len(pairs))]),
        np.concatenate([groups[graded], groups[pairs.better]]),
        int(graded.sum()),
    )


def _in_enough_stories(data: Scored) -> np.ndarray:
    """Marks (V,) the words that are in FEWEST_STORIES or more, by passages that say something."""
    pairs = data.pairs.whole
    said = data.stars.numpy() > 0
    said[pairs.better] = said[pairs.worse] = True
    inside = data.counts.numpy()[said] > 0
    stories = [inside[data.groups[said] == name].any(0) for name in np.unique(data.groups[said])]
    if not stories:
        return np.zeros(inside.shape[1], dtype=bool)
    found: np.ndarray = np.sum(stories, 0) >= FEWEST_STORIES
    return found
