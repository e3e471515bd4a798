"""Drafts to choose between: a few prompts at a time, some short turns after each."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from talecraft.engine.batch import Batch, Row
from talecraft.engine.codec import Codec
from talecraft.engine.decoding import Response
from talecraft.process.messages import Draft, Drafted, DraftsOver, Finished
from talecraft.story.turns import Sampling

# As many as decode together for little more than the price of one, and as fit beside the page.
ROWS_AT_ONCE = 8
TOKENS_AT_ONCE = 8192

Record = Callable[[Sampling, list[int], Response, float], Finished]


class Drafting:
    """One `Draft` on its way. Between two steps the model may do other work.

    `prompts` are the command's in ids, `record` makes a finished turn of what was written.
    """

    def __init__(
        self,
        command: Draft,
        prompts: Sequence[list[int]],
        codec: Codec,
        pad: int,
        record: Record,
        send: Callable[[Drafted | DraftsOver], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self.request = command.request
        self._command = command
        self._prompts = prompts
        self._codec = codec
        self._pad = pad
        self._record = record
        self._send = send
        self._cancelled = cancelled
        self._next = 0  # the first prompt whose drafts have not been sent
        self._rows: deque[list[Row]] = deque()
        self._batch: Batch | None = None
        self._seconds = 0.0  # of work, this batch

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
        if self._batch is None:
            self._batch = self._begin(model)
        self._batch.step()
        self._seconds += time.perf_counter() - started
        while self._rows and all(row.done for row in self._rows[0]):
            self._tell(self._rows.popleft())
        if not self._rows:
            self._batch = None
        return True

    def _begin(self, model: Any) -> Batch:
        """The next few prompts, as many as may be written together."""
        sampling, self._seconds = self._command.sampling, 0.0
        longest = count = 0
        for index in range(self._next, len(self._prompts)):
            seeds = self._command.seeds[index]
            longest, count = max(longest, len(self._prompts[index])), count + len(seeds)
            if self._rows and (count > ROWS_AT_ONCE or count * longest > TOKENS_AT_ONCE):
                break
            self._rows.append(
                [Row(self._prompts[index], self._codec, sampling, seed, True) for seed in seeds]
            )
        rows = [row for drafts in self._rows for row in drafts]
        return Batch(model, rows, sampling, self._pad, record=True)

    def _tell(self, rows: list[Row]) -> None:
        turns = []
        for row, seed in zip(rows, self._command.seeds[self._next], strict=True):
            sampling = msgspec.structs.replace(self._command.sampling, seed=seed)
            turns.append(self._record(sampling, row.prompt, row.response, self._seconds))
        self._send(Drafted(self.request, self._next, turns))
        self._next += 1
