"""From logits to a token and its two log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from talecraft.engine.codec import Codec
from talecraft.engine.dry import Dry
from talecraft.engine.shaping import Shaping
from talecraft.errors import EngineError
from talecraft.story.turns import Sampling


class Sampler:
    """Draws with a generator of its own: same seed, same draws."""

    def __init__(self, sampling: Sampling, codec: Codec) -> None:
        self._dry = Dry(sampling, codec)
        self._shaping = Shaping(sampling, codec)
        self._generator = torch.Generator().manual_seed(sampling.seed)

    def draw(
        self,
        logits: Tensor,
        written: Sequence[int],
        text: Sequence[int],
        without: Set[int] = frozenset(),
    ) -> tuple[int, float, float]:
        """A token for `logits` (vocabulary,), its raw and its sampled log-probability.

        `written` are the ids of this turn so far, which the repetition penalty looks at; `text`
        those that DRY looks at; none of `without` is drawn. Raises EngineError where the logits
        are no numbers.
        """
        raw = logits.float().cpu()
        logprobs = torch.log_softmax(raw, -1)
        ensure_numbers(float(logprobs.max()))
        scores = self._dry(raw, text)[None]
        if without:
            scores = scores.index_fill(1, torch.tensor(list(without)), -torch.inf)
        ids = torch.tensor([list(written)], dtype=torch.long)
        chance = torch.rand(1, generator=self._generator) if self._shaping.by_chance else None
        scores = self._shaping(scores, ids, chance)
        if self._shaping.greedy:
            token = int(scores[0].argmax())
            return token, float(logprobs[token]), 0.0
        uniform = torch.rand(1, generator=self._generator, dtype=torch.float64)
        (drawn,) = pick(scores, uniform)
        return drawn.token, float(logprobs[drawn.token]), drawn.logprob


def ensure_numbers(best: float) -> None:
    """Raises EngineError where the `best` of a model's log-probabilities is no number."""
    if not math.isfinite(best):
        raise EngineError(
            "The model's probabilities are not numbers.",
            "Roll back the adapter or choose another model.",
        )


class Drawn(NamedTuple):
    token: int
    logprob: float  # among the scores it was drawn from


def pick(scores: Tensor, uniform: Tensor) -> list[Drawn]:
    """A token for each row of scores (B, V), by the inverse CDF from `uniform` (B,) in [0, 1): one
    number of chance for each, where torch.multinomial takes one for every token there is. Only what
    is left of a row is looked at; of one that is no numbers the first is taken, at NaN."""
    rows = zip(scores.float().cpu().numpy(), uniform.tolist(), strict=True)
    return [_drawn(row, number) for row, number in rows]


def _drawn(row: np.ndarray[Any, Any], number: float) -> Drawn:
    best = row.max()
    if not np.isfinite(best):
        return Drawn(0, math.nan)
    left = np.flatnonzero(row > -np.inf)
    weights = np.exp(row[left] - best, dtype=np.float64)
    cdf = weights.cumsum()
    # Rounding may let the draw be the whole sum: the last is taken that weighs something.
    most = int(np.searchsorted(cdf, cdf[-1]))
    at = min(int(np.searchsorted(cdf, number * cdf[-1], "right")), most)
    return Drawn(int(left[at]), float(row[left[at]] - best) - math.log(cdf[-1]))
