"""Teaching a model the prompt / think / story pattern from tales: the plan, and the start.

The run itself is watched, stopped, resumed and settled as any other (see training.py); what it
gives is a root, at which every training run after it begins.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from talecraft.config.models import ModelSpec
from talecraft.errors import UsageError
from talecraft.library.runs import TrainingRun
from talecraft.paths import Home
from talecraft.process import survey
from talecraft.process.messages import ModelRef
from talecraft.process.run_events import (
    FEWEST_HELD,
    FEWEST_TALES,
    TOO_ALIKE,
    PatternSettings,
    RunSettings,
    TalesRead,
)
from talecraft.studio import foreign
from talecraft.studio.memory import Room
from talecraft.studio.needs import Shape
from talecraft.studio.training import Training, does_not_fit

SURE_STEPS = 150  # fewer do not teach a form that was never seen
FEWEST_EPOCHS, MOST_EPOCHS = 2, 8
SMALLEST_BATCH = 2
RATE = 5.0  # times the model's rate for PPO, whose steps are small on purpose
MOST_RATE = 1.5e-3  # beyond it a model of 10 M parameters learned 200 tales by heart
SURVEY_SEED = 0
SUSTAINED = 3.3e10  # floating-point operations a second and thread, of all the run takes (measured)


class PatternPlan(msgspec.Struct, frozen=True):
    """What a run would learn the pattern from (at `most` so many of the stories there are), in so
    many `epochs` and `steps`, and what it takes.

    `refusal` says, in words, why it would not start; `replaces` which adapter would no longer
    write. Memory and disk in MB, None where it cannot be told; `together`: beside a warm engine.
    """

    data: str
    most: int
    found: TalesRead
    epochs: int
    batch: int
    steps: int
    minutes: float
    memory_mb: float
    free_mb: float | None
    disk_mb: float
    free_disk_mb: float | None
    together: bool
    fits: bool
    refusal: str = ""
    replaces: str = ""

    @property
    def left_out(self) -> str:
        """What is not learned from, in words; '' where that is nothing."""
        found, told = self.found, ""
        if self.most and found.there > self.most:
            told = f"Of {found.there:,} stories {self.most:,} were drawn at random."
        if found.left_out:
            more = found.left_out - len(found.left_out_first)
            others = f" and {more:,} more" if more else ""
            told += f" Left out: {', '.join(found.left_out_first)}{others}."
        return told.strip()

    @property
    def takeover(self) -> str:
        """What becomes of the adapter that writes now, in words; '' where the bare model does."""
        return takeover(self.replaces, "better")


def takeover(adapter: str, how: str) -> str:
    """What becomes of the adapter that writes now where the new one proves to be so, in words; ''
    where the bare model writes."""
    if not adapter:
        return ""
    return (
        f"If it proves {how} it takes over from adapter {adapter}; the next training run teaches it"
        " your taste anew, from all your scores."
    )


class PatternLearning:
    """`model_ref` says where a model is on disk, `room` what a run of it needs (see Studio)."""

    def __init__(
        self,
        training: Training,
        home: Home,
        model_ref: Callable[[ModelSpec], ModelRef],
        room: Callable[[ModelSpec, PatternSettings], Room],
    ) -> None:
        self._training = training
        self._home = home
        self._model_ref = model_ref
        self._room = room

    @staticmethod
    def there(data: Path) -> Path:
        """The data's whole path: the run has another folder. Raises UsageError where there is
        none."""
        return foreign.there(data, "Name a file or a folder of tales.")

    def plan(
        self,
        model: ModelSpec,
        data: Path,
        epochs: int | None = None,
        most: int | None = None,
    ) -> PatternPlan:
        """What there is to learn from, after some seconds of reading; without `epochs` as many as
        make it sure. Of more than `most` stories (0: of any number) so many are drawn.

        Raises UsageError where the data cannot be read, `most` is too few or the model is not
        installed, EngineError where the reading child fails.
        """
        data = self.there(data)
        most = PatternSettings().most_tales if most is None else most
        if 0 < most < FEWEST_TALES:
            raise UsageError(
                f"{most} tales are too few to learn from.", f"Take at least {FEWEST_TALES}."
            )
        self._model_ref(model)  # is it installed?
        pattern = settings_for(model, 1, most)
        order = self._order(model, data, "survey", SURVEY_SEED, pattern)
        found = survey.survey(self._home.runs, order)
        batch = _batch(found.examples)
        if epochs is None:
            sure = math.ceil(SURE_STEPS * batch / max(1, found.examples))
            epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, sure))
        pattern = settings_for(model, epochs, most, batch)
        room = self._room(model, pattern)
        active = self._training.writes_now(model)
        return PatternPlan(
            data=str(data),
            most=most,
            found=found,
            epochs=epochs,
            batch=batch,
            steps=math.ceil(found.examples * epochs / batch),
            minutes=self._minutes(model, found, epochs, pattern),
            memory_mb=room.run,
            free_mb=room.free,
            disk_mb=room.disk,
            free_disk_mb=room.free_disk,
            together=room.together,
            fits=not room.refusal,
            refusal=room.refusal or _refusal(found),
            replaces=active.label if active is not None else "",
        )

    def start(self, model: ModelSpec, plan: PatternPlan, seed: int | None = None) -> TrainingRun:
        """Launch a detached run by this plan.

        Raises UsageError where there are too few tales, DoesNotFit where there is no room,
        BusyError where a run is going.
        """
        self._training.settle()
        if not plan.fits:
            raise does_not_fit(plan.refusal)
        if plan.refusal:
            raise UsageError(plan.refusal, "Add more tales.")
        order = self._order(
            model,
            Path(plan.data),
            self._training.new_id(),
            self._training.seed(seed),
            settings_for(model, plan.epochs, plan.most, plan.batch),
        )
        order = msgspec.structs.replace(
            order,
            parent=self._training.adapter_ref(self._training.writes_now(model)),
            alone=not plan.together,
        )
        return self._training.launch(order, None)

    def _order(
        self, model: ModelSpec, data: Path, run_id: str, seed: int, pattern: PatternSettings
    ) -> RunSettings:
        return msgspec.structs.replace(
            self._training.order(model, run_id, seed, None, watermark=0),
            method="pattern",
            data=str(data),
            pattern=pattern,
        )

    def _minutes(
        self, model: ModelSpec, found: TalesRead, epochs: int, pattern: PatternSettings
    ) -> float:
        """Of reading, learning and the gate's two times of writing."""
        example = 1 + pattern.one_shot * pattern.one_shot_until / 2
        learned = found.tokens * epochs * example
        written = 2 * pattern.gate_turns * 300
        return work_minutes(Path(self._model_ref(model).folder), learned, written)


def work_minutes(folder: Path, learned: float, written: float) -> float:
    """How long the model in `folder` is at work on so many tokens: as `Planning` reckons."""
    shape = Shape.read(folder)
    weights = shape.weights if shape is not None else 1e9
    threads = max(1, (os.cpu_count() or 2) - 1)
    return (6 * weights * learned + 12 * weights * written) / (SUSTAINED * threads) / 60


def _batch(examples: int) -> int:
    """Sequences a step: of few there are smaller steps, so that there are enough of them. The
    whole step's number halved until it is so, for micro-batches must fit."""
    batch = PatternSettings().batch
    while batch > SMALLEST_BATCH and batch * SURE_STEPS > examples * MOST_EPOCHS:
        batch //= 2
    return batch


def settings_for(
    model: ModelSpec, epochs: int, most: int, batch: int = PatternSettings().batch
) -> PatternSettings:
    """The hyperparameters for this model."""
    return PatternSettings(
        epochs=epochs,
        batch=batch,
        micro_batch=min(batch, PatternSettings().micro_batch),
        learning_rate=min(MOST_RATE, RATE * model.learning_rate),
        max_tokens=min(PatternSettings().max_tokens, model.context_length),
        most_tales=most,
    )


def _refusal(found: TalesRead) -> str:
    missing = FEWEST_TALES - found.tales
    if missing <= 0 and found.held_out < FEWEST_HELD:
        return TOO_ALIKE
    if missing <= 0:
        return ""
    what = "tale is" if missing == 1 else "tales are"
    return f"{missing} more {what} needed: some are held back to see whether it was learned."
