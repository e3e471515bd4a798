"""Many turns at once in the pattern of the page: forced plan, then prose, a token a step for all.

Each sequence has its own stream of random numbers, so what it becomes does not depend on who
else is in the batch (up to the rounding of the matrix products).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence, Set
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from talecraft.engine.banning import Bans
from talecraft.engine.cache import empty_cache
from talecraft.engine.codec import Codec, TextStream
from talecraft.engine.decoding import GRACE, Response, may_end
from talecraft.engine.dry import Dry
from talecraft.engine.lookahead import Opening
from talecraft.engine.sampling import Drawn, ensure_numbers, pick
from talecraft.engine.session import CHUNK
from talecraft.engine.shaping import Shaping
from talecraft.story.outline import OutlineSplitter, Piece
from talecraft.story.turns import Sampling, StopReason


class Row:
    """One sequence on its way: its text so far and the ids the program has yet to force.

    With `grace`, prose that reaches its budget may go on as far as the page's to finish its
    sentence; without, it ends there. `seed` decides every draw. With an `opening` that much of the
    turn is there already.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        codec: Codec,
        sampling: Sampling,
        seed: int | Sequence[int],
        grace: bool = False,
        opening: Opening | None = None,
    ) -> None:
        self.prompt = list(prompt)
        self.response = Response(stop_reason="length")
        self.random = np.random.default_rng(seed)
        self.done = False
        self.codec = codec
        self._sampling = sampling
        self._grace = GRACE if grace else 0
        self._stream = TextStream(codec)
        self._splitter = OutlineSplitter(codec.style.prose_tag, codec.style.stops)
        self._queue = codec.encode(codec.style.think_open)
        self._think_end = len(self._queue) + sampling.outline_tokens
        self._given = 0  # tokens of the prose that are not its own
        self._bans = Bans(sampling.banned)
        self.taken_back = 0  # newest tokens that count no more: the one that comes is read for them
        if opening is not None:
            self._open(opening)
        self.opened = len(self.response.ids)  # tokens that were there before the first step

    def _open(self, opening: Opening) -> None:
        style, response = self.codec.style, self.response
        self._queue = []
        for token, raw in zip(opening.ids, opening.raw, strict=True):
            response.add(token, True, raw, 0.0)
            self._bans.added(self._stream.feed(token))
        self._splitter = OutlineSplitter(style.prose_tag, style.stops, "prose")
        self._splitter.resume(self._stream.ends[-1])
        response.prose_start, self._given = opening.prose_start, len(opening.ids)
        self._given -= opening.prose_start
        response.outline, response.prose = opening.outline, opening.prose

    @property
    def text(self) -> list[int]:
        """What the next token should not repeat: in the plan the plan, in the prose everything."""
        before = self.prompt if self._splitter.part == "prose" else []
        return before + self.response.ids

    @property
    def ruled_out(self) -> Set[int]:
        """The ids that may not follow."""
        return self._bans.ruled_out(len(self.response.ids))

    def next(self, sampled: int) -> int:
        """The token that follows: a forced one if there is any, else `sampled`.

        `done` is set when the turn is over; the token is then its last. Where `sampled` completes a
        banned phrase, so many tokens are `taken_back`, and what follows is the last one of these
        once more, to be drawn on from.
        """
        thinking = self._splitter.part == "think"
        if thinking and not self._queue and len(self.response.ids) >= self._think_end:
            self._close_outline()
        if self._queue:
            return self._force()
        ended = sampled in self.codec.end_ids
        self._bans.remember(self.response, self._splitter)
        text = self._stream.feed(sampled)
        self._bans.added(text)
        if keep := self._bans.begins(self.response, self._stream.ends):
            return self._go_back(keep, sampled)
        if not ended:
            self._show(self._splitter.feed(text))
            ended = self._splitter.part == "done"
        if ended and thinking:  # the model may not end its turn inside the plan
            kept = len(self.response.ids)
            self._stream.rewind(kept)
            self._bans.keep(self._stream.ends[kept - 1])
            self._close_outline()
            return self._force()
        self._append(sampled, forced=False)
        if thinking and self._splitter.part == "prose":
            self.response.prose_start = len(self.response.ids)
        if ended:
            self._end("end")
        elif not thinking and self._spent():
            self._end("length")
        return sampled

    def _force(self) -> int:
        token = self._queue.pop(0)
        self._append(token, forced=True)
        self._bans.added(self._stream.feed(token))
        self._splitter.resume(self._stream.ends[-1])
        self.response.prose_start = len(self.response.ids)
        return token

    def _go_back(self, keep: int, token: int) -> int:
        response = self.response
        first = [*response.ids, token][keep]
        self._splitter, outline, prose = self._bans.go_back(keep, first, self._stream.ends)
        self.taken_back = len(response.ids) - keep + 1
        response.truncate(keep)
        self._stream.rewind(keep)
        response.outline, response.prose = response.outline[:outline], response.prose[:prose]
        return response.ids[-1]

    def _close_outline(self) -> None:
        self._show(self._splitter.force_prose())
        self._queue = self.codec.encode(self.codec.style.opening_of_prose(self.response.outline))

    def _append(self, token: int, forced: bool) -> None:
        self.response.ids.append(token)
        self.response.forced.append(forced)

    def _show(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if piece.part == "think":
                self.response.outline += piece.text
            else:
                self.response.prose += piece.text

    def _spent(self) -> bool:
        """Has the prose used its budget, to the end of its sentence or of its grace?"""
        used = len(self.response.ids) - self.response.prose_start - self._given
        over = used - self._sampling.prose_tokens
        return over >= self._grace or (over >= 0 and may_end(self.response.prose))

    def _end(self, reason: StopReason) -> None:
        self.done = True
        if reason != "end":
            self._show(self._splitter.feed(self._stream.flush()))
        self._show(self._splitter.close())
        count = len(self.response.ids)
        self.response.stop_reason = reason
        self.response.prose_end = count
        if reason == "end":  # the stop tag, of one token or several, is no prose
            at = self._splitter.ended_at
            before = sum(end <= at for end in self._stream.ends) if at is not None else count - 1
            self.response.prose_end = before


class BatchSampler:
    """Draws the next token of each row from its own uniform number, by the inverse CDF."""

    def __init__(self, sampling: Sampling, codec: Codec) -> None:
        self._shaping = Shaping(sampling, codec)
        self.greedy, self.by_chance = self._shaping.greedy, self._shaping.by_chance

    def draw(self, logits: Tensor, written: Tensor, uniform: Tensor) -> list[Drawn]:
        """For logits (B, V), ids written so far (B, T), uniform (B,) in [0, 1)."""
        return self.pick(self.shape(logits, written), uniform)

    def shape(self, logits: Tensor, written: Tensor, chance: Tensor | None = None) -> Tensor:
        """The scores (B, V) that are drawn from; see Shaping."""
        return self._shaping(logits, written, chance)

    def pick(self, scores: Tensor, uniform: Tensor) -> list[Drawn]:
        """The likeliest, at 0, where nothing is left to chance."""
        if self.greedy:
            return [Drawn(token, 0.0) for token in scores.argmax(-1).tolist()]
        return pick(scores, uniform)


MANY = "batch"  # how drafts are written: it stands in each record of one


class StepsOfAll(Protocol):
    """A quicker way through one token of each row, over a cache that the model's own forward
    fills, too."""

    mode: str

    @property
    def cache(self) -> Any:
        """What the model takes as its cache."""

    def step_all(self, tokens: Tensor, places: Tensor, mask: Tensor) -> Tensor:
        """Append an id (B,) at its place (B,) to each row; returns the logits (B, V). Of all
        columns, with the new one, those count whose `mask` (B, n) is not 0."""


class Batch:
    """Writes `rows` together; between two steps it may be left lying, or for good.

    Prompts are padded on the left, with what is there of each turn already; one that several rows
    share is read once. With `record` each
    response holds its log-probs, as the page's do. `model` may be another wrapper of the same
    weights at each step. With `steps`, each token that is written is one of these; prompts are read
    by the model's own forward.
    """

    def __init__(
        self,
        model: Any,
        rows: Sequence[Row],
        sampling: Sampling,
        pad: int,
        record: bool = False,
        steps: StepsOfAll | None = None,
    ) -> None:
        self.model = model
        self._steps = steps
        self._rows = list(rows)
        if rows:
            self._sampler = BatchSampler(sampling, rows[0].codec)
        self._dry = Dry(sampling, rows[0].codec) if rows and sampling.dry_multiplier > 0 else None
        self._pad = pad
        self._record = record
        self._cache = empty_cache(model) if steps is None else steps.cache
        given = [(*row.prompt, *row.response.ids) for row in rows]
        prompts = list(dict.fromkeys(given))
        self._copies = torch.tensor([prompts.index(one) for one in given])
        longest = max(map(len, prompts))
        self._prompts = torch.full((len(prompts), longest), pad)
        self._mask = torch.zeros((len(prompts), longest), dtype=torch.long)
        for i, prompt in enumerate(prompts):
            self._prompts[i, longest - len(prompt) :] = torch.tensor(prompt)
            self._mask[i, longest - len(prompt) :] = 1
        self._read = 0  # columns of the prompts that the cache holds
        self._positions = (self._mask.cumsum(1) - 1).clamp(min=0)
        self._written = torch.zeros((len(rows), 0), dtype=torch.long)

    @property
    def mode(self) -> str:
        """How steps are done."""
        return MANY if self._steps is None else f"{MANY}-{self._steps.mode}"

    @torch.inference_mode()
    def step(self) -> bool:
        """Read a chunk of the prompts, or write a token of each row; False when all are done.

        Raises EngineError where log-probs are to be recorded and the model gives none.
        """
        if not self._rows:
            return False
        if self._read < self._prompts.shape[1]:
            self._read_chunk()
        else:
            self._write(self._step())
        return bool(self._rows)

    def _read_chunk(self) -> None:
        start, self._read = self._read, min(self._read + CHUNK, self._prompts.shape[1])
        here = slice(start, self._read)
        logits = self._forward(self._prompts[:, here], self._positions[:, here], self._read)
        if self._read < self._prompts.shape[1]:
            return
        if len(self._rows) > len(self._prompts):
            self._cache.batch_select_indices(self._copies.to(self.model.device))
        self._mask, self._positions = self._mask[self._copies], self._positions[self._copies]
        self._write(logits[self._copies])

    def _step(self) -> Tensor:
        """The logits (B, V) after the last token of each row."""
        ids, places = self._written[:, -1], self._positions[:, -1]
        if self._steps is not None:
            try:
                return self._steps.step_all(ids, places, self._mask)
            except (RuntimeError, MemoryError):
                logging.getLogger(__name__).exception("a step of all rows failed")
                self._steps = None  # what was kept stands: the model goes on over it
        return self._forward(ids[:, None], places[:, None])

    def _forward(self, ids: Tensor, positions: Tensor, width: int | None = None) -> Tensor:
        """The logits (B, V), on the CPU, after the last of `ids` (B, n)."""
        device = self.model.device
        output = self.model(
            input_ids=ids.to(device),
            attention_mask=self._mask[:, :width].to(device),
            position_ids=positions.to(device),
            cache=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = output.logits[:, -1].cpu()
        return logits

    def _write(self, logits: Tensor) -> None:
        """A token for each row, and the rows that are done out of the batch."""
        uniform = torch.tensor([row.random.random() for row in self._rows], dtype=torch.float64)
        dried = logits
        if self._dry is not None:
            both = zip(logits.float(), self._rows, strict=True)
            dried = torch.stack([self._dry(one, row.text) for one, row in both])
        dried = self._without_ruled_out(dried)
        chance = None
        if self._sampler.by_chance:
            chance = torch.tensor([row.random.random() for row in self._rows])
        scores = self._sampler.shape(dried, self._written, chance)
        drawn = self._sampler.pick(scores, uniform)
        done = [row.done for row in self._rows]
        tokens = [
            self._pad if row.done else row.next(one.token)
            for row, one in zip(self._rows, drawn, strict=True)
        ]
        if self._record:
            self._note(tokens, done, logits, drawn)
        back = torch.tensor([self._take_back(i, row) for i, row in enumerate(self._rows)])[:, None]
        step = torch.tensor(tokens)[:, None]
        self._written = torch.cat([self._written, step], 1)
        for at in back[:, 0].nonzero()[:, 0].tolist():
            self._written[at] = self._as_it_stands(self._rows[at])
        self._mask = torch.cat([self._mask, torch.ones_like(step)], 1)
        alive = torch.tensor([not row.done for row in self._rows])[:, None].long()
        self._positions = self._positions[:, -1:] + alive - back
        going = [i for i, row in enumerate(self._rows) if not row.done]
        # Finished rows cost as much as live ones; copying the cache costs too.
        if len(going) <= 0.75 * len(self._rows):
            keep = torch.tensor(going, dtype=torch.long)
            self._rows = [self._rows[i] for i in going]
            self._written, self._mask = self._written[keep], self._mask[keep]
            self._positions = self._positions[keep]
            if going:
                self._cache.batch_select_indices(keep.to(self.model.device))

    def _without_ruled_out(self, logits: Tensor) -> Tensor:
        """Logits (B, V) without what the rows' bans have ruled out; a copy where that is any."""
        found = [(at, token) for at, row in enumerate(self._rows) for token in row.ruled_out]
        if not found:
            return logits
        rows, tokens = zip(*found, strict=True)
        return logits.index_put(
            (torch.tensor(rows), torch.tensor(tokens)), logits.new_tensor(-torch.inf)
        )

    def _as_it_stands(self, row: Row) -> Tensor:
        """What a row has written that stands, as wide as the batch: its first token, which counts
        no more for being there several times, fills what was taken back."""
        ids = row.response.ids[row.opened :] or row.response.ids[-1:]
        return torch.tensor([ids[0]] * (self._written.shape[1] - len(ids)) + ids)

    def _take_back(self, at: int, row: Row) -> int:
        """Let the cache's newest tokens that the row has taken back be seen no more; how many."""
        back, row.taken_back = row.taken_back, 0
        if back:
            seen = self._mask[at].nonzero()[:, 0]
            self._mask[at, seen[-back:]] = 0
        return back

    def _note(
        self, tokens: list[int], done: list[bool], logits: Tensor, drawn: list[Drawn]
    ) -> None:
        """The log-probs of each row's token, raw and sampled, but of rows that were done before."""
        # What pads need not be in the model's vocabulary.
        own = [0 if over else token for token, over in zip(tokens, done, strict=True)]
        at = torch.tensor(own)[:, None]
        logprobs = torch.log_softmax(logits.float(), -1)
        best, raw = logprobs.amax(-1).tolist(), logprobs.gather(1, at)[:, 0].tolist()
        for i, row in enumerate(self._rows):
            if done[i] or row.taken_back:
                continue
            ensure_numbers(best[i])
            row.response.raw.append(raw[i])
            row.response.sampled.append(0.0 if row.response.forced[-1] else drawn[i].logprob)
