"""From logits to the scores that a token is drawn from: all that a `Sampling` asks for, in order.

Bias and repetition penalty change logits; then temperature; then top-k, min-p, typical-p and top-p
each leave some tokens out, each on what the one before has left (the order of transformers'
`generate`, min-p apart); XTC comes last, on what is still there. Where top-k or min-p leave only a
few tokens, all that follows looks at a shortlist instead of the vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessor,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TypicalLogitsWarper,
)

from talecraft.engine.codec import Codec
from talecraft.engine.nucleus import Nucleus
from talecraft.story.turns import Sampling

SHORTLIST = 256


class Shaping:
    """What one `Sampling` makes of logits, for one tokeniser."""

    def __init__(self, sampling: Sampling, codec: Codec) -> None:
        self.greedy = sampling.temperature <= 0
        self._xtc = Xtc(sampling.xtc_probability, sampling.xtc_threshold)
        self._bias = _bias(sampling.bias, codec)
        self._penalty = None
        if sampling.repetition_penalty != 1.0:
            self._penalty = RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)
        self._tempered: list[LogitsProcessor] = []
        self._warpers: list[LogitsProcessor] = []
        self._top_k, self._min_p = sampling.top_k, sampling.min_p
        if self.greedy:
            return
        if sampling.temperature != 1.0:
            self._tempered.append(TemperatureLogitsWarper(sampling.temperature))
        if sampling.top_k > 0:
            self._warpers.append(TopKLogitsWarper(sampling.top_k))
        if sampling.min_p > 0:
            self._warpers.append(MinPLogitsWarper(sampling.min_p))
        if sampling.typical_p < 1.0:
            self._warpers.append(TypicalLogitsWarper(sampling.typical_p))
        if sampling.top_p < 1.0:
            self._warpers.append(Nucleus(sampling.top_p))

    @property
    def by_chance(self) -> bool:
        """Does it need a number of chance for each draw?"""
        return self._xtc.probability > 0 and not self.greedy

    def __call__(self, scores: Tensor, written: Tensor, chance: Tensor | None = None) -> Tensor:
        """Scores (B, V) to draw from, for logits (B, V) after the ids `written` (B, T) of the turn.
        `chance` (B,) in [0, 1) decides whether XTC is at work, row by row."""
        scores = scores.float()
        if written.shape[1]:
            if self._bias is not None:
                scores = self._bias(written, scores)
            if self._penalty is not None:
                scores = self._penalty(written, scores)
        elif self._bias is not None:  # transformers looks at what was written; here nothing was
            scores = self._bias(torch.full((len(scores), 1), -1), scores)
        if self.greedy:
            return scores
        scores = _through(self._tempered, written, scores)
        short = self._shortlist(scores)
        left = scores if short is None else scores.gather(1, short)
        shaped = _through(self._warpers, written, left)
        shaped = shaped if chance is None else self._xtc(shaped, chance)
        if short is None:
            return shaped
        return torch.full_like(scores, -torch.inf).scatter(1, short, shaped)

    def _shortlist(self, scores: Tensor) -> Tensor | None:
        """The likeliest tokens of each row (B, SHORTLIST), in their own order, where no other can
        be left by top-k or min-p, the first that leave any out; else None. What follows is done
        among these as among all: a token that is out has no part in it."""
        cuts = 0 < self._top_k < SHORTLIST or self._min_p > 0
        if not cuts or scores.shape[-1] <= SHORTLIST:
            return None
        short = scores.topk(SHORTLIST, -1)
        best, last = short.values[:, 0], short.values[:, -1]
        out = torch.zeros_like(best, dtype=torch.bool)
        if 0 < self._top_k < SHORTLIST:  # as likely as the k-th is in, too
            out |= last < short.values[:, self._top_k - 1]
        if self._min_p > 0:
            out |= last < best + math.log(self._min_p)
        return short.indices.sort(-1).values if bool(out.all()) else None


def _through(processors: Sequence[LogitsProcessor], written: Tensor, scores: Tensor) -> Tensor:
    """As transformers' list of them does, which looks up each one's signature at each token."""
    for process in processors:
        scores = process(written, scores)
    return scores


class Xtc:
    """ "Exclude top choices": with `probability`, of all tokens at least as likely as `threshold`
    only the least likely is left among them (P. E. Weidmann, 2024)."""

    def __init__(self, probability: float, threshold: float) -> None:
        self.probability, self._threshold = probability, threshold

    def __call__(self, scores: Tensor, chance: Tensor) -> Tensor:
        """Scores (B, V); a row is left alone where its `chance` (B,) is no less than
        `probability`, or fewer than two tokens are that likely."""
        likely = torch.softmax(scores, -1) >= self._threshold
        at_work = (chance.to(scores.device) < self.probability) & (likely.sum(-1) > 1)
        if not at_work.any():
            return scores
        least = scores.masked_fill(~likely, torch.inf).argmin(-1, keepdim=True)
        out = likely.scatter(1, least, False) & at_work[:, None]
        return scores.masked_fill(out, -torch.inf)


def _bias(words: Mapping[str, float], codec: Codec) -> SequenceBiasLogitsProcessor | None:
    """What is added to the logit of a word's last token, where the others stand before it; of a
    word as it is written, and after a space."""
    biased: dict[tuple[int, ...], float] = {}
    for word, nats in words.items():
        plain, spaced = (tuple(codec.encode(written)) for written in (word, f" {word}"))
        # Where the second ends as the first the first is found in it, and must not count twice.
        ways = {plain} if spaced[-len(plain) :] == plain else {plain, spaced}
        biased |= dict.fromkeys(filter(None, ways), float(nats))
    return SequenceBiasLogitsProcessor(biased) if biased else None
