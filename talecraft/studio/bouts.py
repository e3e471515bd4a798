"""Two models in one round: the engine holds one at a time, so one writes all its passages first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from talecraft.process.engine_client import EngineClient
from talecraft.process.messages import Draft, Drafted, DraftsOver, Failed, Finished, Load
from talecraft.story import context
from talecraft.story.notes import Notes
from talecraft.story.turns import Sampling, Story, Turn

Where = tuple[Story, tuple[Turn, ...], Notes]


class Side(msgspec.Struct, frozen=True):
    """Who writes: a model with an adapter or none, and how it is sampled."""

    load: Load
    sampling: Sampling


class Bout:
    """Drafts for both sides after the same places from the same seeds.

    What it is asked for is answered as if one engine had written both: `settle` turns what the
    engine says into that.
    """

    def __init__(
        self, engine: EngineClient, numbers: Iterator[int], sides: tuple[Side, Side]
    ) -> None:
        self._engine = engine
        self._numbers = numbers
        self._sides = sides
        self._where: Sequence[Where] = ()
        self._seeds: Sequence[int] = ()
        self._first: dict[int, Finished] = {}  # what the first side wrote, by place
        self._asked = [0, 0]  # requests to the engine, of each side; 0 before it is asked
        self._request = 0

    def ask(self, where: Sequence[Where], seeds: Sequence[int]) -> int:
        """Raises EngineError."""
        self._where, self._seeds = where, seeds
        self._first.clear()
        self._asked = [0, 0]
        self._request = next(self._numbers)
        self._write(0)
        return self._request

    def cancel(self) -> None:
        for request in filter(None, self._asked):
            self._engine.cancel(request)

    def settle(self, event: Drafted | DraftsOver | Failed) -> Drafted | DraftsOver | Failed | None:
        """The same for who has asked; None where it is told nothing yet. Raises EngineError where
        the second side cannot be asked."""
        if not event.request or event.request not in self._asked:
            return event
        second = event.request == self._asked[1]
        if isinstance(event, Failed):
            return msgspec.structs.replace(event, request=self._request)
        if isinstance(event, Drafted):
            if not second:
                self._first[event.index] = event.turns[0]
                return None
            first = self._first[event.index]
            return Drafted(self._request, event.index, [first, event.turns[0]])
        if second or len(self._first) < len(self._where):  # all is written, or it was stopped
            return DraftsOver(self._request)
        self._write(1)
        return None

    def _write(self, number: int) -> None:
        side = self._sides[number]
        model = side.load.model
        self._engine.load(side.load)
        self._asked[number] = request = next(self._numbers)
        self._engine.generate(
            Draft(
                request,
                model.key,
                [
                    context.blocks(story, path, model.style, model.key, notes)
                    for story, path, notes in self._where
                ],
                side.sampling,
                [[seed] for seed in self._seeds],
                [side.load.adapter],
            )
        )
