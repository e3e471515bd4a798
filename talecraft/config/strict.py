"""Reading a TOML file into typed values, with errors that name file, line and key."""

from __future__ import annotations

import operator
import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from talecraft.errors import ConfigError, os_reason

T = TypeVar("T")
_COMPARED = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


def read(path: Path, type_: type[T]) -> T:
    """`path` as a `type_`.

    Raises ConfigError for an unreadable file, broken TOML, an unknown key or a wrong type; the
    message begins with `file:line`.
    """
    return parse(text(path), path, type_)


def parse(source: str, path: Path, type_: type[T]) -> T:
    """The same with the file's text, read already."""
    try:
        table = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        at = line[1] if line else len(source.splitlines())
        raise ConfigError(
            f"{path}:{at}: {error}.", "Mend the line; nothing else was read."
        ) from error
    try:
        return msgspec.convert(table, type_)
    except msgspec.ValidationError as error:
        raise ConfigError(_located(path, source, str(error)), "Correct or remove it.") from error


def where(path: Path, table: str, index: int, key: str) -> str:
    """`file:line` of `key` in the `index`-th `[[table]]`, for problems found later than reading."""
    lines = text(path).splitlines()
    return f"{path}:{_line(lines, [table], index, key)}"


def text(path: Path) -> str:
    """What stands in `path`. Raises ConfigError."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: {os_reason(error)}.", "Check the file's name and rights."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text.", "Save it as UTF-8.") from error


def _located(path: Path, source: str, problem: str) -> str:
    """`file:line: problem`, the line found by the key and the tables that the problem names."""
    what, _, place = problem.partition(" - at `")
    keys = re.findall(r"\.([A-Za-z_][\w-]*)", place)
    indices = re.findall(r"\[(\d+)\]", place)
    if place.endswith("[...]`"):  # an entry of a table with the user's own names: it is not named
        return _mistyped(path, source, keys, what, int(indices[0]) if indices else None)
    named = re.search(r"(?:unknown|required) field `([^`]+)`", what)
    if place.startswith("key` in "):  # of a table whose names are given
        named = re.search(r"'([^']+)'", what)
        what = what.replace("Invalid enum value", "no such name:")
    if place.endswith("]`") and named is None:
        del indices[-1:]  # of an element of a plain list, which has no table of its own
    index = int(indices[0]) if indices else None
    key = named[1] if named else (keys.pop() if keys else "")
    lines = source.splitlines()
    line = _line(lines, keys, index, key)
    what = re.sub(r"^Object ", "", what.replace("`", "'"))
    what = what[:1].lower() + what[1:]
    entry = _entry(source, keys, index) if index is not None else ""
    return f"{path}:{line}: {entry}{what}{f' ({key})' if key and key not in what else ''}."


def _entry(source: str, tables: list[str], index: int) -> str:
    """`model 'gpt2': `, the name of one of many tables; by its number where it has no id."""
    found: Any = tomllib.loads(source)
    try:
        for table in tables:
            found = found[table]
        name = found[index].get("id")
    except (KeyError, IndexError, TypeError, AttributeError):
        return ""  # the problem is deeper in
    named = f"'{name}'" if isinstance(name, str) and name else f"number {index + 1}"
    return f"{tables[-1]} {named}: " if tables else ""


def _mistyped(path: Path, source: str, tables: list[str], problem: str, index: int | None) -> str:
    """The same of the first entry of a table of texts, or of numbers, that is none; the table is
    one of the `index`-th of many, where there are."""
    wanted = re.search(r"xpected `(\w+)`(?: ([<>]=?) (\S+))?", problem)
    numbers = wanted is not None and wanted[1] in ("int", "float")

    def fits(value: object) -> bool:
        if not numbers:
            return isinstance(value, str)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if wanted is None or wanted[2] is None:
            return True
        held: bool = _COMPARED[wanted[2]](value, float(wanted[3]))
        return held

    def first(entries: dict[str, object], above: str) -> str:
        for key, value in entries.items():
            if isinstance(value, dict) and not above:
                if found := first(value, f"{key}."):
                    return found
            elif not fits(value):
                return f"{above}{key}"
        return ""

    table: Any = tomllib.loads(source)
    for key in tables:
        table = table[key]
        table = table[index or 0] if isinstance(table, list) else table
    name = first(table, "")
    lines = source.splitlines()
    if index is not None:
        line = _line(lines, tables[:1], index, tables[-1])
        what = f"{_entry(source, tables[:1], index)}{problem[:1].lower()}{problem[1:]}"
        return f"{path}:{line}: {what.replace('`', chr(39))} ({name})."
    line = _line(lines, tables, None, name)
    if len(tables) > 1 and line == 1:  # it has no header, and is a value of the table above
        line = _line(lines, tables[:-1], None, tables[-1])
    what = problem[:1].lower() + problem[1:].replace("`", "'") if numbers else "expected a text"
    return f"{path}:{line}: {what} ({name})."


def _line(lines: list[str], tables: list[str], index: int | None, key: str) -> int:
    """The line, from 1, of `key` in a table; of the table's header where the key is not there."""
    name = rf"[\"']?{re.escape(key)}[\"']?"
    assignment = re.compile(rf"\s*{name}\s*[=.]")
    if not tables:
        headers = re.compile(rf"\s*\[\[?\s*{name}\s*[].]")
        found = [at for at, text in enumerate(lines) if key and headers.match(text)]
        body = range(_end(lines, 0))
        return (
            next((at for at in body if key and assignment.match(lines[at])), *found[:1] or [0]) + 1
        )
    path = r"\s*\.\s*".join(rf"[\"']?{re.escape(table)}[\"']?" for table in tables)
    # A table of tables has its entry's name, which the problem does not say, after its own.
    header = re.compile(rf"\s*\[\[?\s*{path}\s*[].]")
    heads = [at for at, text in enumerate(lines) if header.match(text)]
    if index is not None:
        heads = heads[index : index + 1]
    for head in heads:
        for at in range(head + 1, _end(lines, head + 1)):
            if key and assignment.match(lines[at]):
                return at + 1
    return heads[0] + 1 if heads else 1


def _end(lines: list[str], start: int) -> int:
    """Where the table whose body begins at `start` ends: at the next header."""
    return next(
        (at for at in range(start, len(lines)) if lines[at].lstrip().startswith("[")), len(lines)
    )
