"""What the writer said, as numbers: grades, and pairs of passages of which one was preferred."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talecraft.learning.vocabulary import NO_WORDS, Vocabulary
from talecraft.story.traits import TRAITS

# Standard deviations beyond which a feature says no more: rates of rare things have long tails, and
# one passage full of question marks must not turn the whole head.
WINSOR = 3.0
FEWEST_GROUPS = 5  # below this many stories, cross-validation groups by prompt instead


@dataclass(frozen=True, slots=True)
class Pairs:
    """Row `better` was preferred to row `worse`; where `ties`, neither was. All (P,)."""

    better: np.ndarray
    worse: np.ndarray
    weights: np.ndarray
    ties: np.ndarray

    @classmethod
    def none(cls) -> Pairs:
        rows = np.zeros(0, dtype=np.int64)
        return cls(rows, rows, np.zeros(0), np.zeros(0, dtype=bool))

    def __len__(self) -> int:
        return len(self.better)

    @property
    def said(self) -> int:
        """How many opinions made them: what weighs less than one shares it with others."""
        whole = self.weights >= 1
        return int(whole.sum()) + len(np.unique(self.worse[~whole]))

    @property
    def strict(self) -> Pairs:
        """Those that are no ties."""
        return self._where(~self.ties)

    @property
    def whole(self) -> Pairs:
        """Those that are no ties and an opinion each, not one that several share."""
        return self._where(~self.ties & (self.weights >= 1))

    def rows(self, index: np.ndarray, of: int) -> Pairs:
        """The pairs within rows `index` of the `of` that there were, by their new places.

        A pair whose rows were drawn k times weighs k times as much.
        """
        drawn = np.bincount(index, minlength=of)
        place = np.full(of, -1)
        place[index[::-1]] = np.arange(len(index))[::-1]  # the first of each
        times = np.minimum(drawn[self.better], drawn[self.worse])
        inside = self._where(times > 0)
        return Pairs(
            place[inside.better],
            place[inside.worse],
            inside.weights * times[times > 0],
            inside.ties,
        )

    def _where(self, chosen: np.ndarray) -> Pairs:
        return Pairs(
            self.better[chosen], self.worse[chosen], self.weights[chosen], self.ties[chosen]
        )


@dataclass(frozen=True, slots=True)
class Scored:
    """What the head is fitted to: N passages and what was said of them.

    `features` (N, F): states, counts of the `vocabulary`, traits; `stars` 1-5, 0 for no grade,
    their `weights`, `groups` (story) and `prompts`: (N,); `pairs` that choices, edits and discards
    make, each within one group.
    """

    features: Tensor
    stars: Tensor
    weights: Tensor
    groups: np.ndarray
    prompts: np.ndarray
    pairs: Pairs
    vocabulary: Vocabulary = NO_WORDS

    def __len__(self) -> int:
        return len(self.stars)

    @property
    def counts(self) -> Tensor:
        """The vocabulary's counts (N, V)."""
        end = self.features.shape[1] - len(TRAITS)
        return self.features[:, end - len(self.vocabulary) : end]

    @property
    def hand(self) -> Tensor:
        """The traits (N, 12)."""
        return self.features[:, -len(TRAITS) :]

    def rows(self, index: np.ndarray) -> Scored:
        at = torch.from_numpy(index)
        return Scored(
            self.features[at],
            self.stars[at],
            self.weights[at],
            self.groups[index],
            self.prompts[index],
            self.pairs.rows(index, len(self)),
            self.vocabulary,
        )

    @property
    def folds_by(self) -> np.ndarray:
        """What must not be split between fitting and judging: the story, else the prompt."""
        return self.groups if len(set(self.groups)) >= FEWEST_GROUPS else self.prompts

    @property
    def opinions(self) -> int:
        """How many things were said: each grade counts as one, and each preference, of which a
        discard makes several that weigh one together."""
        return int((self.stars > 0).sum()) + self.pairs.said

    @property
    def one_sided(self) -> bool:
        """Is there nothing to tell good from bad by: one grade at most, and no preference?"""
        return len(torch.unique(self.stars[self.stars > 0])) < 2 and not len(self.pairs.strict)


def concordance(predicted: np.ndarray, stars: np.ndarray, pairs: Pairs) -> tuple[float, int]:
    """Share of all pairs that `predicted` (N,) orders as the writer did (ties half), and how many
    there are; 0.5 for none.

    Pairs are any two passages with different grades, and every preference that is no tie.
    """
    right = even = total = 0.0
    for grade in np.unique(stars[stars > 0]):  # Mann and Whitney 1947: no pair is looked at
        lower = np.sort(predicted[(stars > 0) & (stars < grade)])
        higher = predicted[stars == grade]
        less = np.searchsorted(lower, higher, "left").sum()
        right += less
        even += np.searchsorted(lower, higher, "right").sum() - less
        total += len(lower) * len(higher)
    count = int(total)
    strict = pairs.strict
    preferred = np.sign(predicted[strict.better] - predicted[strict.worse])
    # A pair drawn twice by a bootstrap has twice the weight of one; edits weigh less than choices.
    right += (strict.weights * (preferred > 0)).sum()
    even += (strict.weights * (preferred == 0)).sum()
    total += strict.weights.sum()
    if not total:
        return 0.5, 0
    return float((right + 0.5 * even) / total), count + len(strict)
