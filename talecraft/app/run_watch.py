"""A training run as it is watched from here: what its events have said so far."""

from __future__ import annotations

from talecraft.app.text import duration
from talecraft.errors import LibraryError
from talecraft.library.runs import TrainingRun
from talecraft.process.run_events import Outcome, RunPhase, Step, TasteLearned
from talecraft.story.clean import clean_line
from talecraft.studio.training import Training


class RunWatch:
    """Reads a run's events as they are written. Watching changes nothing about the run."""

    def __init__(self, training: Training, run: TrainingRun) -> None:
        self.run = run
        self.phase: RunPhase | None = None
        self.taste: TasteLearned | None = None
        self.steps: list[Step] = []
        self.outcome: Outcome | None = None
        self.stopping = False
        self._training = training
        self._tail = training.tail(run.id)

    def read(self) -> bool:
        """Take in what is new; False where nothing is."""
        try:
            events = self._tail.read()
        except LibraryError:
            return False  # the folder is away for a moment; the next look tells
        for event in events:
            match event:
                case RunPhase():
                    self.phase, self.outcome = event, None  # it has been resumed, if it had ended
                case TasteLearned():
                    self.taste = event
                case Step():
                    # A resumed run takes the step again that it was killed in.
                    self.steps = [one for one in self.steps if one.step < event.step]
                    self.steps.append(event)
                case Outcome():
                    self.outcome = event
        return bool(events)

    @property
    def alive(self) -> bool:
        """Whether the run's process still holds its lock."""
        running = self._training.running()
        return running is not None and running.id == self.run.id

    @property
    def words(self) -> str:
        """What the run is doing, for the status line."""
        if self.stopping:
            return "training: stopping"
        if self.outcome is None and self.steps:
            step = self.steps[-1]
            left = f", {duration(step.eta)} left" if step.eta > 0 else ""
            return f"training {step.step}/{step.total}{left}"
        if self.outcome is None and self.phase is not None:
            return f"training: {clean_line(self.phase.words)[:48]}"
        return "training"


def verdict(run: TrainingRun) -> tuple[str, str, str]:
    """How a run ended, as a notice: text, title, severity."""
    match run.state:
        case "adopted":
            words = "The new adapter writes from now on. F3 shows why."
            return words, "Training: adopted", "information"
        case "rejected":
            words = "It did not write better by your scores, so nothing changed. F3 shows why."
            return words, "Training: not adopted", "warning"
        case "cancelled":
            return "Nothing changed.", "Training: stopped", "information"
        case state:
            words = f"{run.error or 'Nothing changed.'} F3 shows more."
            return words, f"Training: {state}", "warning"
