"""When a run must stop: it has gone too far, or the text it writes has gone bad (LEARNING 1.4)."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from talecraft.process.run_events import KL_HARD_STOP, Step

LEAST_ENTROPY = 0.6  # of the first update's
LEAST_DISTINCT = 0.75  # of the first update's
MOST_UNFINISHED = 0.2  # more than at the first update
NOT_FINITE = "The numbers stopped being finite; the last sound state was kept."


class Guards:
    """Compares each update's figures with the first one's and with the KL budget."""

    def __init__(self, kl_target: float) -> None:
        self._most_kl = KL_HARD_STOP * kl_target
        self._first: Step | None = None
        self._finished = 1.0  # at the update before: one unlucky batch is no trend

    def state(self) -> dict[str, Any]:
        """What it remembers, as JSON."""
        return {"first": msgspec.to_builtins(self._first), "finished": self._finished}

    def restore(self, state: dict[str, Any]) -> None:
        self._first = msgspec.convert(state["first"], Step | None)
        self._finished = state["finished"]

    def trip(self, step: Step) -> str:
        """Why the run must stop now, in words, or nothing."""
        first = self._first = self._first or step
        if not all(map(math.isfinite, (step.reward, step.kl, step.entropy))):
            return NOT_FINITE
        if step.kl > self._most_kl:
            return (
                f"It had moved {step.kl:.1f} nats from where it began, more than"
                f" {self._most_kl:.0f}; the last sound state was kept."
            )
        if step.entropy < LEAST_ENTROPY * first.entropy:
            return "It had become too sure of its words; the last sound state was kept."
        if 1 - step.repetition < LEAST_DISTINCT * (1 - first.repetition):
            return "It had begun to repeat itself; the last sound state was kept."
        if max(step.finished, self._finished) < first.finished - MOST_UNFINISHED:
            return "It had stopped ending its passages; the last sound state was kept."
        self._finished = step.finished
        return ""
