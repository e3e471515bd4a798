"""An entry of the user's own in the catalogue, for any causal language model there is."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from talecraft.config import adding, precision
from talecraft.config.models import (
    MAIN,
    NEW_ID,
    REPOSITORY,
    Catalogue,
    ModelSpec,
    Source,
)
from talecraft.errors import UsageError
from talecraft.paths import Home, private_folder
from talecraft.process import description, machine
from talecraft.process.fetch_client import FetchClient
from talecraft.process.fetch_messages import FetchOrder, Found
from talecraft.process.run_events import PpoSettings
from talecraft.story.clean import clean_line
from talecraft.studio import fetching
from talecraft.studio.needs import Needs, Shape

LARGE = 3e9  # weights: from here on they are quantised unless the writer says otherwise
FEW = 2  # passages that so large a model learns from at once


@dataclass(frozen=True, slots=True)
class Wish:
    """What the writer says of a new entry; what is empty is taken from the model."""

    id: str = ""
    title: str = ""
    revision: str = ""
    quantisation: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class _Read:
    """What was found out of a model: its configuration, and its weights in bytes."""

    source: Source
    location: str
    revision: str
    described: description.Description
    shape: Shape | None
    licence: str = ""
    gated: bool = False


def add(home: Home, catalogue: Catalogue, where: str, wish: Wish, token: str = "") -> ModelSpec:
    """Read the model's configuration, in a folder or at the hub, and write an entry for it.

    Raises UsageError for a wish that cannot be, an id that is taken, or what is no causal
    language model; ConfigError and LibraryError as `config.adding`; what a hub refuses as
    `Fetching.pull`. Nothing is written then.
    """
    given = where.strip()
    folder = Path(given).expanduser()
    local = given.startswith(("/", ".", "~")) or (given != "" and folder.is_dir())
    name = folder.resolve().name if local else given.rpartition("/")[2]
    wish = _sound(replace(wish, id=wish.id or _id(name)), catalogue)
    read = _of_folder(folder, wish) if local else _of_hub(home, given, wish, token)
    here = machine.known(home) or machine.typical()
    spec = _spec(read, wish, clean_line(name), catalogue, here)
    adding.add(home, spec)
    catalogue.read_again(home)
    return spec


def _sound(wish: Wish, catalogue: Catalogue) -> Wish:
    if not NEW_ID.fullmatch(wish.id):
        raise UsageError(
            f"'{clean_line(wish.id)}' is no id.", "Letters, digits and .-_ make one: --id NAME."
        )
    if wish.id in {spec.id for spec in catalogue}:
        raise UsageError(
            f"There is a model '{wish.id}' already.", "Give this one another id: --id NAME."
        )
    if wish.quantisation:
        precision.known(wish.quantisation)
    if wish.style and wish.style not in catalogue.styles:
        raise UsageError(
            f"There is no style '{wish.style}'.", f"Styles: {', '.join(catalogue.styles)}."
        )
    return wish


def _of_folder(folder: Path, wish: Wish) -> _Read:
    needs = "It needs config.json, a tokenizer and safetensors."
    if not folder.is_dir():
        is_a = "is a file" if folder.exists() else "is not there"
        raise UsageError(f"{folder} {is_a}.", f"Name the model's folder. {needs}")
    for pattern in ("config.json", "*.safetensors"):
        if not any(one.is_file() for one in folder.glob(pattern)):
            raise UsageError(f"{folder} holds no model: no {pattern} is there.", needs)
    described = description.describe(folder)
    place = str(folder.resolve())
    return _Read("local", place, wish.revision or "1", described, Shape.read(folder))


def _of_hub(home: Home, repository: str, wish: Wish, token: str) -> _Read:
    if not REPOSITORY.fullmatch(repository):
        raise UsageError(
            f"'{clean_line(repository)}' is neither a folder nor a repository.",
            "Name a folder, or a repository as owner/name.",
        )
    revision, found = wish.revision or MAIN, list[Found]()
    with tempfile.TemporaryDirectory(dir=private_folder(home.cache)) as place:
        order = FetchOrder(repository, revision, place, look=True)
        fetching.run(
            FetchClient(home.logs), order, token, repository, lambda event: None, found.append
        )
        described = description.describe(Path(place))
        shape = Shape.read(Path(place), stored=found[0].weights)
    licence, gated = clean_line(found[0].licence), found[0].gated
    return _Read("hub", repository, revision, described, shape, licence, gated)


def _spec(
    read: _Read, wish: Wish, name: str, catalogue: Catalogue, here: machine.Machine
) -> ModelSpec:
    weights = read.shape.weights if read.shape is not None else 0
    style = "chat" if read.described.chat else "plain"
    if read.described.reasons and "reasoning" in catalogue.styles:
        style = "reasoning"
    if not wish.style and style not in catalogue.styles:
        raise UsageError(f"There is no style '{style}'.", "Name one: --style NAME.")
    spec = ModelSpec(
        id=wish.id,
        title=clean_line(wish.title) or name,
        source=read.source,
        location=read.location,
        revision=read.revision,
        context_length=read.described.context_length,
        licence=read.licence or "not told: see the model's own files",
        parameters=_count(weights),
        quantisation=wish.quantisation or ("nf4" if weights >= LARGE else "none"),  # type: ignore[arg-type]
        style=wish.style or style,
        micro_batch=FEW if weights >= LARGE else PpoSettings().micro_batch,
        gated=read.gated,
        note=f"Added by you ({clean_line(read.described.architecture)}).",
    )
    if read.shape is None:
        return spec
    needs = Needs(read.shape, spec.quantisation, here)
    return msgspec.structs.replace(
        spec,
        memory_to_write=_gb(needs.engine(spec.context_length, spec.lora_rank)),
        memory_to_train=_gb(needs.run(spec.lora_rank, PpoSettings(micro_batch=spec.micro_batch))),
    )


def _id(name: str) -> str:
    """`Mistral-7B-v0.3` as `mistral-7b-v0.3`."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("._-")[:64]


def _count(weights: int) -> str:
    if not weights:
        return "size unknown"
    if weights >= 1e9:
        return f"{weights / 1e9:.1f} B"
    return f"{weights / 1e6:.0f} M" if weights >= 1e7 else f"{weights / 1e6:.1f} M"


def _gb(mb: float) -> float:
    return round(mb / 1000, 1)
