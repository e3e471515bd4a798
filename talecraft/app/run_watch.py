"""A training run as it is watched from here: what its events have said so far."""

from __future__ import annotations

from contextlib import suppress
from statistics import median

import msgspec

from talecraft.app.keymap import hint
from talecraft.errors import LibraryError
from talecraft.library.runs import TrainingRun
from talecraft.process.run_events import (
    Drawn,
    Example,
    Outcome,
    PpoSettings,
    RunPhase,
    TalesRead,
    TasteLearned,
    Waiting,
    WaitReason,
    decode_settings,
)
from talecraft.story.clean import clean_line
from talecraft.story.methods import METHODS
from talecraft.studio.figures import AnyStep, duration, is_step, take
from talecraft.studio.plan import closing_steps
from talecraft.studio.training import Training


class RunWatch:
    """Reads a run's events as they are written. Watching changes nothing about the run."""

    def __init__(self, training: Training, run: TrainingRun) -> None:
        self.run = run
        self.phase: RunPhase | None = None
        self.taste: TasteLearned | None = None
        self.tales: TalesRead | None = None
        self.steps: list[AnyStep] = []  # all of one kind
        self.outcome: Outcome | None = None
        self.example: Example | None = None
        self.drawn: Drawn | None = None  # of the newest step
        self.waiting: WaitReason | None = None
        self.stopping = False
        self.example_asked = False
        self.paused = training.paused(run.id)  # asked to: it may still be on its way to a step
        self._closing = _closing_steps(run)
        self._training = training
        self._tail = training.tail(run.id)

    def read(self) -> bool:
        """Take in what is new; False where nothing is."""
        try:
            events = self._tail.read()
        except LibraryError:
            return False  # the folder is away for a moment; the next look tells
        paused, self.paused = self.paused, self._training.paused(self.run.id)
        for event in events:
            self.waiting = event.reason if isinstance(event, Waiting) else None
            match event:
                case RunPhase():
                    self.phase, self.outcome = event, None  # it has been resumed, if it had ended
                case TasteLearned():
                    self.taste = event
                case TalesRead():
                    self.tales = event
                case _ if is_step(event):
                    take(self.steps, event)
                case Drawn():
                    self.drawn = event
                case Example():
                    self.example, self.example_asked = event, False
                case Outcome():
                    self.outcome = event
        return bool(events) or paused != self.paused

    @property
    def alive(self) -> bool:
        """Whether the run's process still holds its lock."""
        running = self._training.running()
        return running is not None and running.id == self.run.id

    @property
    def learning(self) -> bool:
        """Whether an update is still to come, after which an example can be shown."""
        if self.run.method not in METHODS or self.outcome is not None:
            return False
        last = self.steps[-1] if self.steps else None
        return last is None or (last.step < last.total and not last.note)

    @property
    def steps_left(self) -> int:
        """How many steps are still to come; none after one that stopped the run."""
        last = self.steps[-1] if self.steps else None
        return last.total - last.step if last is not None and not last.note else 0

    @property
    def seconds_left(self) -> float:
        """From the last step to the end of the run, as far as that can be told: with the closing
        test of a run of PPO."""
        each = median(step.seconds for step in self.steps) if self.steps else 0.0
        return each * (self.steps_left + self._closing)

    @property
    def share(self) -> float:
        """How much of its steps and its closing test is done."""
        if not self.steps or self.outcome is not None:
            return 0.0
        done = self.steps[-1].step
        return done / (done + self.steps_left + self._closing)

    @property
    def share_words(self) -> str:
        """How far it is, for a title: `training 40 %`."""
        if self.stopping or self.paused or self.waiting or not self.steps or self.outcome:
            return self.words
        return f"training {round(100 * self.share)} %"

    @property
    def words(self) -> str:
        """What the run is doing, for the status line."""
        if self.stopping:
            return "training: stopping"
        if self.paused:
            return "training paused" if self.waiting else "training: pausing"
        if self.waiting == "writing":
            return "training waits"
        if self.outcome is None and self.steps:
            step = self.steps[-1]
            if not self.steps_left:
                return "training: closing test"
            left = f", {duration(self.seconds_left)} left" if self.seconds_left else ""
            return f"training {step.step}/{step.total}{left}"
        if self.outcome is None and self.phase is not None:
            return f"training: {clean_line(self.phase.words)[:48]}"
        return "training"


def _closing_steps(run: TrainingRun) -> float:
    """How long the closing test of a run will take, in steps; 0 where nobody can tell."""
    if run.method not in METHODS:
        return 0.0
    try:
        order = decode_settings(run.settings.encode())
    except msgspec.MsgspecError:
        return closing_steps(PpoSettings())  # ordered by another version of Talecraft
    apart = order.parent is not None and order.parent != order.root
    return closing_steps(order.ppo, 1 + apart)


def reason(run: TrainingRun) -> str:
    """What spoke against adopting what a run has made."""
    with suppress(msgspec.MsgspecError):
        if words := msgspec.json.decode(run.outcome, type=Outcome).reason:
            return clean_line(words)
    return "It was tried, and did not prove better."


def verdict(run: TrainingRun, model_id: str) -> tuple[str, str, str]:
    """How a run ended, as a notice while this model writes: text, title, severity."""
    key = hint("app.training", "F3")
    title = f"Training: {clean_line(run.state_words)}"
    match run.state:
        case "adopted":
            when = "from now on" if run.model_id == model_id else "when its model does"
            words = f"The new adapter writes {when}. {key} shows why."
            return words, title, "information"
        case "rejected":
            words = f"{reason(run)} So nothing changed; {key} shows all figures."
            return words, title, "warning"
        case "cancelled":
            return "Nothing changed.", title, "information"
        case _:
            words = f"{run.error or 'Nothing changed.'} {key} shows more."
            return words, title, "warning"
