"""From logits to a token and its two log-probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
)

from talecraft.engine.codec import Codec
from talecraft.engine.dry import Dry
from talecraft.engine.nucleus import Nucleus
from talecraft.errors import EngineError
from talecraft.story.turns import Sampling


class Sampler:
    """Draws with transformers' processors and a generator of its own: same seed, same draws."""

    def __init__(self, sampling: Sampling, codec: Codec) -> None:
        self._dry = Dry(sampling, codec)
        self._greedy = sampling.temperature <= 0
        self._generator = torch.Generator().manual_seed(sampling.seed)
        self._penalty = None
        if sampling.repetition_penalty != 1.0:
            self._penalty = RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)
        self._warpers = LogitsProcessorList()
        if not self._greedy:
            if sampling.temperature != 1.0:
                self._warpers.append(TemperatureLogitsWarper(sampling.temperature))
            if sampling.min_p > 0:
                self._warpers.append(MinPLogitsWarper(sampling.min_p))
            if sampling.top_p < 1.0:
                self._warpers.append(Nucleus(sampling.top_p))

    def draw(
        self, logits: Tensor, written: Sequence[int], text: Sequence[int]
    ) -> tuple[int, float, float]:
        """A token for `logits` (vocabulary,), its raw and its sampled log-probability.

        `written` are the ids of this turn so far, which the repetition penalty looks at; `text`
        those that DRY looks at. Raises EngineError where the logits are no numbers.
        """
        raw = logits.float().cpu()
        logprobs = torch.log_softmax(raw, -1)
        if not torch.isfinite(logprobs.max()):
            raise EngineError(
                "The model's probabilities are not numbers.",
                "Roll back the adapter or choose another model.",
            )
        scores = self._dry(raw, text)[None]
        ids = torch.tensor([list(written)], dtype=torch.long)
        if self._penalty is not None and written:
            scores = self._penalty(ids, scores)
        if self._greedy:
            token = int(scores[0].argmax())
            return token, float(logprobs[token]), 0.0
        shaped = torch.log_softmax(self._warpers(ids, scores)[0], -1)
        token = int(torch.multinomial(shaped.exp(), 1, generator=self._generator))
        return token, float(logprobs[token]), float(shaped[token])
