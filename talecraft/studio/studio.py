"""One writer's open Talecraft: home, settings, catalogue, library and engine, wired together."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from talecraft.config import models
from talecraft.config.models import ModelSpec
from talecraft.config.presets import Presets
from talecraft.config.settings import Settings, WritingSettings
from talecraft.errors import AdapterError, LibraryError, UsageError
from talecraft.library import Library
from talecraft.library.adapters import Adapter
from talecraft.paths import Home, home, private_folder
from talecraft.process import adapter_files, machine
from talecraft.process.engine_client import COMMAND, EngineClient, Stopped
from talecraft.process.machine import Machine
from talecraft.process.messages import (
    AdapterRef,
    Drafted,
    DraftsOver,
    Event,
    Examined,
    Failed,
    Finished,
    Load,
    Loaded,
    ModelRef,
    Phase,
    Probed,
)
from talecraft.process.run_events import PatternSettings, PpoSettings
from talecraft.process.run_requests import WritingSign
from talecraft.story.turns import Story
from talecraft.studio import memory
from talecraft.studio.adapters import AdapterHistory
from talecraft.studio.alternatives import Alternatives
from talecraft.studio.branching import Branching
from talecraft.studio.events import Listener, Notice, StudioEvent
from talecraft.studio.fetching import Fetching
from talecraft.studio.fit import Fitting
from talecraft.studio.ghosts import Ghosts
from talecraft.studio.guide import Guide
from talecraft.studio.looking import Looking
from talecraft.studio.manners import Manners
from talecraft.studio.memory import Room
from talecraft.studio.notebook import Notebook
from talecraft.studio.pattern import PatternLearning
from talecraft.studio.preferences import Preferences
from talecraft.studio.presets import Drawing
from talecraft.studio.progress import Progress
from talecraft.studio.spans import Spans
from talecraft.studio.tasting import Tasting
from talecraft.studio.tokens import Tokens
from talecraft.studio.training import Training
from talecraft.studio.writing import Writing

ACTIVE = "active"


CLOSE_SECONDS = 2.0  # for the last words of a passage to reach the disk


class Studio:
    """Opens the library at once; the engine only when `start_engine` is called.

    Raises ConfigError or LibraryError on opening, with nothing changed.
    """

    def __init__(
        self,
        listener: Listener | None = None,
        at: Home | None = None,
        engine_command: Sequence[str] | None = None,
        model: str | None = None,
    ) -> None:
        self.home = at or home()
        self.catalogue = models.load(self.home)
        self.preferences = Preferences(self.home, self.catalogue)
        chosen = model or self.settings.writing.model
        self.model: ModelSpec = self.catalogue.get(chosen) if chosen else self.catalogue.default
        presets = Presets(self.home)
        private_folder(self.home.data)
        self.library = Library(self.home.library)
        self.drawing = Drawing(self.library, presets)
        self.adapters = AdapterHistory(self.library, self.home)
        with contextlib.suppress(LibraryError):  # a read-only disk: what is left does no harm
            self.adapters.sweep()
        self.machine: Machine = machine.known(self.home) or machine.typical()
        self.loaded: Loaded | None = None
        self.phase: Phase | None = None
        self._listener = listener or (lambda event: None)
        self._sign = WritingSign(self.home.runs)
        own = self.settings.engine.words if engine_command is None else ()
        self.elsewhere = bool(own)  # the engine is: what is here says nothing of it
        self.engine = EngineClient(
            self._on_engine, self.home.logs, own or engine_command or COMMAND,
            self._sign.show, self.elsewhere,
        )  # fmt: skip
        self.writing = Writing(self.library, self.engine, self._tell, self._prompting)
        self.progress = Progress(self.library)
        self.branching = Branching(self.library, self.writing.score_many)
        # Counted downwards: these never meet the numbers of the page's requests.
        drafts = itertools.count(-1, -1)
        asking = self.library, self.engine, self._tell, self._prompting, self.writing.score_many
        self.tasting = Tasting(*asking, drafts)
        self.alternatives = Alternatives(*asking[:4], drafts)
        self.tokens = Tokens(*asking[:3], self.writing, self.model_ref, self._living_ref, drafts)
        self.spans = Spans(*asking, drafts)
        self.ghosts = Ghosts(*asking[:4], self.writing.base, drafts)
        self.notebook = Notebook(self.library)
        self.looking = Looking(*asking[:4], drafts)
        self.training = Training(
            self.library,
            self.home,
            lambda: self.settings,
            self.model_ref,
            self.adapter_ref,
            self._room,
            self.make_room,
            own,
            self._installed_ref,
        )
        self.pattern = PatternLearning(self.training, self.home, self._installed_ref, self._room)
        self.manners = Manners(self.training, self.home, self._installed_ref, self._room)
        self.fetching = Fetching(
            self.home,
            self.catalogue,
            self._models_changed,
            lambda: (self.model.id, self.settings.writing.model),
            self._learns,
        )
        self.guide = Guide(
            self.library,
            self.home,
            lambda: self.training.plan(self.model),
            lambda: self.model.id,
        )

    @property
    def settings(self) -> Settings:
        """What holds now."""
        return self.preferences.settings

    def settings_changed(self, before: Settings) -> None:
        """Another model in the settings than `before` writes from now on, or it writes in another
        way. Raises UsageError."""
        wanted = self.settings.writing.model
        model = wanted or self.catalogue.default.id
        if wanted != before.writing.model and model != self.model.id:
            self.choose_model(model)
        elif _way(self.settings) != _way(before):
            self.reload()

    # ------------------------------------------------------------------ models and adapters
    def start_engine(
        self, adapter_id: str | None = ACTIVE, beside_run: bool = True
    ) -> Adapter | None:
        """Start it, warm, on the chosen model with its active adapter; returns that adapter.

        With an `adapter_id` (None: the bare model) this engine alone writes with it; what is
        active stays so. Without `beside_run` it sleeps, until it is to write, where a training
        run has no room for it. Raises UsageError where the model is not installed or the adapter
        not known, DoesNotFit where there is no room for the model, AdapterError where the adapter
        is damaged or another model's.
        """
        self._require_installed(self.model)
        self._require_room(self.model)
        if adapter_id == ACTIVE:
            adapter = self._active()
        else:
            adapter = None if adapter_id is None else self.usable(adapter_id)
            if adapter is not None and adapter.model_id != self.model.id:
                raise AdapterError(
                    f"Adapter {adapter.id} was made for {adapter.model_id}, not {self.model.id}.",
                    f"Ask for it with that model: --model {adapter.model_id}.",
                )
        crowded = self.training.runs_alone and not self.elsewhere
        if crowded and beside_run:
            self._sign.show(True)  # the run stands still from now until the turn is written
        self.engine.load(
            Load(self.model_ref(self.model), self.adapter_ref(adapter)),
            wake=beside_run or not crowded,
        )
        return adapter

    def make_room(self) -> None:
        """Put the engine to sleep where the run that is going has no room for it."""
        if self.engine.running and self.training.runs_alone and not self.elsewhere:
            self.engine.sleep()

    def choose_model(self, model_id: str) -> ModelSpec:
        """Write with this model from now on. Raises UsageError or DoesNotFit, the old one still in
        use."""
        spec = self.catalogue.get(model_id)
        self._require_installed(spec)
        self._require_room(spec)
        self.model = spec
        self.start_engine(beside_run=False)
        return spec

    def use_adapter(self, adapter_id: str | None, overrule: bool = False) -> Adapter | None:
        """Make an adapter (None: the bare model) the one that writes, from the next turn on.

        With `overrule` one that its test rejected may be used too: the writer has read what it
        writes. Raises UsageError for an unknown or rejected one, AdapterError for a damaged one;
        the old one stays.
        """
        if adapter_id is None:
            self.library.adapters.activate(self.model.id, None)
            adapter = None
        else:
            adapter = self.usable(adapter_id)
            if adapter.state == "rejected" and not overrule:
                raise UsageError(
                    f"Adapter {adapter.id} did not pass its test and was rejected.",
                    "Compare it without knowing which is which, and your verdict counts:"
                    f" talecraft compare {adapter.id[:8]}.",
                )
            self.library.adapters.activate(adapter.model_id, adapter.id)
        self.reload()
        return adapter

    def _active(self) -> Adapter | None:
        """The active adapter, unless the model has changed since it was made: then none, said."""
        adapter = self.library.adapters.active(self.model.id)
        if adapter is not None and adapter.model_key != self.model.key:
            self._tell(
                Notice(
                    f"Adapter {adapter.id[:8]} was made for {adapter.model_key}, not"
                    f" {self.model.key}: the bare model writes.",
                    "Train again on the model as it is now.",
                )
            )
            return None
        return adapter

    def usable(self, adapter_id: str, of: ModelSpec | None = None) -> Adapter:
        """An adapter proved to be whole and to belong to its model as it is installed now; where
        several are called so, the one of this model, or of the one in use."""
        adapter = self.adapters.living(adapter_id, (of or self.model).id)
        reference = self.adapter_ref(adapter)
        assert reference is not None
        adapter_files.verify(reference)
        spec = self.catalogue.get(adapter.model_id)
        if spec.key != adapter.model_key:
            raise AdapterError(
                f"Adapter {adapter.id} was made for {adapter.model_key}, not {spec.key}.",
                "Train again on the model as it is now.",
            )
        return adapter

    def roll_back(self) -> Adapter | None:
        """Return to what wrote when the active adapter was trained, or to the nearest before it
        that has not been deleted. Raises UsageError where none is active."""
        active = self.library.adapters.active(self.model.id)
        if active is None:
            raise UsageError("No adapter is active; there is nothing to roll back.")
        before = self.adapters.before(active)
        return self.use_adapter(before.id if before is not None else None)

    def reload(self) -> None:
        """Tell the engine what is active now; a sleeping one wakes, unless a run has no room."""
        if self.engine.running or self.engine.asleep:
            self.start_engine(beside_run=False)

    def model_ref(self, spec: ModelSpec | None = None) -> ModelRef:
        """A base model is shown an example of the form until what writes has learned the pattern:
        until it is, or began at, a root adapter."""
        spec = spec or self.model
        style = self.catalogue.style(spec)
        if style.example:
            active = self.library.adapters.active(spec.id)
            if active is not None and active.root_id is not None:
                style = msgspec.structs.replace(style, example="")
        return ModelRef(
            spec.id,
            spec.revision,
            str(self.catalogue.folder(spec, self.home)),
            spec.quantisation,
            spec.context_length,
            style,
            *self.settings.writing.steps,
            self.settings.engine.kind,
            str(self.home.forms),
        )

    def adapter_ref(self, adapter: Adapter | None) -> AdapterRef | None:
        if adapter is None:
            return None
        folder = self.home.adapters / adapter.path
        return AdapterRef(adapter.id, str(folder), adapter.files, adapter.model_key)

    def _living_ref(self, adapter_id: str) -> AdapterRef | None:
        return self.adapter_ref(self.adapters.living(adapter_id))

    def _room(self, spec: ModelSpec, order: PpoSettings | PatternSettings) -> Room:
        """What a run of this model needs here and what there is."""
        folder = self.catalogue.folder(spec, self.home)
        room = memory.room(spec, folder, order, self.home.data, self.machine, self.engine.pid)
        if self.elsewhere and isinstance(order, PpoSettings):
            return replace(room, free=None)  # what there is there is not known
        if not room.short or room.free is None:
            return room
        return replace(room, nearest=self.fitting().nearest(spec, "train", room.free))

    def measure(self) -> None:
        """Measure this machine where that was not done yet: some ten seconds. Raises EngineError,
        LibraryError; the typical figures are then used as before."""
        if not self.machine.measured:
            self.machine = machine.measure(self.home)

    @property
    def free_memory(self) -> float | None:
        """MB for a model where it writes; None where that is not known, as of another machine."""
        if self.elsewhere:
            return None
        return memory.free_for(self.machine, self.engine.pid)

    def fitting(self) -> Fitting:
        """What each model needs at each quantisation, on this machine and by these settings."""
        return Fitting(self.home, self.catalogue, self.machine, self.training.ppo(self.model))

    def _require_room(self, spec: ModelSpec) -> None:
        """Raises DoesNotFit for a model that is not loaded yet and has no room. Beside a run the
        engine has its turns (`make_room`)."""
        loaded = self.loaded.model_id if self.loaded is not None else None
        here = self.elsewhere or (self.engine.running and loaded == spec.id)
        if not here and self.training.running() is None:
            self.fitting().require(spec, memory.free_for(self.machine, self.engine.pid))

    def _installed_ref(self, spec: ModelSpec) -> ModelRef:
        """For what is always computed here."""
        if not self.catalogue.installed(spec, self.home):
            raise self.preferences.not_installed(spec)
        return self.model_ref(spec)

    def _require_installed(self, spec: ModelSpec) -> None:
        if not (self.elsewhere or self.catalogue.installed(spec, self.home)):
            raise self.preferences.not_installed(spec)

    def _learns(self) -> str | None:
        run = self.training.running()
        return run.model_id if run is not None else None

    def _models_changed(self) -> None:
        """A model was fetched, added or removed: the chosen one may have another revision now."""
        with contextlib.suppress(UsageError):  # its entry is gone: what is loaded goes on
            self.model = self.catalogue.get(self.model.id)

    def _prompting(self, story: Story | None = None) -> tuple[ModelRef, WritingSettings]:
        """What writes, and how it draws its words, in `story` or anywhere."""
        writing = self.settings.writing.of(self.model)
        return self.model_ref(), self.drawing.over(writing, story)

    # ------------------------------------------------------------------ events and the end
    def _on_engine(self, event: Event | Stopped) -> None:
        match event:
            case Finished():
                self.writing.settle(event)
                self.make_room()
            case Drafted() | DraftsOver():
                self.tasting.settle(event)
                self.alternatives.settle(event)
                self.spans.settle(event)
                self.ghosts.settle(event)
                if isinstance(event, DraftsOver):
                    self.make_room()
            case Probed():
                self.tokens.settle(event)
                self.make_room()
            case Examined():
                self.looking.settle(event)
                self.make_room()
            case Failed(request=int()):  # whichever of them has asked
                self.writing.settle(event)
                self.tasting.settle(event)
                self.alternatives.settle(event)
                self.tokens.settle(event)
                self.spans.settle(event)
                self.ghosts.settle(event)
                self.looking.settle(event)
                self.make_room()
            case Failed():
                self._tell(Notice(event.message, event.hint))
            case _:
                self._tell(event)

    def _tell(self, event: StudioEvent) -> None:
        if isinstance(event, Loaded):
            self.loaded = event
        elif isinstance(event, Phase):
            self.phase = event
        self._listener(event)

    def close(self) -> None:
        """End the engine and close the library; a training run goes on. Idempotent.

        What is being written is stopped first and kept, as if the writer had pressed Esc.
        """
        self.fetching.stop()
        self.tasting.stop()
        self.writing.finish(CLOSE_SECONDS)
        self.engine.close()
        self.library.close()

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _way(settings: Settings) -> object:
    """How what writes is computed."""
    return settings.writing.steps, settings.engine.kind
