"""Before a run: which feedback counts, what it is worth, how long a run would take."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from talecraft.config.models import ModelSpec
from talecraft.library import Library
from talecraft.process import run_events
from talecraft.process.messages import ModelRef
from talecraft.process.run_events import Episode, Outcome, PpoSettings
from talecraft.story import feedback
from talecraft.story.feedback import Score
from talecraft.studio import reading
from talecraft.studio.memory import Room

FEWEST_DISTINCT = 2  # grades; with one there is nothing to compare


class TrainingPlan(msgspec.Struct, frozen=True):
    """What a run would learn from. `refusal` says, in words, why it would not start."""

    scores: int
    stories: int
    histogram: list[int]
    unusable: int
    minutes: float
    measured: bool
    refusal: str = ""
    warning: str = ""
    # Needed and free, in MB; None where it cannot be told. `together`: beside a warm engine.
    memory_mb: float = 0.0
    free_mb: float | None = None
    disk_mb: float = 0.0
    free_disk_mb: float | None = None
    together: bool = True
    fits: bool = True


class Planning:
    """`model_ref` says where a model is on disk, `room` what a run of it needs (see Studio)."""

    def __init__(
        self,
        library: Library,
        model_ref: Callable[[ModelSpec], ModelRef],
        room: Callable[[ModelSpec, PpoSettings], Room],
    ) -> None:
        self._library = library
        self._model_ref = model_ref
        self._room = room

    def episodes(self, model: ModelSpec) -> list[Episode]:
        """Every passage of this model that has a score now, as it was written."""
        return self._episodes(model, self._scores())

    def _episodes(self, model: ModelSpec, scores: Mapping[int, Score]) -> list[Episode]:
        key = self._model_ref(model).key
        episodes = []
        for turn in self._library.stories.turns(list(scores)):
            made = turn.generation
            if made is None or f"{made.model_id}@{made.revision}" != key or not turn.prose:
                continue
            score = scores[turn.id]
            episodes.append(
                Episode(
                    turn.id,
                    turn.story_id,
                    made.prompt_ids,
                    made.response_ids,
                    made.prose_start,
                    made.prose_end,
                    turn.prose,
                    score.stars,
                    score.weight,
                )
            )
        return episodes

    def plan(self, model: ModelSpec, ppo: PpoSettings) -> TrainingPlan:
        """What a run with these hyperparameters would learn from, and how long it would take."""
        scores = self._scores()
        episodes = self._episodes(model, scores)
        histogram = feedback.histogram(Score(one.stars, one.weight) for one in episodes)
        distinct = sum(count > 0 for count in histogram)
        refusal = warning = ""
        missing = run_events.FEWEST_SCORES - len(episodes)
        if missing > 0:
            refusal = f"{missing} more {'score is' if missing == 1 else 'scores are'} needed."
        elif distinct < FEWEST_DISTINCT:
            refusal = "All scores are the same: there is nothing to tell good from bad by."
        elif max(histogram) > 0.8 * len(episodes):
            warning = "Nearly all scores are the same; more varied ones teach more."
        minutes, measured = self._minutes(model, ppo)
        room = self._room(model, ppo)
        return TrainingPlan(
            scores=len(episodes),
            stories=len({one.group for one in episodes}),
            histogram=histogram,
            unusable=len(scores) - len(episodes),
            minutes=minutes,
            measured=measured,
            refusal=room.refusal or refusal,
            warning=warning,
            memory_mb=room.run,
            free_mb=room.free,
            disk_mb=room.disk,
            free_disk_mb=room.free_disk,
            together=room.together,
            fits=not room.refusal,
        )

    def _scores(self) -> dict[int, Score]:
        return reading.standing_scores(self._library.feedback.all())

    def _minutes(self, model: ModelSpec, ppo: PpoSettings) -> tuple[float, bool]:
        """How long a run takes: the last one's time here, else from the work there is to do."""
        for run in self._library.runs.list():
            if run.model_id == model.id and run.state in ("adopted", "rejected"):
                return msgspec.json.decode(run.outcome, type=Outcome).seconds / 60, True
        # Forward + backward is about 6 floating-point operations a weight and token, generation
        # and judging about as much again; a CPU thread sustains some 1.2e11 a second on such sizes.
        turn = ppo.prompt_tokens + ppo.outline_tokens + ppo.prose_tokens
        learned = ppo.updates * ppo.batch * (ppo.epochs + 3)
        # Only written and read: the reference's samples, and the gate's before, after and root.
        read = ppo.reference_samples + ppo.gate_prompts * (1 + 3 * ppo.gate_samples)
        folder = Path(self._model_ref(model).folder)
        weights = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 2
        threads = max(1, (os.cpu_count() or 2) - 1)
        return 6 * weights * turn * (learned + read) / (1.2e11 * threads) / 60, False
