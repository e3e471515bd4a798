"""Before a run: which feedback counts, what it is worth, how long a run would take."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from talecraft.config.models import ModelSpec
from talecraft.library import Library
from talecraft.process.evidence import Evidence
from talecraft.process.messages import ModelRef
from talecraft.process.run_events import (
    FEWEST_OPINIONS,
    Outcome,
    PatternSettings,
    PpoSettings,
    RewardModelSettings,
)
from talecraft.story import feedback
from talecraft.story.feedback import Score
from talecraft.story.methods import OFFLINE, Method
from talecraft.story.rewards import TASTE
from talecraft.studio.evidence import Gathered, consistency, gather
from talecraft.studio.memory import Room

FEWEST_DISTINCT = 2  # grades; with one there is nothing to compare
ONE_SIDED = 0.8  # of the scores alike: said before the run
# What a passage takes in the closing test, against one that a step writes or reads: measured on the
# bundled model, whose test takes 3.3 steps.
TESTED = 1.8
READ = 1 / 3  # of learning from a passage once: to read it
INCONSISTENT, FEWEST_AGAINST = 0.2, 3  # of the comparisons, and at least so many


class TrainingPlan(msgspec.Struct, frozen=True):
    """What a run would learn from. `refusal` says, in words, why it would not start."""

    scores: int
    choices: int
    edits: int
    discards: int
    stories: int  # of the writer's
    beginnings: int  # of taste rounds
    elsewhere: int  # beginnings that came with others' opinions
    histogram: list[int]
    unusable: int
    minutes: float
    measured: bool
    refusal: str = ""
    warnings: list[str] = []
    # Needed and free, in MB; None where it cannot be told. `together`: beside a warm engine.
    memory_mb: float = 0.0
    engine_mb: float = 0.0  # what the engine takes beside the run
    free_mb: float | None = None
    disk_mb: float = 0.0
    free_disk_mb: float | None = None
    together: bool = True
    fits: bool = True
    evidence: str = ""  # a checksum of what there is to learn from
    method: Method = "ppo"
    rewards: dict[str, float] = {}
    prompts: int = 0  # of the run's own; with none the shipped ones are practised on
    trial_minutes: float = 0.0  # beside the others, where a reward model is tried
    lighter: int = 0  # of the scores: thumbs, grades of some words alone, or brought so

    @property
    def places(self) -> str:
        """How many stories and beginnings they are of, in words."""
        begun = "beginning" if self.beginnings == 1 else "beginnings"
        found = [
            (self.stories, "story" if self.stories == 1 else "stories"),
            (self.beginnings, f"{begun} of taste rounds"),
            (self.elsewhere, f"beginning{'s' * (self.elsewhere > 1)} from elsewhere"),
        ]
        some = [f"{number} {what}" for number, what in found if number]
        return ", ".join([*some[:-2], " and ".join(some[-2:])]) or "0 stories"

    @property
    def lighter_words(self) -> str:
        """That some scores weigh less, and which; nothing where none does."""
        if not self.lighter:
            return ""
        what = "score weighs" if self.lighter == 1 else "scores weigh"
        return (
            f"{self.lighter} {what} less: thumbs (5 or 1 stars; a taste round's neither is two),"
            " of some words alone, or brought so."
        )

    @property
    def trial_words(self) -> str:
        """That a reward model is tried, and what that takes; nothing where none is."""
        if not self.trial_minutes:
            return ""
        return (
            "A reward model is tried beside the taste head, and rewards only where it surely knows"
            f" your taste better: about {max(1, round(self.trial_minutes))} minutes more."
        )

    @property
    def by_taste(self) -> bool:
        """Whether it learns from what the writer said, or from other parts of the reward alone."""
        return TASTE in self.rewards or self.method in OFFLINE


class Planning:
    """`model_ref` says where a model is on disk, `room` what a run of it needs (see Studio)."""

    def __init__(
        self,
        library: Library,
        model_ref: Callable[[ModelSpec], ModelRef],
        room: Callable[[ModelSpec, PpoSettings | PatternSettings], Room],
    ) -> None:
        self._library = library
        self._model_ref = model_ref
        self._room = room

    def gather(self, model: ModelSpec) -> Gathered:
        """Every opinion of this model's passages that stands now."""
        return gather(self._library, self._model_ref(model).key)

    def plan(
        self, model: ModelSpec, ppo: PpoSettings, gathered: Gathered, method: Method = "ppo"
    ) -> TrainingPlan:
        """What a run with these hyperparameters would learn from what was `gathered`, and how
        long it would take."""
        found = gathered.evidence
        kinds = Counter(one.kind for one in found.preferences)
        thrown = {one.worse for one in found.preferences if one.kind == "discard"}
        graded = [Score(one.stars, one.weight) for one in found.passages if one.stars]
        histogram = feedback.histogram(graded)
        groups = {one.group for one in found.passages}
        stories = {one.id for one in self._library.stories.every() if one.kind == "story"}
        minutes, trial, measured = self._minutes(model, ppo, method, found)
        by_opinions = ppo.by_taste or method in OFFLINE
        room = self._room(model, ppo)
        return TrainingPlan(
            scores=len(graded),
            choices=kinds["choice"],
            edits=kinds["edit"],
            discards=len(thrown),
            stories=len(groups & stories),
            beginnings=sum(one > 0 for one in groups - stories),
            elsewhere=sum(one < 0 for one in groups),
            histogram=histogram,
            unusable=gathered.left_out,
            minutes=minutes,
            measured=measured,
            refusal=room.refusal or (_refusal(found, histogram) if by_opinions else ""),
            warnings=_warnings(found, histogram) if by_opinions else [],
            memory_mb=room.run,
            engine_mb=room.engine,
            free_mb=room.free,
            disk_mb=room.disk,
            free_disk_mb=room.free_disk,
            together=room.together,
            fits=not room.refusal,
            evidence=hashlib.sha256(found.lines()).hexdigest(),
            method=method,
            rewards=ppo.rewards,
            prompts=len(found.prompts),
            trial_minutes=trial,
            lighter=sum(one.weight < 1 for one in graded),
        )

    def _minutes(
        self, model: ModelSpec, ppo: PpoSettings, method: str, found: Evidence
    ) -> tuple[float, float, bool]:
        """How long a run takes, and trying a reward model before it: the last one's time here, else
        from the work there is to do. What a trial takes depends on how much was said since."""
        each = self._minutes_a_turn(model, ppo)
        trial = each * trial_work(found) if ppo.tries_adapter(method, found.opinions) else 0.0
        for run in self._library.runs.list():
            mine = run.model_id == model.id and run.method == method
            if mine and run.state in ("adopted", "rejected"):
                took = msgspec.json.decode(run.outcome, type=Outcome)
                return (took.seconds - took.trial_seconds) / 60, trial, True
        learned = ppo.updates * _step(ppo)
        # Only written and read: the reference's samples, and the gate's before, after and root.
        read = ppo.reference_samples + ppo.gate_prompts * (1 + 3 * ppo.gate_samples)
        return each * (learned + read), trial, False

    def _minutes_a_turn(self, model: ModelSpec, ppo: PpoSettings) -> float:
        """How long it takes to learn from one turn once, by the work there is to do."""
        # Forward + backward is about 6 floating-point operations a weight and token, generation
        # and judging about as much again; a CPU thread sustains some 1.2e11 a second on such sizes.
        turn = ppo.prompt_tokens + ppo.outline_tokens + ppo.prose_tokens
        folder = Path(self._model_ref(model).folder)
        weights = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 2
        threads = max(1, (os.cpu_count() or 2) - 1)
        return 6 * weights * turn / (1.2e11 * threads) / 60


def closing_steps(ppo: PpoSettings, opponents: int = 1) -> float:
    """How long the test at the end of a run takes, in steps: it writes with the candidate, with the
    root and (2 `opponents`) with what writes now, where that is another."""
    tested = ppo.gate_prompts * (1 + (1 + opponents) * ppo.gate_samples)
    return TESTED * tested / _step(ppo)


def trial_work(found: Evidence) -> float:
    """The work of trying a reward model on what was said, in turns learned from once: it is trained
    without each part of the stories, and, where it is kept, once on either half; and it reads."""
    how = RewardModelSettings()
    return len(found.passages) * (how.epochs * how.folds + READ)


def _step(ppo: PpoSettings) -> int:
    """The work of one step, in turns: to write one, to value it and to read it with the adapter on
    takes about as long each as to learn from it once."""
    return ppo.batch * ppo.epochs + 3 * ppo.drawn


def _refusal(found: Evidence, histogram: list[int]) -> str:
    """Why a run would learn nothing from this, in words, or nothing."""
    missing = FEWEST_OPINIONS - found.opinions
    if missing > 0:
        what = "score or choice is" if missing == 1 else "scores or choices are"
        return f"{missing} more {what} needed."
    preferred = any(not one.tie and not one.outline for one in found.preferences)
    if sum(count > 0 for count in histogram) < FEWEST_DISTINCT and not preferred:
        return "All scores are the same: there is nothing to tell good from bad by."
    return ""


def _warnings(found: Evidence, histogram: list[int]) -> list[str]:
    """What makes this evidence weaker than its number says."""
    warnings = []
    if sum(histogram) >= FEWEST_OPINIONS and max(histogram) > ONE_SIDED * sum(histogram):
        warnings.append("Nearly all scores are the same; more varied ones teach more.")
    compared, against = consistency(found)
    if against >= FEWEST_AGAINST and against > INCONSISTENT * compared:
        warnings.append(
            f"In {against} of {compared} comparisons your stars say the opposite of your choices;"
            " what you are unsure of, leave unscored."
        )
    return warnings
