"""The blind trial of two models: which writes better, said without knowing which is which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from talecraft.config.models import ModelSpec
from talecraft.errors import AdapterError, UsageError
from talecraft.library.adapters import Adapter
from talecraft.process.messages import Load
from talecraft.studio.bouts import Side
from talecraft.studio.comparing import BARE, PAIRS, Tally, counted
from talecraft.studio.rounds import Contest, Round
from talecraft.studio.tasting import short

if TYPE_CHECKING:
    from talecraft.studio.studio import Studio

_BETWEEN = "/"  # a model and one of its adapters


class Contestant(msgspec.Struct, frozen=True):
    """A model, with an adapter or without."""

    spec: ModelSpec
    adapter: Adapter | None

    @property
    def name(self) -> str:
        return self.spec.id + (f" with adapter {self.adapter.label}" if self.adapter else "")


def names_a_model(studio: Studio, name: str | None) -> bool:
    """Is this a model's id, or one with an adapter, rather than an adapter alone?"""
    return name is not None and name.partition(_BETWEEN)[0] in {one.id for one in studio.catalogue}


class ModelComparison:
    """One trial. `first` and `second` are told to nobody before its end. What is chosen is in the
    log, but trains nobody: a model learns from pairs that are both its own."""

    def __init__(
        self,
        studio: Studio,
        a: str,
        b: str,
        story_id: int | None = None,
        pairs: int = PAIRS,
        seed: int | None = None,
    ) -> None:
        """`MODEL` is a model as it writes now, `MODEL/ADAPTER` with this adapter, `MODEL/none`
        without one.

        Raises UsageError where there are no two models to compare, AdapterError for an adapter
        that is damaged or another model's, EngineError where the engine cannot be started.
        """
        self.first, self.second = _contestant(studio, a), _contestant(studio, b)
        if self.first.spec.id == self.second.spec.id:
            raise UsageError(
                f"Both are {self.first.spec.id}.",
                f"Name two of its adapters: talecraft compare A B --model {self.first.spec.id}.",
            )
        contest = Contest(
            (None, None),
            ("compare", f"A:{self.first.name}", f"B:{self.second.name}"),
            (_side(studio, self.first), _side(studio, self.second)),
        )
        self.round: Round = studio.tasting.begin(story_id, pairs, seed, contest)

    @property
    def tally(self) -> Tally:
        names = self.first.spec.id, self.second.spec.id
        return counted(self.round, names, lambda made: made.model_id)


def _contestant(studio: Studio, name: str) -> Contestant:
    model, _, wanted = name.partition(_BETWEEN)
    spec = studio.catalogue.get(model)
    if not studio.catalogue.installed(spec, studio.home):
        raise studio.preferences.not_installed(spec)
    if wanted == BARE:
        return Contestant(spec, None)
    if not wanted:
        active = studio.library.adapters.active(spec.id)
        fits = active is not None and active.model_key == spec.key
        return Contestant(spec, active if fits else None)
    adapter = studio.usable(wanted, spec)
    if adapter.model_id != spec.id:
        raise AdapterError(f"Adapter {adapter.id} was made for {adapter.model_id}, not {spec.id}.")
    return Contestant(spec, adapter)


def _side(studio: Studio, who: Contestant) -> Side:
    sampling = studio.settings.writing.of(who.spec).sampling(0)
    adapter = studio.adapter_ref(who.adapter)
    return Side(Load(studio.model_ref(who.spec), adapter), short(sampling))
