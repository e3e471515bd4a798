"""DRY, "don't repeat yourself": a word that would go on repeating the text gets less likely.

Where the text ends in words that stood in it before, the word that followed them there loses
`multiplier * base ** (n - allowed)` nats, n being how many words agree (P. E. Weidmann, 2024).
Three departures, so that the numbers mean the same whatever the vocabulary's size and a story's
names stay its names: n counts words and marks of punctuation, not tokens; only tokens that begin a
word are penalised, and no capitalised ones; and how likely one of these is at all stays as it was,
or fragments and stray capitals would flow in where the next word is all but certain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from talecraft.engine.codec import Codec
from talecraft.story.turns import Sampling

RANGE = 4096  # tokens that are looked back upon
MOST_WORDS = 32  # of agreement that are counted


class Dry:
    """The penalty of one `Sampling`, over one vocabulary."""

    def __init__(self, sampling: Sampling, codec: Codec) -> None:
        self._multiplier = sampling.dry_multiplier
        self._base = sampling.dry_base
        self._allowed = sampling.dry_allowed_length
        self._codec = codec

    def __call__(self, scores: Tensor, text: Sequence[int]) -> Tensor:
        """Scores (V,) of what follows the ids `text`, prompt and all; a copy where any change."""
        lost = self.penalties(text)
        if not lost:
            return scores
        among = self._codec.repeatable(len(scores))
        before = scores[among].logsumexp(-1)
        scores = scores.clone()
        scores[torch.tensor(list(lost))] -= torch.tensor(list(lost.values()), dtype=scores.dtype)
        scores[among] += before - scores[among].logsumexp(-1)
        return scores

    def penalties(self, text: Sequence[int]) -> dict[int, float]:
        """What each id loses, in nats."""
        if self._multiplier <= 0 or len(text) < 2:
            return {}
        return {
            token: self._multiplier * self._base ** (agreed - self._allowed)
            for token, agreed in self._repeats(np.asarray(text[-RANGE:])).items()
            if agreed >= self._allowed and self._codec.piece(token).repeatable
        }

    def _repeats(self, ids: np.ndarray) -> dict[int, int]:
        """For each id that would go on with a repetition: how many words agree before it.

        All places that agree with the end of `ids` are followed backwards together. A line's end,
        a quotation mark or a tag ends the agreement: what comes after these often begins alike.
        """
        last = len(ids) - 1
        words = 0
        found = dict[int, int]()
        at = np.arange(last)  # places that agree so far: at - back with last - back
        for back in range(last):
            token = int(ids[last - back])
            at = at[at >= back]
            at = at[ids[at - back] == token]
            piece = self._codec.piece(token)
            if not len(at) or piece.divides or words == MOST_WORDS:
                break
            if piece.begins:
                words += 1
                found.update((int(one), words) for one in np.unique(ids[at + 1]))
        return found
