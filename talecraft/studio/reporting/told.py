"""What a run has told until now, in the order in which it holds: pure, from its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.process import run_events
from talecraft.process.run_events import (
    Drawn,
    Example,
    MannerLearned,
    Outcome,
    RunEvent,
    RunPhase,
    RunSettings,
    TalesRead,
    TasteLearned,
)
from talecraft.studio.figures import KINDS, AnyStep, Kind, is_step, take


@dataclass(frozen=True, slots=True)
class Told:
    """`order` is None where another version of Talecraft wrote it and this one cannot read it;
    `steps` are all of one kind, at least one; `drawn` is empty in events of older versions;
    `adapter` is what the run made, as it stands in the library now."""

    run: TrainingRun
    order: RunSettings | None
    steps: list[AnyStep]
    drawn: list[Drawn]
    taste: TasteLearned | None = None
    tales: TalesRead | None = None
    examples: tuple[Example, ...] = ()
    outcome: Outcome | None = None
    adapter: Adapter | None = None
    manner: MannerLearned | None = None

    @property
    def kind(self) -> Kind:
        """What its steps are measured by."""
        return KINDS[type(self.steps[-1])]

    @property
    def last(self) -> AnyStep:
        return self.steps[-1]

    @property
    def turns(self) -> int:
        """How many turns were drawn in all."""
        return sum(len(one.turns) for one in self.drawn)

    @property
    def going(self) -> bool:
        return self.run.state == "running"


def gather(run: TrainingRun, events: Iterable[RunEvent], adapter: Adapter | None = None) -> Told:
    """Take in a run's `events`. One that was killed and went on tells some of them twice: the
    later ones hold, and an end that was none is forgotten."""
    steps: list[AnyStep] = []
    drawn: list[Drawn] = []
    examples: list[Example] = []
    taste = tales = manner = outcome = None
    for event in events:
        if is_step(event):
            take(steps, event)
            continue
        match event:
            case Drawn(turns=[_, *_]):
                drawn = [*(one for one in drawn if one.step < event.step), event]
            case RunPhase():
                outcome = None
            case TasteLearned():
                taste = event
            case TalesRead():
                tales = event
            case MannerLearned():
                manner = event
            case Example():
                examples.append(event)
            case Outcome():
                outcome = event
    order = _order(run)
    return Told(run, order, steps, drawn, taste, tales, tuple(examples), outcome, adapter, manner)


def _order(run: TrainingRun) -> RunSettings | None:
    try:
        return run_events.decode_settings(run.settings.encode())
    except msgspec.MsgspecError:
        return None
