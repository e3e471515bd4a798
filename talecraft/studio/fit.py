"""What fits: a model's needs at each quantisation against what is free, and the nearest choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from talecraft.config.models import Catalogue, ModelSpec
from talecraft.config.precision import Quantisation, precision
from talecraft.errors import DoesNotFit
from talecraft.paths import Home
from talecraft.process.machine import Machine
from talecraft.process.run_events import PpoSettings
from talecraft.studio.memory import size
from talecraft.studio.needs import Needs, Shape

# The finest first; what an entry leaves to the machine is one of the first two.
QUANTISATIONS: tuple[Quantisation, ...] = ("fp32", "bf16", "int8", "nf4")
Purpose = Literal["write", "train"]


class Fit(msgspec.Struct, frozen=True):
    """Memory in MB at one quantisation: to write, to train, and for both at once. `chosen`: the
    entry's own, or what the machine makes of it."""

    quantisation: Quantisation
    write: float
    train: float
    both: float
    chosen: bool

    def of(self, purpose: Purpose) -> float:
        return self.write if purpose == "write" else self.train


def table(shape: Shape, spec: ModelSpec, machine: Machine, ppo: PpoSettings) -> list[Fit]:
    """The needs of a model at every quantisation, the finest first."""
    chosen = spec.quantisation
    if chosen == "none":
        full = precision("none", machine.device, shape.weights, machine.native) == "float32"
        chosen = "fp32" if full else "bf16"
    ppo = msgspec.structs.replace(ppo, micro_batch=spec.micro_batch)
    found = []
    for one in QUANTISATIONS:
        needs = Needs(shape, one, machine)
        write = needs.engine(spec.context_length, spec.lora_rank)
        train = needs.run(spec.lora_rank, ppo)
        found.append(Fit(one, write, train, write + train, one == chosen))
    return found


@dataclass(frozen=True, slots=True)
class Fitting:
    """Looks for what fits among the models that are installed."""

    home: Home
    catalogue: Catalogue
    machine: Machine
    ppo: PpoSettings

    def of(self, spec: ModelSpec) -> list[Fit]:
        """`table` of this model; empty where its files are not here or do not tell."""
        shape = Shape.read(self.catalogue.folder(spec, self.home))
        return table(shape, spec, self.machine, self.ppo) if shape is not None else []

    def require(self, spec: ModelSpec, free: float | None) -> None:
        """Raises DoesNotFit, with the nearest choice that fits, where `free` MB are too few for
        this model to write. Where nothing is known of it or of them, it is tried."""
        chosen = next((one for one in self.of(spec) if one.chosen), None)
        if chosen is not None and free is not None and chosen.write > free:
            raise DoesNotFit(
                f"{spec.id} does not fit: it needs about {size(chosen.write)} of memory to write;"
                f" {size(free)} are free.",
                self.nearest(spec, "write", free),
            )

    def nearest(self, spec: ModelSpec, purpose: Purpose, free: float) -> str:
        """What to do where this model does not fit into `free` MB, in words: the finest of its
        coarser quantisations that does, else the largest other model here that does."""
        own = self.of(spec)
        at = next((number for number, one in enumerate(own) if one.chosen), len(own))
        for one in own[at + 1 :]:
            if one.of(purpose) <= free:
                return (
                    f"With {one.quantisation} it needs {size(one.of(purpose))}:"
                    f" talecraft models quantise {spec.id} {one.quantisation}."
                )
        others = []
        for other in self.catalogue:
            chosen = [one for one in self.of(other) if one.chosen and other.id != spec.id]
            others += [(one.of(purpose), other.id) for one in chosen if one.of(purpose) <= free]
        if others:
            need, name = max(others)
            return f"{name} would fit ({size(need)})."
        return "No other model that is installed fits: close other programs."
