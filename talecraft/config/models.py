"""The catalogue: which models there are, from models.toml and the user's additions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from talecraft.config import fetched, strict
from talecraft.config.precision import Quantisation
from talecraft.errors import ConfigError, UsageError, meant
from talecraft.paths import Home
from talecraft.story.context import PromptStyle

Source = Literal["bundled", "hub", "local"]

Count = Annotated[int, Meta(ge=1)]
Amount = Annotated[float, Meta(ge=0)]
MAIN = "main"  # the branch of a repository that is meant where nothing else is said
NEW_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
# A repository of a hub, with or without its owner: it becomes a folder's name and a part of a URL.
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9_]|[.-](?![.-]))*"
REPOSITORY = re.compile(rf"(?:{_PART}/)?{_PART}")


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of models.toml. Memory is in GB, `context_length` in tokens.

    `location` is a folder of talecraft/assets (bundled), a repository `owner/name` (hub) or a
    path (local). `revision` names the weights and is recorded with every generation and
    adapter; change it when you change the files. Of a hub it is a branch, tag or commit; once
    the model was fetched, the catalogue gives the commit that it was found to be. `quantisation`
    "none" leaves the precision to the machine (config/precision.py). `micro_batch` passages are
    learned from at once: with fewer a run takes less memory and learns the same. What memory is
    said to be needed counts only while there are no files to tell it.
    """

    id: str
    title: str
    source: Source
    location: str
    revision: str
    context_length: Count
    licence: str
    parameters: str
    quantisation: Quantisation = "none"
    style: str = "tags"
    lora_rank: Count = 16
    lora_alpha: Count = 32
    lora_targets: str | list[str] = "all-linear"
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 2e-5
    micro_batch: Count = 8
    dry_multiplier: Amount = 0.8
    memory_to_write: Amount = 0.5
    memory_to_train: Amount = 1.0
    gated: bool = False
    default: bool = False
    note: str = ""

    @property
    def key(self) -> str:
        """Which weights and tokeniser these are."""
        return f"{self.id}@{self.revision}"


class ModelsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole of a models.toml: entries, and the prompt styles they name."""

    model: list[ModelSpec] = []
    style: dict[str, PromptStyle] = {}


class Catalogue:
    """Every model known here, in the file's order. Users' entries override by id.

    Of a model that was fetched the commit that is here stands in place of the revision that the
    entry names, so that its key tells which weights these are; `declared` gives the entry as it
    stands in the file.
    """

    def __init__(
        self, specs: dict[str, ModelSpec], styles: dict[str, PromptStyle], home: Home
    ) -> None:
        self._declared, self._styles = specs, styles
        self._specs = {spec.id: self._as_it_is_here(spec, home) for spec in specs.values()}

    def __iter__(self) -> Iterator[ModelSpec]:
        return iter(self._specs.values())

    def get(self, model_id: str) -> ModelSpec:
        """Raises UsageError for an id that is in no models.toml."""
        try:
            return self._specs[model_id]
        except KeyError:
            raise UsageError(
                f"There is no model '{model_id}'.",
                f"{meant(model_id, self._specs)} Known: {', '.join(self._specs)}.",
            ) from None

    def declared(self, model_id: str) -> ModelSpec:
        """The entry as it stands in models.toml. Raises UsageError."""
        return self._declared[self.get(model_id).id]

    def read_again(self, home: Home) -> None:
        """Take in what has been added, fetched or removed. Raises ConfigError, all as before."""
        fresh = load(home)
        self._declared, self._styles = fresh._declared, fresh._styles
        self._specs = fresh._specs

    @property
    def styles(self) -> list[str]:
        return list(self._styles)

    def _as_it_is_here(self, spec: ModelSpec, home: Home) -> ModelSpec:
        found = fetched.read(self.folder(spec, home)) if spec.source == "hub" else None
        return spec if found is None else msgspec.structs.replace(spec, revision=found.commit)

    def style(self, spec: ModelSpec) -> PromptStyle:
        return self._styles[spec.style]

    @property
    def default(self) -> ModelSpec:
        """The last entry that says so: a user's own comes after the shipped one."""
        chosen = [spec for spec in self._specs.values() if spec.default]
        return chosen[-1] if chosen else next(iter(self._specs.values()))

    @property
    def shipped(self) -> ModelSpec:
        """The model that comes with the program, and so is always here."""
        bundled = (spec for spec in self._specs.values() if spec.source == "bundled")
        return next(bundled, self.default)

    def folder(self, spec: ModelSpec, home: Home) -> Path:
        """Where its files are, or will be once fetched."""
        if spec.source == "bundled":
            return Path(str(files("talecraft"))) / "assets" / spec.location
        if spec.source == "local":
            return Path(spec.location).expanduser()
        name = spec.location.replace("/", "--")
        revision = self._declared[spec.id].revision if spec.id in self._declared else spec.revision
        if revision != MAIN:  # two revisions of one repository are two models
            name += "@" + re.sub(r"[^A-Za-z0-9._-]", "-", revision)
        return home.models / name

    def installed(self, spec: ModelSpec, home: Home) -> bool:
        folder = self.folder(spec, home)
        return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def shipped_file() -> Path:
    """The models.toml that came with the program: in the wheel, else at the repository's top."""
    package = Path(str(files("talecraft")))
    for candidate in (package / "models.toml", package.parent / "models.toml"):
        if candidate.is_file():
            return candidate
    raise ConfigError("models.toml is missing from this installation.", "Install Talecraft again.")


def load(home: Home) -> Catalogue:
    """The shipped catalogue with the user's own entries laid over it.

    Raises ConfigError, with file, line, entry and key, for anything not understood.
    """
    specs: dict[str, ModelSpec] = {}
    styles: dict[str, PromptStyle] = {}
    for path in (shipped_file(), home.models_file):
        if path != shipped_file() and not path.exists():
            continue
        found = strict.read(path, ModelsFile)
        _check_styles(path, found.style)
        _check(path, found.model, {*styles, *found.style})
        styles.update(found.style)
        specs.update((spec.id, spec) for spec in found.model)
    return Catalogue(specs, styles, home)


def _check_styles(path: Path, styles: Mapping[str, PromptStyle]) -> None:
    """Raises ConfigError, with file and style."""
    for name, style in styles.items():
        if style.aside.count("{}") != 1:
            raise ConfigError(
                f"{path}: style '{name}' says no place for a note (aside).",
                "Write {} once where the note is to stand.",
            )


def _check(path: Path, entries: list[ModelSpec], styles: set[str]) -> None:
    """What types cannot say. Raises ConfigError, with file, line and entry."""
    seen: set[str] = set()
    for index, spec in enumerate(entries):

        def wrong(key: str, what: str, hint: str, at: int = index, name: str = spec.id) -> None:
            raise ConfigError(
                f"{strict.where(path, 'model', at, key)}: model '{name}' {what} ({key}).", hint
            )

        if not NEW_ID.fullmatch(spec.id):
            wrong("id", "has an id that cannot be named", "Letters, digits and .-_ make one.")
        if spec.id in seen:
            wrong("id", "stands there twice", "Keep one.")
        if spec.style not in styles:
            what = f"names the style '{spec.style}', which is not defined"
            wrong("style", what, f"Styles: {', '.join(sorted(styles))}.")
        if not spec.revision.strip():
            wrong("revision", "has an empty revision", "Say which weights these are.")
        if spec.source == "hub" and not REPOSITORY.fullmatch(spec.location):
            what = f"is said to be in '{spec.location}', which is no repository"
            wrong("location", what, "Write it as owner/name.")
        seen.add(spec.id)
