"""Learning as use cases: what a run would use, start it, watch it, settle what it left."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from talecraft import __version__
from talecraft.config.assets import reference_file
from talecraft.config.idf import idf_in_effect
from talecraft.config.models import ModelSpec
from talecraft.config.settings import Settings
from talecraft.errors import (
    BusyError,
    DoesNotFit,
    UsageError,
)
from talecraft.library import Library
from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.paths import (
    Home,
)
from talecraft.process import look, run_client, run_events
from talecraft.process.evidence import Evidence
from talecraft.process.messages import AdapterRef, ModelRef
from talecraft.process.run_events import (
    PatternSettings,
    PpoSettings,
    RunSettings,
    StyleSettings,
    TasteLearned,
)
from talecraft.story.methods import CARRIED, METHODS, OFFLINE, Method
from talecraft.story.rewards import BY_WORDS, CLASSIFIER, STYLE
from talecraft.studio import corpus, encoders
from talecraft.studio.classifiers import Classifiers
from talecraft.studio.encoders import NONE, Encoders
from talecraft.studio.memory import Room
from talecraft.studio.plan import Planning, TrainingPlan
from talecraft.studio.recipe import AS_SET, Recipe
from talecraft.studio.settling import RESUMABLE, Settling
from talecraft.studio.styles import Styles

_OF_THE_ORDER = ("seed", "method", "launcher", "tracker", "encoder")  # no hyperparameters
LOOK_SEED = 0  # the same for all looks: what was found once is found again


class Training(Settling):
    """`model_ref` and `adapter_ref` say where things are on disk (`installed_ref` refuses a model
    that is only elsewhere) and `room` what there is room
    for (see Studio); `launched` hears that a run has begun, or goes on. Runs of PPO are
    carried out behind the command `elsewhere`, where there is one."""

    def __init__(
        self,
        library: Library,
        home: Home,
        settings: Callable[[], Settings],
        model_ref: Callable[[ModelSpec], ModelRef],
        adapter_ref: Callable[[Adapter | None], AdapterRef | None],
        room: Callable[[ModelSpec, PpoSettings | PatternSettings], Room],
        launched: Callable[[], None] = lambda: None,
        elsewhere: Sequence[str] = (),
        installed_ref: Callable[[ModelSpec], ModelRef] | None = None,
    ) -> None:
        super().__init__(library, home)
        self.planning = Planning(library, model_ref, room)
        self._settings = settings
        self._model_ref = model_ref
        self.adapter_ref = adapter_ref
        self._room = room
        self._launched = launched
        self._elsewhere = elsewhere
        self._installed_ref = installed_ref or model_ref
        self.classifiers = Classifiers(library, home, self._installed_ref, self._root_ref)
        self.encoders = Encoders(home, library)
        self.styles = Styles(home, self._installed_ref)

    # ------------------------------------------------------------------ before
    def plan(self, model: ModelSpec, recipe: Recipe = AS_SET) -> TrainingPlan:
        return self._planned(model, recipe)[0]

    def _planned(self, model: ModelSpec, recipe: Recipe = AS_SET) -> tuple[TrainingPlan, Evidence]:
        """The plan of a run and what it would learn from, gathered once for both."""
        gathered = self.planning.gather(model)
        evidence = msgspec.structs.replace(gathered.evidence, prompts=list(recipe.prompts))
        gathered = msgspec.structs.replace(gathered, evidence=evidence)
        ppo = self.ppo(model, recipe=recipe)
        return self.planning.plan(model, ppo, gathered, self._method(recipe)), evidence

    def _method(self, recipe: Recipe) -> Method:
        return recipe.method or self._settings().training.method

    def look(self, model: ModelSpec) -> TasteLearned | None:
        """What the taste head has learned so far, after some seconds of reading; None where there
        is too little to read. The same opinions are read once.

        Raises EngineError where the model cannot read them, UsageError where it is only elsewhere,
        LibraryError where there is no room.
        """
        plan, evidence = self._planned(model)
        if plan.refusal or not plan.by_taste:
            return None
        active = self.writes_now(model)
        order = self.order(model, "look", LOOK_SEED, None, watermark=0)  # the evidence says it all
        order = msgspec.structs.replace(
            order, model=self._installed_ref(model), root=self._root(active)
        )
        return look.look(self._home.runs, order, evidence)

    def room(self, model: ModelSpec) -> Room:
        """What writing and training with this model need, and what is free."""
        return self._room(model, self.ppo(model))

    def ppo(
        self, model: ModelSpec, updates: int | None = None, recipe: Recipe = AS_SET
    ) -> PpoSettings:
        """The hyperparameters of a run: the program's, the model's, over these the writer's, and
        over these what is asked for this once. Where runs are launched in several processes, which
        share no reward model, none is tried unasked."""
        chosen = msgspec.structs.asdict(self._settings().training)
        chosen["updates"] = updates or chosen["updates"]
        chosen["rewards"] = recipe.rewards or self._settings().training.weights
        for name in ("learning_rate", "kl_target", "taste_model"):
            chosen[name] = getattr(recipe, name) or chosen[name]
        if self._launcher and chosen["taste_model"] in (None, "auto"):
            chosen["taste_model"] = "head"
        chosen = {k: v for k, v in chosen.items() if v is not None and k not in _OF_THE_ORDER}
        return msgspec.structs.replace(
            PpoSettings(),
            micro_batch=model.micro_batch,
            **{"learning_rate": model.learning_rate, **chosen},
        )

    def seed(self, seed: int | None) -> int:
        """This seed, or the settings', or one at random."""
        for given in (seed, self._settings().training.seed):
            if given is not None:
                return given
        return secrets.randbelow(2**31)

    # ------------------------------------------------------------------ the run
    def start(
        self,
        model: ModelSpec,
        seed: int | None = None,
        updates: int | None = None,
        recipe: Recipe = AS_SET,
    ) -> TrainingRun:
        """Launch a detached run on all feedback there is now.

        Raises UsageError where there is too little to learn from, DoesNotFit where there is no
        room, BusyError where a run is going.
        """
        self.settle()
        watermark = self._library.feedback.watermark()  # at least so far the evidence goes
        plan, evidence = self._planned(model, recipe)
        if not plan.fits:
            raise does_not_fit(plan.refusal)
        if plan.refusal:
            raise UsageError(f"There is too little to learn from: {plan.refusal}", "Score more.")
        active = self.writes_now(model)
        settings = self.order(
            model, self.new_id(), self.seed(seed), active, watermark, updates, recipe
        )
        settings = msgspec.structs.replace(
            settings, root=self._root(active), alone=not plan.together
        )
        return self.launch(settings, evidence, recipe)

    def writes_now(self, model: ModelSpec) -> Adapter | None:
        """The active adapter; None where the bare model writes, also because the active one was
        made for other weights."""
        active = self._library.adapters.active(model.id)
        return active if active is not None and active.model_key == model.key else None

    def _root_ref(self, model: ModelSpec) -> AdapterRef | None:
        """At which adapter training begins; None for the bare model."""
        return self._root(self.writes_now(model))

    def _root(self, active: Adapter | None) -> AdapterRef | None:
        """The pattern adapter that the active one rests on, or is; None for the bare model."""
        if active is None or active.root_id is None:
            return None
        return self.adapter_ref(self._library.adapters.get(active.root_id))

    def beneath(self, active: Adapter | None) -> AdapterRef | None:
        """At which adapter a manner's run begins: the root, but for one that is another author's
        manner, and rests on the pattern itself."""
        if active is None or active.root_id is None:
            return None
        root = self._library.adapters.get(active.root_id)
        run = self._library.runs.get(root.run_id)
        if run.method != "style":
            return self.adapter_ref(root)
        try:
            return run_events.decode_settings(run.settings.encode()).root
        except msgspec.MsgspecError:
            return None  # ordered by another version of Talecraft

    @staticmethod
    def new_id() -> str:
        """A name for a run that begins now."""
        return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"

    def launch(
        self,
        settings: RunSettings,
        evidence: Evidence | None,
        recipe: Recipe = AS_SET,
        inputs: Mapping[str, bytes] = MappingProxyType({}),
    ) -> TrainingRun:
        """Record the run that `settings` order, and launch it; `inputs` are given to it beside what
        its recipe asks for. Raises BusyError where one is going, LibraryError where it cannot be
        started, and what its inputs raise."""
        inputs = {**self._inputs(settings, recipe), **inputs}
        settings = msgspec.structs.replace(settings, version=__version__)
        run = TrainingRun(
            id=settings.run_id,
            method=settings.method,
            model_id=settings.model.id,
            parent_adapter=settings.parent.id if settings.parent is not None else None,
            watermark=settings.watermark,
            settings=run_events.encode(settings).decode(),
            seed=settings.seed,
            state="running",
        )
        return self._launch(
            run.id,
            lambda: self._library.runs.add(run),
            lambda: run_client.start(
                self._home.runs,
                settings,
                evidence,
                self._elsewhere_for(settings),
                inputs,
                self._launcher,
            ),
            "failed",
        )

    def _inputs(self, settings: RunSettings, recipe: Recipe) -> dict[str, bytes]:
        """What the run's rewards stand on, beside what was said. Raises ConfigError where the
        writer's own table of words cannot be read, UsageError where there is no such classifier or
        manner."""
        found: dict[str, bytes] = {}
        if settings.method in METHODS and not BY_WORDS.isdisjoint(settings.ppo.rewards):
            _, path = idf_in_effect(self._home)
            found[run_client.IDF] = path.read_bytes()
        if settings.method in METHODS and CLASSIFIER in settings.ppo.rewards:
            kept = self.classifiers.find(recipe.classifier)
            judged = settings.ppo.by_taste or settings.method in OFFLINE
            if judged and (kept.fitted is None or kept.fitted.own):
                raise UsageError(
                    f"Classifier '{kept.name}' knows your own stars, which judge the run.",
                    "Leave taste out of the rewards, or fit it to a labelled table.",
                )
            found[run_client.CLASSIFIER] = kept.path.read_bytes()
        if settings.method in METHODS and STYLE in settings.ppo.rewards:
            if not recipe.author or not recipe.texts:
                raise UsageError(
                    "There is no manner to be rewarded by.",
                    "Name whose, and the texts: --author NAME --texts FILE.",
                )
            found[run_client.STYLE] = self.styles.usable(
                recipe.style, settings.model
            ).path.read_bytes()
            texts = [Path(one) for one in recipe.texts]
            _, found[run_client.MANNER] = corpus.manner(
                Path(settings.model.folder), recipe.author, texts
            )
        return found

    def _encoder(self) -> str:
        """The folder of the sentence encoder that compares words; '' for the model's own vectors,
        as always on another machine.

        Raises UsageError where it is not there, or would be wanted on another machine."""
        told = self._settings().training.encoder
        if self._elsewhere:
            if told in ("", NONE):
                return ""
            raise UsageError(
                "training.encoder is a folder of this machine; the run is elsewhere.",
                "Take training.encoder back, or engine.command.",
            )
        return encoders.find(self._home, told)

    @property
    def _launcher(self) -> Sequence[str]:
        return self._settings().training.launcher_words

    def _elsewhere_for(self, settings: RunSettings) -> Sequence[str]:
        """The pattern is learned from files that are here."""
        return self._elsewhere if settings.method in CARRIED else ()

    def order(
        self,
        model: ModelSpec,
        run_id: str,
        seed: int,
        active: Adapter | None,
        watermark: int,
        updates: int | None = None,
        recipe: Recipe = AS_SET,
    ) -> RunSettings:
        """What a run is told, from the bare base."""
        return RunSettings(
            run_id=run_id,
            method=self._method(recipe),
            model=self._model_ref(model),
            parent=self.adapter_ref(active),
            lora_rank=model.lora_rank,
            lora_alpha=model.lora_alpha,
            lora_targets=model.lora_targets,
            seed=seed,
            watermark=watermark,
            reference_file=str(reference_file()),
            sampling=self._settings().writing.of(model).sampling(0),
            ppo=self.ppo(model, updates, recipe),
            trial=recipe.trial,
            encoder=self._encoder(),
            tracker=self._settings().training.tracker,
            style=StyleSettings(author=recipe.author),
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
                raise _busy(going)
            record()
            try:
                pid = launch()
            except BaseException as error:
                self._library.runs.end(run_id, otherwise, error=str(error))
                raise
            self._library.runs.launched(run_id, pid)
        self._launched()
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
        if ordered.model.files != self._model_ref(model).files:
            return None  # the model's files are others now
        needed = (ordered.parent, ordered.root)
        ids = [one.id for one in needed if one is not None]
        if any(self._library.adapters.get(one).deleted_at is not None for one in ids):
            return None  # what it was to be compared with, or begins at, is no longer there
        return newest if run_client.can_resume(self._home.runs, newest.id) else None

    def resume(self, model: ModelSpec) -> TrainingRun:
        """Let a paused run go on, or else the newest one after its last finished update; either
        ends where it would have.

        Raises UsageError where there is none to go on, DoesNotFit where there is no room, BusyError
        where a run is going.
        """
        if (going := self.running()) is not None:
            if self.paused(going.id):
                return self.unpause()
            raise _busy(going.id)
        self.settle()
        run = self.resumable(model)
        if run is None:
            raise UsageError(
                "There is no run to go on with: the newest one came to its end, or was stopped"
                " before its first update.",
                "Start one with `talecraft train run`.",
            )
        room = self.room(model)
        if run.method in ("pattern", "style"):
            room = self._room(model, run_events.decode_settings(run.settings).pattern)
        if refusal := room.refusal:
            raise does_not_fit(refusal)
        return self._launch(
            run.id,
            lambda: self._library.runs.reopen(run.id),
            lambda: run_client.resume(self._home.runs, run.id, self._elsewhere, self._launcher),
            "interrupted",
        )


def does_not_fit(refusal: str) -> DoesNotFit:
    """The error of a run that has no room."""
    return DoesNotFit(
        f"A run does not fit: {refusal}",
        "Close other programs, free some space, or train a smaller model.",
    )


def _busy(run_id: str) -> BusyError:
    return BusyError(
        f"Training run {run_id} is already going.",
        "Watch it, or stop it with `talecraft train stop`.",
    )
