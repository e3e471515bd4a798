"""The catalogue: which models there are, from models.toml and the user's additions."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from talecraft.config import strict
from talecraft.errors import ConfigError, UsageError
from talecraft.paths import Home
from talecraft.story.context import PromptStyle

Source = Literal["bundled", "hub", "local"]
Quantisation = Literal["none", "nf4", "int8"]


class ModelSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of models.toml. Memory is in GB, `context_length` in tokens.

    `location` is a folder of talecraft/assets (bundled), a repository `owner/name` (hub) or a
    path (local). `revision` names the weights and is recorded with every generation and
    adapter; change it when you change the files.
    """

    id: str
    title: str
    source: Source
    location: str
    revision: str
    context_length: int
    licence: str
    parameters: str
    quantisation: Quantisation = "none"
    style: str = "tags"
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_targets: str | list[str] = "all-linear"
    learning_rate: float = 2e-5
    dry_multiplier: float = 0.8
    memory_to_write: float = 0.5
    memory_to_train: float = 1.0
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
    """Every model known here, in the file's order. Users' entries override by id."""

    def __init__(self, specs: dict[str, ModelSpec], styles: dict[str, PromptStyle]) -> None:
        self._specs = specs
        self._styles = styles

    def __iter__(self) -> Iterator[ModelSpec]:
        return iter(self._specs.values())

    def get(self, model_id: str) -> ModelSpec:
        """Raises UsageError for an id that is in no models.toml."""
        try:
            return self._specs[model_id]
        except KeyError:
            raise UsageError(
                f"There is no model '{model_id}'.", f"Known: {', '.join(self._specs)}."
            ) from None

    def style(self, spec: ModelSpec) -> PromptStyle:
        return self._styles[spec.style]

    @property
    def default(self) -> ModelSpec:
        """The last entry that says so: a user's own comes after the shipped one."""
        chosen = [spec for spec in self._specs.values() if spec.default]
        return chosen[-1] if chosen else next(iter(self._specs.values()))

    def folder(self, spec: ModelSpec, home: Home) -> Path:
        """Where its files are, or will be once fetched."""
        if spec.source == "bundled":
            return Path(str(files("talecraft"))) / "assets" / spec.location
        if spec.source == "local":
            return Path(spec.location).expanduser()
        return home.models / spec.location.replace("/", "--")

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

    Raises ConfigError, with file and line, for anything not understood.
    """
    specs: dict[str, ModelSpec] = {}
    styles: dict[str, PromptStyle] = {}
    for path in (shipped_file(), home.models_file):
        if path != shipped_file() and not path.exists():
            continue
        found = strict.read(path, ModelsFile)
        seen: set[str] = set()
        styles.update(found.style)
        for index, spec in enumerate(found.model):
            if spec.id in seen:
                raise ConfigError(
                    f"{strict.where(path, 'model', index, 'id')}: model '{spec.id}' stands there"
                    " twice.",
                    "Keep one.",
                )
            if spec.style not in styles:
                raise ConfigError(
                    f"{strict.where(path, 'model', index, 'style')}: model '{spec.id}' names the"
                    f" style '{spec.style}', which is not defined.",
                    f"Styles: {', '.join(styles)}.",
                )
            seen.add(spec.id)
            specs[spec.id] = spec
    return Catalogue(specs, styles)
