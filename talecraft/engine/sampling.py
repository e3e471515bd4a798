"""From logits to a token and its two log-probabilities."""

from __future__ import annotations

from collections.abc import Sequence, Set

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
        if not torch.isfinite(logprobs.max()):
            raise EngineError(
                "The model's probabilities are not numbers.",
                "Roll back the adapter or choose another model.",
            )
        scores = self._dry(raw, text)[None]
        if without:
            scores = scores.index_fill(1, torch.tensor(list(without)), -torch.inf)
        ids = torch.tensor([list(written)], dtype=torch.long)
        chance = torch.rand(1, generator=self._generator) if self._shaping.by_chance else None
        scores = self._shaping(scores, ids, chance)
        if self._shaping.greedy:
            token = int(scores[0].argmax())
            return token, float(logprobs[token]), 0.0
        shaped = torch.log_softmax(scores[0], -1)
        uniform = torch.rand(1, generator=self._generator, dtype=torch.float64)
        token = int(pick(scores, uniform))
        return token, float(logprobs[token]), float(shaped[token])


def pick(scores: Tensor, uniform: Tensor) -> Tensor:
    """Tokens (B,) for scores (B, V), drawn by the inverse CDF from `uniform` (B,) in [0, 1): one
    number of chance for each, where torch.multinomial takes one for every token there is."""
    cdf = torch.softmax(scores, -1).double().cumsum(-1)
    # Rounding may leave the last sum below 1: the draw is scaled to it.
    drawn = torch.searchsorted(cdf, (uniform * cdf[:, -1])[:, None], right=True)[:, 0]
    return drawn.clamp(max=scores.shape[1] - 1)
