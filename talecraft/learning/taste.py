"""The taste head: one writer's scores as a function of a passage's features.

u(x) = w . phi(x), fitted by an ordinal (cumulative-link) likelihood of the stars plus a
Bradley-Terry likelihood of pairs, with a ridge on w. Convex, small and deterministic, so it is
fitted anew, from all feedback, at every run (LEARNING 1.3).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talecraft.learning.labels import WINSOR, Pairs, Scored, concordance
from talecraft.learning.likelihood import Opinions, minima
from talecraft.learning.words import telling
from talecraft.story.traits import OPPOSITES, TRAITS

# What served best on every simulated log is among these; weaker ones fit the noise of a hundred
# scores, and sometimes win the cross-validation by it.
RIDGES = (300.0, 1000.0, 3000.0)
LEAST_CONCORDANCE = 0.60
FOLDS = 8
BOOTSTRAPS = 400
SURE = 1.6449  # standard deviations to either side of 90 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Scale:
    """How features (N, F) become comparable: z-scored, winsorised, their kinds balanced."""

    mean: Tensor
    spread: Tensor
    balance: Tensor

    @classmethod
    def of(cls, data: Scored, words: Sequence[int] = ()) -> Scale:
        """Constant features become 0, and so do words of the vocabulary that are not `words`."""
        features = data.features
        spread = features.std(0, correction=0)
        spread = torch.where(spread > 1e-8, spread, torch.inf)
        balance = _balance(features.shape[1], len(data.vocabulary), words)
        return cls(features.mean(0), spread, balance)

    def __call__(self, features: Tensor) -> Tensor:
        z = ((features - self.mean) / self.spread).clamp(-WINSOR, WINSOR)
        return z / self.balance


class Head:
    """A fitted head: scales the features, then u = z . w."""

    def __init__(self, scale: Scale, weight: Tensor) -> None:
        self.scale, self.weight = scale, weight

    def __call__(self, features: Tensor) -> Tensor:
        """u (N,) for features (N, F)."""
        return self.scale(features) @ self.weight


def fit(data: Scored, ridge: float, words: Sequence[int] = ()) -> Head:
    """The head for these scores; of the vocabulary it hears the columns `words`."""
    return next(fits(data, [ridge], words))


def fits(data: Scored, ridges: Iterable[float], words: Sequence[int] = ()) -> Iterator[Head]:
    """`fit` for each of `ridges`: each is sought from where the one before it was found."""
    scale = Scale.of(data, words)
    z = scale(data.features)
    # The optimum lies in the span of the rows: N unknowns instead of F, the same solution.
    u, s, vt = torch.linalg.svd(z, full_matrices=False)
    keep = s > s.max() * 1e-10 if len(s) and s.max() > 0 else torch.zeros_like(s, dtype=torch.bool)
    reduced, back = u[:, keep] * s[keep], vt[keep]
    for optimum in minima(reduced.numpy(), _opinions(data), ridges):
        yield Head(scale, torch.from_numpy(optimum) @ back)


def _balance(width: int, vocabulary: int, words: Sequence[int]) -> Tensor:
    """A scale per feature such that the traits together weigh as much as the states, and so does
    each of `words`.

    A ridge shrinks a direction the less the more variance it has; twelve traits among a thousand
    coordinates of states would hardly be heard. A word that proved itself needs little shrinking.
    """
    states = width - len(TRAITS) - vocabulary
    scale = torch.ones(width, dtype=torch.float64)
    scale[max(0, states) : width - len(TRAITS)] = torch.inf
    for word in words:
        scale[states + word] = max(1, states) ** -0.5
    if states > 0:
        scale[-len(TRAITS) :] = (len(TRAITS) / states) ** 0.5
    return scale


def _opinions(data: Scored) -> Opinions:
    graded = np.flatnonzero(data.stars.numpy() > 0)
    _, grade = np.unique(data.stars.numpy()[graded], return_inverse=True)
    return Opinions(graded, grade, data.weights.numpy()[graded], *_preferences(data))


def _preferences(data: Scored) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (better, worse) and weights of all that the writer preferred to something else.

    What choices, edits and discards say, a tie half each way; and passages of one prompt that
    differ by a star or more, each prompt's weighing 1 together.
    """
    said = data.pairs
    one_way = np.where(said.ties, 0.5, 1.0) * said.weights
    graded = _graded_pairs(data)
    return (
        np.concatenate([said.better, said.worse[said.ties], graded.better]),
        np.concatenate([said.worse, said.better[said.ties], graded.worse]),
        np.concatenate([one_way, one_way[said.ties], graded.weights]),
    )


def _graded_pairs(data: Scored) -> Pairs:
    better: list[int] = []
    worse: list[int] = []
    weights: list[float] = []
    graded = data.stars.numpy() > 0
    for prompt in np.unique(data.prompts):
        rows = np.flatnonzero((data.prompts == prompt) & graded)
        pairs = [(a, b) for a in rows for b in rows if data.stars[a] >= data.stars[b] + 1]
        for a, b in pairs:
            better.append(int(a))
            worse.append(int(b))
            weights.append(1 / len(pairs))
    return Pairs(
        np.array(better, dtype=np.int64),
        np.array(worse, dtype=np.int64),
        np.array(weights),
        np.zeros(len(better), dtype=bool),
    )


# ---------------------------------------------------------------------- judging the head
@dataclass(frozen=True, slots=True)
class Trust:
    """The cross-validated verdict on a head, with its 90 % interval."""

    ridge: float
    concordance: float
    low: float
    high: float
    pairs: int
    predicted: np.ndarray  # for each passage, by a head that had not seen its story

    @property
    def tells(self) -> bool:
        """Does it order enough of the pairs as the writer did?"""
        return self.concordance >= LEAST_CONCORDANCE

    @property
    def passed(self) -> bool:
        """And surely not by chance?"""
        return self.tells and self.low > 0.5


def cross_validate(data: Scored, seed: int) -> Trust:
    """Choose the ridge by grouped cross-validation and judge it, with its 90 % interval.

    The ridge is chosen by concordance; the reported figure is slightly flattered by that choice.
    """
    best = foretell(data, seed, RIDGES)
    drawn = _resampled(best.predicted, data, seed)
    low, high = interval(drawn, best.concordance, best.pairs)
    return dataclasses.replace(best, low=low, high=high)


def foretell(data: Scored, seed: int, ridges: Sequence[float]) -> Trust:
    """What heads make of passages whose groups they have not seen, by the best of these ridges; no
    interval.

    A held-out fold is centred on what its own head thinks of the passages it was fitted to, so
    that predictions of different folds can be compared; its words, too, were chosen without it.
    """
    foretold = np.zeros((len(ridges), len(data)))
    for held in folds(data.folds_by, seed):
        rest = data.rows(np.setdiff1d(np.arange(len(data)), held))
        if len(rest):
            unseen = data.features[torch.from_numpy(held)]
            for at, head in enumerate(fits(rest, ridges, telling(rest))):
                foretold[at, held] = head(unseen).numpy()
    best: Trust | None = None
    for ridge, predicted in zip(ridges, foretold, strict=True):
        value, pairs = concordance(predicted, data.stars.numpy(), data.pairs)
        if best is None or value > best.concordance:
            best = Trust(ridge, value, 0, 1, pairs, predicted)
    assert best is not None
    return best


def folds(groups: np.ndarray, seed: int) -> list[np.ndarray]:
    """Each group as a fold below 200 passages, else `FOLDS` folds of whole groups."""
    names = np.random.default_rng([seed, 1]).permutation(np.unique(groups))
    count = len(names) if len(groups) < 200 else min(FOLDS, len(names))
    return [np.flatnonzero(np.isin(groups, names[i::count])) for i in range(count)]


def comparable(data: Scored) -> Pairs:
    """What was preferred to something after the same prompt, by a choice, an edit, a discard or by
    a star or more; no ties."""
    said, graded = data.pairs.strict, _graded_pairs(data)
    return Pairs(
        np.concatenate([said.better, graded.better]),
        np.concatenate([said.worse, graded.worse]),
        np.ones(len(said) + len(graded)),
        np.zeros(len(said) + len(graded), dtype=bool),
    )


def agreement(values: np.ndarray, data: Scored, seed: int) -> tuple[float, float, float]:
    """How well `values` (N,) order passages of one prompt as the writer did: the share of
    `comparable` pairs and its 90 % interval."""
    alike = dataclasses.replace(data, stars=torch.zeros_like(data.stars), pairs=comparable(data))
    value, pairs = concordance(values, alike.stars.numpy(), alike.pairs)
    return value, *interval(_resampled(values, alike, seed), value, pairs)


def interval(drawn: Sequence[float], share: float, pairs: int) -> tuple[float, float]:
    """The 90 % interval of a share of so many pairs, of which `drawn` are bootstraps over groups.

    Where most pairs are of one group a bootstrap hardly varies; so it is no narrower than that of
    pairs that have nothing to do with each other (Wilson 1927).
    """
    if not pairs:
        return 0.0, 1.0
    low, high = np.percentile(drawn, [5, 95]).tolist()
    least, most = wilson(share, pairs)
    return min(low, least), max(high, most)


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 90 % interval of a share of `count` that have nothing to do with each other (1927)."""
    spread = SURE**2 / count
    middle = (share + spread / 2) / (1 + spread)
    half = SURE * (share * (1 - share) / count + spread / (4 * count)) ** 0.5 / (1 + spread)
    return middle - half, middle + half


def _resampled(predicted: np.ndarray, data: Scored, seed: int) -> list[float]:
    """The concordance over resampled groups, BOOTSTRAPS times."""
    random = np.random.default_rng([seed, 2])
    groups = data.folds_by
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    stars = data.stars.numpy()
    values = []
    for _ in range(BOOTSTRAPS):
        drawn = np.concatenate([members[i] for i in random.integers(0, len(members), len(members))])
        pairs = data.pairs.rows(drawn, len(data))
        values.append(concordance(predicted[drawn], stars[drawn], pairs)[0])
    return values


class Ensemble:
    """Heads fitted to bootstraps over groups; the reward is their mean less some of their spread.

    Disagreement marks passages the feedback says nothing about (Coste et al., arXiv 2310.02743).
    """

    def __init__(
        self,
        data: Scored,
        ridge: float,
        size: int,
        pessimism: float,
        seed: int,
        words: Sequence[int] = (),
    ) -> None:
        self._pessimism = pessimism
        random = np.random.default_rng([seed, 3])
        groups = data.folds_by
        members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
        self.heads = []
        for _ in range(size):
            drawn = random.integers(0, len(members), len(members))
            rows = data.rows(np.concatenate([members[i] for i in drawn]))
            self.heads.append(fit(rows, ridge, words))

    def __call__(self, features: Tensor) -> Tensor:
        """Pessimistic u (N,) for features (N, F)."""
        opinions = torch.stack([head(features) for head in self.heads])
        return opinions.mean(0) - self._pessimism * opinions.std(0, correction=0)


def likes(data: Scored, predicted: np.ndarray, words: Sequence[int], count: int = 2) -> list[str]:
    """The countable things, `words` among them, that go most with a high prediction, in words."""
    known = [data.vocabulary.words[word] for word in words]
    liked = [*(f"the word “{word}”" for word in known), *TRAITS]
    disliked = [*(f"passages without the word “{word}”" for word in known), *OPPOSITES]
    hand = torch.cat([data.counts[:, list(words)], data.hand], 1).numpy()
    spread = hand.std(0)
    centred = predicted - predicted.mean()
    correlation = (hand - hand.mean(0)).T @ centred / (len(hand) * np.maximum(spread, 1e-12))
    correlation /= max(float(predicted.std()), 1e-12)
    order = np.argsort(-np.abs(correlation))[:count]
    return [
        liked[i] if correlation[i] > 0 else disliked[i] for i in order if abs(correlation[i]) > 0.15
    ]
