"""Presets: sets of sampling numbers by name. Ours ship in assets/presets.toml, the writer's lie in
presets.toml beside config.toml; one of the writer's takes the place of ours of the same name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from talecraft.config import strict
from talecraft.config.settings import (
    Bias,
    DryAllowed,
    DryBase,
    DryMultiplier,
    MinP,
    Phrases,
    Probability,
    RepetitionPenalty,
    Share,
    Temperature,
    TopK,
    WritingSettings,
    XtcThreshold,
)
from talecraft.errors import ConfigError, UsageError
from talecraft.paths import Home, private_folder, private_write
from talecraft.story.clean import clean_line

if TYPE_CHECKING:
    from tomlkit.items import Table

LONGEST_NAME = 40
AS_SETTINGS = "as the settings say"  # how it is called that a story has no preset


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What it sets of [writing]; None leaves that as the settings have it."""

    id: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
    about: str = ""
    temperature: Temperature | None = None
    top_k: TopK | None = None
    top_p: Share | None = None
    min_p: MinP | None = None
    typical_p: Share | None = None
    xtc_probability: Probability | None = None
    xtc_threshold: XtcThreshold | None = None
    repetition_penalty: RepetitionPenalty | None = None
    dry_multiplier: DryMultiplier | None = None
    dry_base: DryBase | None = None
    dry_allowed_length: DryAllowed | None = None
    banned: Phrases | None = None
    bias: Bias | None = None

    @property
    def values(self) -> dict[str, object]:
        """What it sets, by the settings' names."""
        every = msgspec.structs.asdict(self)
        return {
            name: value
            for name, value in every.items()
            if value is not None and name not in ("id", "about")
        }

    def over(self, writing: WritingSettings) -> WritingSettings:
        """`writing` with what this sets."""
        return msgspec.structs.replace(writing, **self.values)

    @property
    def words(self) -> str:
        """What it sets, on a line."""
        return ", ".join(f"{name} {_told(value)}" for name, value in self.values.items())


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    preset: list[Preset] = []


class Presets(Mapping[str, Preset]):
    """All there are, by name: ours first."""

    def __init__(self, home: Home) -> None:
        """Raises ConfigError for a file that is not understood."""
        self._path = home.config / "presets.toml"
        self._ours = _read(Path(str(files("talecraft"))) / "assets" / "presets.toml")
        self._own: dict[str, Preset] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the writer's file again. Raises ConfigError."""
        self._own = _read(self._path) if self._path.exists() else {}

    def __getitem__(self, name: str) -> Preset:
        return (self._ours | self._own)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._ours | self._own)

    def __len__(self) -> int:
        return len(self._ours | self._own)

    def find(self, name: str) -> Preset:
        """Raises UsageError."""
        try:
            return self[name]
        except KeyError:
            raise UsageError(
                f"There is no preset '{clean_line(name)}'.", "See `talecraft presets list`."
            ) from None

    def is_own(self, name: str) -> bool:
        """Is it in the writer's file?"""
        return name in self._own

    def keep(self, preset: Preset) -> None:
        """Into the writer's file, in the place of one of the same name.

        Raises UsageError for the name AS_SETTINGS, ConfigError where the file cannot be changed.
        """
        if preset.id == AS_SETTINGS:
            raise UsageError(f"'{AS_SETTINGS}' is no name for a preset.", "Choose another.")
        self._write(
            lambda tables: [
                *(one for one in tables if one["id"] != preset.id),
                _tabled(msgspec.to_builtins(preset)),
            ]
        )
        self._own = {**self._own, preset.id: preset}

    def drop(self, name: str) -> None:
        """Out of the writer's file. Raises UsageError where it is not there, ConfigError."""
        if not self.is_own(name):
            ours = name in self._ours
            raise UsageError(
                f"The preset '{clean_line(name)}' "
                + ("came with Talecraft." if ours else "is not there."),
                "One of your own with its name takes its place." if ours else "",
            )
        self._write(lambda tables: [one for one in tables if one["id"] != name])
        del self._own[name]

    def _write(self, change: Callable[[list[Any]], list[Any]]) -> None:
        """Let `change` make others of the file's tables."""
        import tomlkit
        from tomlkit.items import Table

        source = strict.text(self._path) if self._path.exists() else ""
        document = tomlkit.parse(source)
        tables = tomlkit.aot()
        for one in change(list(document.get("preset", []))):
            tables.append(one if isinstance(one, Table) else _tabled(one.unwrap()))
        document["preset"] = tables
        private_folder(self._path.parent)
        private_write(self._path, document.as_string().encode())


def _tabled(values: Mapping[str, object]) -> Table:
    import tomlkit

    table = tomlkit.table()
    for name, value in values.items():
        table.append(name, value)
    return table


def _read(path: Path) -> dict[str, Preset]:
    """Raises ConfigError."""
    found: dict[str, Preset] = {}
    for at, one in enumerate(strict.read(path, _File).preset):
        if one.id in found:
            where = strict.where(path, "preset", at, "id")
            raise ConfigError(
                f"{where}: the preset '{one.id}' stands there twice.", "Rename or remove one."
            )
        found[one.id] = one
    return found


def _told(value: object) -> str:
    if isinstance(value, list | dict):
        return f"of {len(value)}"
    return f"{value:g}" if isinstance(value, float) else str(value)
