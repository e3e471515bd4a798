"""Batched sampling in the pattern of the page: forced plan, then prose, many at once.

Each sequence has its own stream of random numbers, so what it becomes does not depend on who
else is in the batch (up to the rounding of the matrix products).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TopPLogitsWarper,
)

from talecraft.engine.codec import Codec, TextStream
from talecraft.story.outline import OutlineSplitter
from talecraft.story.turns import Sampling, StopReason


@dataclass(slots=True)
class Rollout:
    """One sampled turn: what a Generation records, without the log-probs."""

    prompt_ids: list[int]
    response_ids: list[int] = field(default_factory=list)
    forced: list[bool] = field(default_factory=list)
    outline: str = ""
    prose: str = ""
    prose_start: int = 0
    prose_end: int = 0
    stop_reason: StopReason = "length"

    @property
    def finished(self) -> bool:
        """Did the model end the turn itself, with a plan and prose in it?"""
        return self.stop_reason == "end" and bool(self.outline.strip() and self.prose.strip())


class _Row:
    """One sequence on its way: its text so far and the ids the program has yet to force."""

    def __init__(
        self, prompt: Sequence[int], codec: Codec, sampling: Sampling, seed: Sequence[int]
    ) -> None:
        self.rollout = Rollout(list(prompt))
        self.random = np.random.default_rng(seed)
        self.done = False
        self._codec = codec
        self._sampling = sampling
        self._stream = TextStream(codec)
        self._splitter = OutlineSplitter(codec.style.prose_tag, codec.style.stops)
        self._queue = codec.encode(codec.style.think_open)
        self._think_end = len(self._queue) + sampling.outline_tokens

    def next(self, sampled: int) -> int:
        """The token that follows: a forced one if there is any, else `sampled`.

        `done` is set when the turn is over; the token is then its last.
        """
        thinking = self._splitter.part == "think"
        if thinking and not self._queue and len(self.rollout.response_ids) >= self._think_end:
            self._close_outline()
        if self._queue:
            return self._force()
        ended = sampled in self._codec.end_ids
        text = self._stream.feed(sampled)
        if not ended:
            self._show(text)
            ended = self._splitter.part == "done"
        if ended and thinking:  # the model may not end its turn inside the plan
            self._stream.rewind(len(self.rollout.response_ids))
            self._close_outline()
            return self._force()
        self._append(sampled, forced=False)
        if thinking and self._splitter.part == "prose":
            self.rollout.prose_start = len(self.rollout.response_ids)
        used = len(self.rollout.response_ids) - self.rollout.prose_start
        if ended:
            self._end("end")
        elif not thinking and used >= self._sampling.prose_tokens:
            self._end("length")
        return sampled

    def _force(self) -> int:
        token = self._queue.pop(0)
        self._append(token, forced=True)
        self._stream.feed(token)
        self._splitter.resume(self._stream.ends[-1])
        self.rollout.prose_start = len(self.rollout.response_ids)
        return token

    def _close_outline(self) -> None:
        for piece in self._splitter.force_prose():
            self.rollout.outline += piece.text
        self._queue = self._codec.encode(self._codec.style.opening_of_prose(self.rollout.outline))

    def _append(self, token: int, forced: bool) -> None:
        self.rollout.response_ids.append(token)
        self.rollout.forced.append(forced)

    def _show(self, text: str, last: bool = False) -> None:
        for piece in self._splitter.close() if last else self._splitter.feed(text):
            if piece.part == "think":
                self.rollout.outline += piece.text
            else:
                self.rollout.prose += piece.text

    def _end(self, reason: StopReason) -> None:
        self.done = True
        self._show("", last=True)
        count = len(self.rollout.response_ids)
        self.rollout.stop_reason = reason
        self.rollout.prose_end = count
        if reason == "end":  # the stop tag, of one token or several, is no prose
            at = self._splitter.ended_at
            before = sum(end <= at for end in self._stream.ends) if at is not None else count - 1
            self.rollout.prose_end = before


class Sampler:
    """Draws the next token of each row from its own uniform number, by the inverse CDF."""

    def __init__(self, sampling: Sampling) -> None:
        self._temperature = sampling.temperature
        self._processors = LogitsProcessorList()
        if sampling.min_p > 0:
            self._processors.append(MinPLogitsWarper(sampling.min_p))
        if sampling.top_p < 1:
            self._processors.append(TopPLogitsWarper(sampling.top_p))
        self._penalty = (
            RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty)
            if sampling.repetition_penalty != 1
            else None
        )

    def draw(self, logits: Tensor, written: Tensor, uniform: Tensor) -> Tensor:
        """Tokens (B,) for logits (B, V), ids written so far (B, T), uniform (B,) in [0, 1)."""
        scores = logits.float()
        if self._penalty is not None and written.shape[1]:
            scores = self._penalty(written, scores)
        if self._temperature <= 0:
            return scores.argmax(-1)
        scores = self._processors(written, scores / self._temperature)
        cdf = torch.softmax(scores, -1).double().cumsum(-1)
        # Rounding may leave the last sum below 1: the draw is scaled to it.
        drawn = torch.searchsorted(cdf, (uniform * cdf[:, -1])[:, None], right=True)[:, 0]
        return drawn.clamp(max=logits.shape[1] - 1)


@torch.inference_mode()
def sample(
    model: Any,
    codec: Codec,
    prompts: Sequence[Sequence[int]],
    sampling: Sampling,
    seeds: Sequence[Sequence[int]],
    pad: int,
    batch: int = 32,
    alive: Callable[[], None] | None = None,
) -> list[Rollout]:
    """One turn for each prompt, in order. `seeds` (one per prompt) decide every draw.

    Prompts of like length are batched together. `alive`, if given, is called at each step and may
    raise to stop.
    """
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    rollouts: dict[int, Rollout] = {}
    for at in range(0, len(order), batch):
        chosen = order[at : at + batch]
        rows = [_Row(prompts[i], codec, sampling, seeds[i]) for i in chosen]
        _sample_batch(model, rows, Sampler(sampling), pad, alive or (lambda: None))
        rollouts.update((i, row.rollout) for i, row in zip(chosen, rows, strict=True))
    return [rollouts[i] for i in range(len(prompts))]


def _sample_batch(
    model: Any, rows: list[_Row], sampler: Sampler, pad: int, alive: Callable[[], None]
) -> None:
    device = model.device
    longest = max(len(row.rollout.prompt_ids) for row in rows)
    ids = torch.full((len(rows), longest), pad)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        prompt = row.rollout.prompt_ids
        ids[i, longest - len(prompt) :] = torch.tensor(prompt)
        mask[i, longest - len(prompt) :] = 1
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    cache = DynamicCache(config=model.config)
    step = ids
    written = torch.zeros((len(rows), 0), dtype=torch.long)
    while rows:
        alive()
        logits = model(
            input_ids=step.to(device),
            attention_mask=mask.to(device),
            position_ids=positions.to(device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        uniform = torch.tensor([row.random.random() for row in rows], dtype=torch.float64)
        sampled = sampler.draw(logits.cpu(), written, uniform).tolist()
        tokens = [
            pad if row.done else row.next(token) for row, token in zip(rows, sampled, strict=True)
        ]
        step = torch.tensor(tokens)[:, None]
        written = torch.cat([written, step], 1)
        mask = torch.cat([mask, torch.ones_like(step)], 1)
        positions = positions[:, -1:] + 1
        going = [i for i, row in enumerate(rows) if not row.done]
        # Finished rows cost as much as live ones; copying the cache costs too.
        if len(going) <= 0.75 * len(rows):
            keep = torch.tensor(going, dtype=torch.long)
            rows = [rows[i] for i in going]
            step, written, mask, positions = step[keep], written[keep], mask[keep], positions[keep]
            if going:
                cache.batch_select_indices(keep.to(device))
