"""Drafts to choose between: a few prompts at a time, some short turns after each."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from talecraft.engine.batch import Batch, Row, StepsOfAll
from talecraft.engine.codec import Codec
from talecraft.engine.decoding import Response
from talecraft.engine.lookahead import Place
from talecraft.engine.session import ReadingCancelled
from talecraft.process.messages import AdapterRef, Draft, Drafted, DraftsOver, Finished
from talecraft.story.turns import Sampling
from talecraft.story.window import Window

# As many as decode together for little more than the price of one, and as fit beside the page.
ROWS_AT_ONCE = 8
TOKENS_AT_ONCE = 8192

Record = Callable[[Sampling, Window, Response, float, str], Finished]


class Drafting:
    """One `Draft` on its way. Between two steps the model may do other work.

    `prompts` are the command's in ids, `record` makes a finished turn of what was written and how.
    Where adapters are compared, all is written with the first of them, then with the next. `steps`
    gives quicker ones of what is on, if there are any. `place` is where in a passage the drafts
    belong, if in one.
    """

    def __init__(
        self,
        command: Draft,
        prompts: Sequence[Window],
        codec: Codec,
        pad: int,
        record: Record,
        send: Callable[[Drafted | DraftsOver], None],
        cancelled: Callable[[], bool],
        place: Place | None = None,
        steps: Callable[[], StepsOfAll | None] = lambda: None,
    ) -> None:
        self.request = command.request
        self._command = command
        self._prompts = prompts
        self._codec = codec
        self._pad = pad
        self._record = record
        self._send = send
        self._cancelled = cancelled
        self._place = place
        self._steps = steps
        self._rounds = max(1, len(command.adapters))
        self._round = 0  # which adapter's turn it is
        self._next = 0  # the first prompt that this round has not finished
        self._turns: list[list[Finished]] = [[] for _ in prompts]
        self._rows: deque[list[Row]] = deque()
        self._batch: Batch | None = None
        self._seconds = 0.0  # of work, this batch

    @property
    def adapter(self) -> AdapterRef | Literal["active"] | None:
        """What the next step is to be written with."""
        return self._command.adapters[self._round] if self._command.adapters else "active"

    def restart(self) -> None:
        """What is half written belongs to another adapter: write it anew."""
        self._batch = None
        self._rows.clear()

    def step(self, model: Any) -> bool:
        """Write a token of a few drafts; False when there is no more to do.

        Raises EngineError where the model gives no probabilities.
        """
        if self._cancelled() or self._next == len(self._prompts):
            self._batch = None
            self._send(DraftsOver(self.request))
            return False
        started = time.perf_counter()
        try:
            if self._batch is None:
                self._batch = self._begin(model)
            self._batch.model = model
            self._batch.step()
            self._seconds += time.perf_counter() - started
            while self._rows and all(row.done for row in self._rows[0]):
                self._finish(self._rows.popleft())
        except ReadingCancelled:
            return self.step(model)  # which now hears of it
        if not self._rows:
            self._batch = None
        if self._next == len(self._prompts) and self._round + 1 < self._rounds:
            self._round, self._next = self._round + 1, 0
        return True

    def _seeds(self, index: int) -> list[int]:
        """Of this round's drafts: all, or where adapters are compared the one's."""
        seeds = self._command.seeds[index]
        return seeds if self._rounds == 1 else [seeds[self._round]]

    def _begin(self, model: Any) -> Batch:
        """The next few prompts, as many as may be written together."""
        sampling, self._seconds = self._command.sampling, 0.0
        longest = count = 0
        at_once = min(TOKENS_AT_ONCE, getattr(model, "tokens_at_once", TOKENS_AT_ONCE))
        for index in range(self._next, len(self._prompts)):
            seeds = self._seeds(index)
            prompt, place = self._prompts[index].ids, self._place
            longest, count = max(longest, len(prompt)), count + len(seeds)
            if self._rows and (count > ROWS_AT_ONCE or count * longest > at_once):
                break
            opening = place.open(prompt) if place is not None else None
            grace = place is None or place.middle.whole
            self._rows.append(
                [Row(prompt, self._codec, sampling, seed, grace, opening) for seed in seeds]
            )
        rows = [row for drafts in self._rows for row in drafts]
        return Batch(model, rows, sampling, self._pad, record=True, steps=self._steps())

    def _finish(self, rows: list[Row]) -> None:
        """Keep what is written after one prompt, and tell it when it is all there is to be."""
        turns = self._turns[self._next]
        assert self._batch is not None
        for row, seed in zip(rows, self._seeds(self._next), strict=True):
            sampling = msgspec.structs.replace(self._command.sampling, seed=seed)
            prompt = self._prompts[self._next]
            turns.append(
                self._record(sampling, prompt, row.response, self._seconds, self._batch.mode)
            )
        if self._round + 1 == self._rounds:
            self._send(Drafted(self.request, self._next, turns, self._fits(rows)))
        self._next += 1

    def _fits(self, rows: Sequence[Row]) -> list[float]:
        """How likely what follows is after each; nothing where nothing is known of it."""
        if self._place is None or not self._place.looks_ahead:
            return []
        return [
            self._place.fit(row.prompt + row.response.ids[: row.response.prose_end]) for row in rows
        ]
