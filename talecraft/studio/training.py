"""Learning as use cases: what a run would use, start it, watch it, settle what it left."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from talecraft.config.assets import reference_file
from talecraft.config.models import ModelSpec
from talecraft.config.settings import Settings
from talecraft.errors import AdapterError, BusyError, LibraryError, UsageError, os_reason
from talecraft.library import Library
from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.paths import (
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    Home,
    flush_file,
    flush_folder,
    private_folder,
)
from talecraft.process import adapter_files, run_client, run_events
from talecraft.process.messages import AdapterRef, ModelRef
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Episode, Outcome, PpoSettings, RunSettings
from talecraft.story import feedback
from talecraft.story.feedback import Score
from talecraft.studio import reading

RESUMABLE = ("interrupted", "cancelled")
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


class Training:
    """`model_ref` and `adapter_ref` say where things are on disk (see Studio)."""

    def __init__(
        self,
        library: Library,
        home: Home,
        settings: Settings,
        model_ref: Callable[[ModelSpec], ModelRef],
        adapter_ref: Callable[[Adapter | None], AdapterRef | None],
    ) -> None:
        self._library = library
        self._home = home
        self._settings = settings
        self._model_ref = model_ref
        self._adapter_ref = adapter_ref

    # ------------------------------------------------------------------ before
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

    def plan(self, model: ModelSpec) -> TrainingPlan:
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
        minutes, measured = self._minutes(model)
        return TrainingPlan(
            scores=len(episodes),
            stories=len({one.group for one in episodes}),
            histogram=histogram,
            unusable=len(scores) - len(episodes),
            minutes=minutes,
            measured=measured,
            refusal=refusal,
            warning=warning,
        )

    def _scores(self) -> dict[int, Score]:
        return reading.standing_scores(self._library.feedback.all())

    def _minutes(self, model: ModelSpec) -> tuple[float, bool]:
        """How long a run takes: the last one's time here, else from the work there is to do."""
        for run in self._library.runs.list():
            if run.model_id == model.id and run.state in ("adopted", "rejected"):
                return msgspec.json.decode(run.outcome, type=Outcome).seconds / 60, True
        # Forward + backward is about 6 floating-point operations a weight and token, generation
        # and judging about as much again; a CPU thread sustains some 1.2e11 a second on such sizes.
        ppo = self.ppo(model)
        turn = ppo.prompt_tokens + ppo.outline_tokens + ppo.prose_tokens
        learned = ppo.updates * ppo.batch * (ppo.epochs + 3)
        # Only written and read: the reference's samples, and the gate's before, after and root.
        read = ppo.reference_samples + ppo.gate_prompts * (1 + 3 * ppo.gate_samples)
        folder = Path(self._model_ref(model).folder)
        weights = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / 2
        threads = max(1, (os.cpu_count() or 2) - 1)
        return 6 * weights * turn * (learned + read) / (1.2e11 * threads) / 60, False

    def ppo(self, model: ModelSpec, updates: int | None = None) -> PpoSettings:
        """The hyperparameters of a run: the program's, the model's, and over these the writer's."""
        chosen = msgspec.structs.asdict(self._settings.training)
        chosen["updates"] = updates or chosen["updates"]
        chosen = {k: v for k, v in chosen.items() if v is not None and k != "seed"}
        return msgspec.structs.replace(
            PpoSettings(), **{"learning_rate": model.learning_rate, **chosen}
        )

    def _seed(self, seed: int | None) -> int:
        for given in (seed, self._settings.training.seed):
            if given is not None:
                return given
        return secrets.randbelow(2**31)

    # ------------------------------------------------------------------ the run
    def start(
        self, model: ModelSpec, seed: int | None = None, updates: int | None = None
    ) -> TrainingRun:
        """Launch a detached run on all feedback there is now.

        Raises UsageError where the plan refuses, BusyError where a run is going.
        """
        self.settle()
        plan = self.plan(model)
        if plan.refusal:
            raise UsageError(f"There is too little to learn from: {plan.refusal}", "Score more.")
        active = self._library.adapters.active(model.id)
        if active is not None and active.model_key != model.key:
            active = None  # made for other weights: the bare model is what writes now
        settings = RunSettings(
            run_id=f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}",
            method="ppo",
            model=self._model_ref(model),
            parent=self._adapter_ref(active),
            lora_rank=model.lora_rank,
            lora_alpha=model.lora_alpha,
            lora_targets=model.lora_targets,
            seed=self._seed(seed),
            watermark=self._library.feedback.watermark(),
            reference_file=str(reference_file()),
            sampling=self._settings.writing.sampling(0),
            ppo=self.ppo(model, updates),
        )
        run = TrainingRun(
            id=settings.run_id,
            method=settings.method,
            model_id=model.id,
            parent_adapter=active.id if active else None,
            watermark=settings.watermark,
            settings=run_events.encode(settings).decode(),
            seed=settings.seed,
            state="running",
        )
        return self._launch(
            run.id,
            lambda: self._library.runs.add(run),
            lambda: run_client.start(self._home.runs, settings, self.episodes(model)),
            "failed",
        )

    def _launch(
        self, run_id: str, record: Callable[[], None], launch: Callable[[], int], otherwise: str
    ) -> TrainingRun:
        """Record a run and launch it; where that fails it is ended as `otherwise`.

        Recorded before it is launched: a crash between the two leaves a run to settle, never one
        that nobody knows of. The lock keeps another parent from settling it between them.
        """
        with run_client.settling(self._home.runs):
            if going := run_client.alive(self._home.runs):
                raise BusyError(
                    f"Training run {going} is already going.",
                    "Watch it, or stop it with `talecraft train stop`.",
                )
            record()
            try:
                pid = launch()
            except BaseException as error:
                self._library.runs.end(run_id, otherwise, error=str(error))
                raise
            self._library.runs.launched(run_id, pid)
        return self._library.runs.get(run_id)

    def resumable(self, model: ModelSpec) -> TrainingRun | None:
        """The model's newest run, where it was killed or stopped and can go on."""
        mine = (run for run in self._library.runs.list() if run.model_id == model.id)
        newest = next(mine, None)
        if newest is None or newest.state not in RESUMABLE:
            return None
        try:
            ordered = run_events.decode_settings(newest.settings.encode())
        except msgspec.MsgspecError:
            return None  # ordered by another version of Talecraft
        if ordered.model != self._model_ref(model):
            return None  # the model's files are others now
        return newest if run_client.can_resume(self._home.runs, newest.id) else None

    def resume(self, model: ModelSpec) -> TrainingRun:
        """Let the newest run go on after its last finished update, and end where it would have.

        Raises UsageError where there is none to go on, BusyError where a run is going.
        """
        self.settle()
        run = self.resumable(model)
        if run is None:
            raise UsageError(
                "There is no run to go on with: the newest one was not cut off, or its first"
                " update was not done.",
                "Start one with `talecraft train run`.",
            )
        return self._launch(
            run.id,
            lambda: self._library.runs.reopen(run.id),
            lambda: run_client.resume(self._home.runs, run.id),
            "interrupted",
        )

    def running(self) -> TrainingRun | None:
        """The run that is going, whoever started it."""
        run_id = run_client.alive(self._home.runs)
        return self._library.runs.get(run_id) if run_id else None

    def stop(self) -> TrainingRun:
        """Ask the run to end at its next step. Raises UsageError where none is going."""
        run = self.running()
        if run is None:
            raise UsageError("No training run is going.")
        run_client.request_stop(self._home.runs, run.id)
        return run

    def tail(self, run_id: str) -> EventTail:
        return EventTail(self._home.runs / run_id)

    # ------------------------------------------------------------------ after
    def settle(self) -> list[TrainingRun]:
        """Take in every run that has ended: its adapter, its verdict; each exactly once.

        Returns the runs settled now. A run that died without a word is marked as interrupted.
        """
        if not self._library.runs.list("running"):
            return []
        settled = []
        with run_client.settling(self._home.runs):
            for run in self._library.runs.list("running"):
                if run_client.alive(self._home.runs) != run.id:
                    self._settle(run)
                    settled.append(self._library.runs.get(run.id))
                    if settled[-1].state not in RESUMABLE:
                        self._forget_checkpoint(run.id)
        return settled

    def _forget_checkpoint(self, run_id: str) -> None:
        """It is large and of no more use. One that cannot be deleted does no harm."""
        with contextlib.suppress(OSError):
            (self._home.runs / run_id / run_client.CHECKPOINT).unlink(missing_ok=True)

    def _settle(self, run: TrainingRun) -> None:
        folder = self._home.runs / run.id
        outcome = run_client.outcome(folder)
        if outcome is None:
            shutil.rmtree(folder / run_client.CANDIDATE, ignore_errors=True)
            self._library.runs.end(
                run.id,
                "interrupted",
                error=f"It ended without a word; see {folder / run_client.LOG}.",
            )
            return
        text = run_events.encode(outcome).decode()
        if not outcome.files:
            self._library.runs.end(run.id, outcome.state, text)
            return
        try:
            self._take_in(run, outcome, folder / run_client.CANDIDATE)
        except (AdapterError, msgspec.MsgspecError) as error:
            self._library.runs.end(run.id, "failed", text, str(error))
        except OSError as error:  # a full or read-only disk passes; the run stays to be settled
            raise LibraryError(
                f"The adapter of run {run.id} could not be put away: {os_reason(error)}.",
                "Free some space; it is taken in at the next start.",
            ) from error

    def _take_in(self, run: TrainingRun, outcome: Outcome, candidate: Path) -> None:
        """Move the candidate among the adapters, then move the pointer: one rename, one commit."""
        target = private_folder(self._home.adapters) / outcome.adapter_id
        settings = run_events.decode_settings(run.settings)
        if outcome.adapter_id != adapter_files.content_id(outcome.files):
            raise AdapterError(f"Run {run.id} names its adapter '{outcome.adapter_id}' wrongly.")
        # Proved before it is moved; a crash after the move leaves only the commit to be done.
        moved = target.exists() and not candidate.exists()
        found = target if moved else candidate
        adapter_files.verify(
            AdapterRef(outcome.adapter_id, str(found), outcome.files, settings.model.key)
        )
        if not moved:
            candidate.chmod(PRIVATE_FOLDER)
            for name in outcome.files:
                (candidate / name).chmod(PRIVATE_FILE)
                flush_file(candidate / name)
            shutil.rmtree(target, ignore_errors=True)  # the same content, from an earlier run
            os.rename(candidate, target)
            flush_folder(target.parent)
        adopted = outcome.state == "adopted"
        text = run_events.encode(outcome).decode()
        with self._library.transaction():
            self._library.adapters.add(
                Adapter(
                    id=outcome.adapter_id,
                    model_id=settings.model.id,
                    revision=settings.model.revision,
                    parent_id=run.parent_adapter,
                    run_id=run.id,
                    path=outcome.adapter_id,
                    files=outcome.files,
                    state="candidate" if adopted else "rejected",
                    evaluation=text,
                )
            )
            if adopted:
                self._library.adapters.activate(settings.model.id, outcome.adapter_id)
            self._library.runs.end(run.id, outcome.state, text, adapter=outcome.adapter_id)
