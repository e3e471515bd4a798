"""A study of stability: the same run for several seeds, learning rates and KL targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import msgspec

from talecraft.config.models import ModelSpec
from talecraft.errors import UsageError
from talecraft.library.runs import TrainingRun
from talecraft.paths import private_write
from talecraft.process.run_events import KL_HARD_STOP, Outcome, RunEvent, Step
from talecraft.studio.recipe import Recipe
from talecraft.studio.training import Training
from talecraft.studio.waiting import follow

MOST_CELLS = 200
FILE = "study.json"


class Cell(msgspec.Struct, frozen=True):
    """One run of the study: what it was ordered with, and how it fared.

    `rewards` and `distances` (KL in nats) are by update; `note` is why it ended early, '' where it
    came to its end; `win` of the gate, its `kl` on unseen prompts, and perplexity of other prose as
    a multiple of the root's.
    """

    seed: int
    learning_rate: float
    kl_target: float
    run: str
    rewards: list[float]
    distances: list[float]
    note: str
    win: float
    kl: float
    perplexity: float
    seconds: float

    @property
    def diverged(self) -> bool:
        """Did it leave its bounds: was it stopped, or further from the root than is allowed?"""
        return bool(self.note) or self.kl > KL_HARD_STOP * self.kl_target


class Plan(msgspec.Struct, frozen=True):
    """Every seed with every learning rate and every KL target, by this recipe."""

    model: str
    recipe: Recipe
    seeds: list[int]
    rates: list[float]
    targets: list[float]
    updates: int | None = None
    evidence: str = ""  # a checksum of what was there to learn from

    @property
    def orders(self) -> list[tuple[int, float, float]]:
        return [(s, r, t) for r, t, s in product(self.rates, self.targets, self.seeds)]


class Study(msgspec.Struct, frozen=True):
    """What was planned, and the cells that are done."""

    plan: Plan
    cells: list[Cell]

    def share_diverged(self, rate: float, target: float) -> float | None:
        """Of the seeds that are done; None where none is."""
        here = [o for o in self.cells if (o.learning_rate, o.kl_target) == (rate, target)]
        return sum(one.diverged for one in here) / len(here) if here else None


def planned(
    model: ModelSpec,
    training: Training,
    recipe: Recipe,
    seeds: Sequence[int],
    rates: Sequence[float],
    targets: Sequence[float],
    updates: int | None = None,
) -> Plan:
    """Without rates or targets, those of a run as it is set. Raises UsageError for none or too
    many cells."""
    usual = training.ppo(model, updates, recipe)
    plan = Plan(
        model.id, recipe, list(dict.fromkeys(seeds)),
        list(dict.fromkeys(rates)) or [usual.learning_rate],
        list(dict.fromkeys(targets)) or [usual.kl_target], updates,
        training.plan(model, recipe).evidence,
    )  # fmt: skip
    if not 0 < len(plan.orders) <= MOST_CELLS:
        raise UsageError(
            f"A study has from 1 to {MOST_CELLS} runs; this would have {len(plan.orders)}."
        )
    return plan


def begun(folder: Path, plan: Plan) -> Study:
    """The study in this folder, to be gone on with; a new one where there is none.

    Raises UsageError where another study is there.
    """
    file = folder / FILE
    if not file.exists():
        if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
            raise UsageError(f"{folder} is there, and holds no study.", "Name another folder.")
        return Study(plan, [])
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Study)
    except msgspec.MsgspecError as error:
        raise UsageError(f"{file} is no study ({error}).", "Name another folder.") from error
    if msgspec.structs.replace(found.plan, seeds=plan.seeds) != plan:
        raise UsageError(
            f"{folder} holds another study, or one of other feedback.", "Name another folder."
        )
    return Study(plan, found.cells)


def carry_out(
    training: Training,
    model: ModelSpec,
    study: Study,
    folder: Path,
    hear: Callable[[RunEvent], None] = lambda event: None,
) -> Iterator[Study]:
    """Run what is not done yet, one after another, each told when it is there and kept. Nothing
    that a study makes is adopted; a run that was stopped ends the study, which can go on later.

    Raises what `Training.start` raises.
    """
    done = {(one.seed, one.learning_rate, one.kl_target) for one in study.cells}
    for seed, rate, target in study.plan.orders:
        if (seed, rate, target) in done:
            continue
        recipe = msgspec.structs.replace(
            study.plan.recipe, learning_rate=rate, kl_target=target, trial=True
        )
        run = training.start(model, seed, study.plan.updates, recipe)
        steps = []
        for event in follow(training, run.id):
            hear(event)
            steps += [event] if isinstance(event, Step) else []
        training.settle()
        ended = training.run(run.id)
        if ended.state != "tried":
            words = ended.error or _outcome_words(ended)
            raise UsageError(f"Run {run.id} was {ended.state_words}. {words}".strip())
        cell = _cell(seed, rate, target, ended, steps)
        study = Study(study.plan, [*study.cells, cell])
        private_write(folder / FILE, msgspec.json.format(msgspec.json.encode(study)))
        yield study


def _outcome_words(run: TrainingRun) -> str:
    return msgspec.json.decode(run.outcome, type=Outcome).words if run.outcome else ""


def _cell(seed: int, rate: float, target: float, run: TrainingRun, steps: Sequence[Step]) -> Cell:
    outcome = msgspec.json.decode(run.outcome, type=Outcome)
    figures = {check.name: check.value for check in outcome.checks}
    return Cell(
        seed, rate, target, run.id, [one.reward for one in steps], [one.kl for one in steps],
        next((one.note for one in steps if one.note), ""),
        figures.get("win", 0.5), figures.get("kl", 0.0), figures.get("perplexity", 1.0),
        outcome.seconds,
    )  # fmt: skip


def encode(study: Study) -> object:
    """As plain values, with what follows from them."""
    told = msgspec.to_builtins(study)
    for plain, cell in zip(told["cells"], study.cells, strict=True):
        plain["diverged"] = cell.diverged
    return told
