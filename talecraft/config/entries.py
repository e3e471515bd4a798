"""Each key of config.toml by itself: its meaning, range and default, all read from its type."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import msgspec
from msgspec import inspect

from talecraft.config.settings import Settings
from talecraft.errors import UsageError, meant
from talecraft.story.clean import clean_line

Kind = Literal["text", "number", "whole", "switch", "choice"]
Value = str | float | int | bool | None
AUTOMATIC = "automatic"  # how a value that is not in the file is shown


class Entry(msgspec.Struct, frozen=True):
    """One key. `bounds` are those of a number, in words, `names` what there is to choose from; an
    `optional` one may be left out of the file, and then something else decides."""

    section: str
    name: str
    kind: Kind
    default: Value
    description: str
    optional: bool
    bounds: str
    names: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.section}.{self.name}"

    @property
    def range(self) -> str:
        """What may stand there, in words."""
        if self.kind == "switch":
            return "true or false"
        if self.kind == "choice":
            return f"{', '.join(self.names[:-1])} or {self.names[-1]}"
        what = {"text": "text", "number": "a number", "whole": "a whole number"}[self.kind]
        automatic = f", or {AUTOMATIC}" if self.optional else ""
        return f"{what} {self.bounds}".strip() + automatic

    def of(self, settings: Settings) -> Value:
        value: Value = getattr(getattr(settings, self.section), self.name)
        return value

    def laid(self, settings: Settings, value: Value) -> Settings:
        """`settings` with this value."""
        section = msgspec.structs.replace(getattr(settings, self.section), **{self.name: value})
        return msgspec.structs.replace(settings, **{self.section: section})

    def words(self, value: Value) -> str:
        """A value as it is shown, and as it can be typed again."""
        if value in (None, ""):
            return AUTOMATIC
        if isinstance(value, bool):
            return "true" if value else "false"
        return f"{value:g}" if self.kind == "number" and float(f"{value:g}") == value else (
            str(value)
        )  # fmt: skip

    def read(self, text: str) -> Value:
        """What was typed, by the same types that read the file; nothing is None where the key may
        be left out. Raises UsageError."""
        typed = clean_line(text).strip()
        if self.optional and typed in ("", AUTOMATIC):
            return None
        value = typed if self.kind in ("text", "choice") else _toml(typed)
        if isinstance(value, float) and not math.isfinite(value):
            value = None
        try:
            settings = msgspec.convert({self.section: {self.name: value}}, Settings)
        except msgspec.ValidationError:
            value = None
        if value is None:
            raise UsageError(f"{self.key} is {self.range}, not '{typed}'.")
        return self.of(settings)


@cache
def entries() -> Sequence[Entry]:
    """Every key with one value, in the file's order. A table whose keys are not fixed has none."""
    return [
        _entry(section.name, field)
        for section in _fields(Settings)
        if isinstance(section.type, inspect.StructType)
        for field in section.type.fields
        if not _of_many(field)
    ]


def find(key: str) -> Entry:
    """By its full name, or its own where no other section has it too. Raises UsageError."""
    found = [one for one in entries() if key in (one.key, one.name)]
    if len(found) == 1:
        return found[0]
    near = meant(key, [name for one in entries() for name in (one.key, one.name)])
    raise UsageError(f"There is no setting '{key}'.", f"{near} See `talecraft config list`.")


def about(section: str) -> str:
    """What a section is for, in a line."""
    (words,) = [
        one.type.cls.__doc__ or ""
        for one in _fields(Settings)
        if one.name == section and isinstance(one.type, inspect.StructType)
    ]
    return words


def _fields(struct: type[msgspec.Struct]) -> Sequence[inspect.Field]:
    found = inspect.type_info(struct)
    assert isinstance(found, inspect.StructType)
    return found.fields


def _of_many(field: inspect.Field) -> bool:
    """Is it a list or a table, which is edited in the file?"""
    kind = field.type.type if isinstance(field.type, inspect.Metadata) else field.type
    return isinstance(kind, inspect.ListType | inspect.DictType)


def _entry(section: str, field: inspect.Field) -> Entry:
    assert isinstance(field.type, inspect.Metadata), f"{field.name} has no description"
    description = (field.type.extra_json_schema or {})["description"]
    kind: inspect.Type = field.type.type
    optional = field.default in (None, "")
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    bounds = ""
    names: dict[type[inspect.Type], Kind] = {
        inspect.StrType: "text", inspect.FloatType: "number", inspect.IntType: "whole",
        inspect.BoolType: "switch", inspect.LiteralType: "choice",
    }  # fmt: skip
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        bounds = _bounds(kind)
    options = tuple(map(str, kind.values)) if isinstance(kind, inspect.LiteralType) else ()
    return Entry(
        section, field.name, names[type(kind)], field.default, description, optional, bounds,
        options,
    )  # fmt: skip


def _bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    low = f"from {kind.ge:,}" if kind.ge is not None else f"above {kind.gt:,}"
    high = f"to {kind.le:,}" if kind.le is not None else f"below {kind.lt:,}"
    closed = kind.ge is not None and kind.le is not None
    return f"{low} {high}" if closed else f"{low}, {high}"


def _toml(typed: str) -> Any:
    """One value as TOML writes it; None where it is none."""
    try:
        table = tomllib.loads(f"value = {typed}")
    except tomllib.TOMLDecodeError:
        return None
    return table["value"] if len(table) == 1 else None
