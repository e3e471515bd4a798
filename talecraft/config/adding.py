"""One entry more in the user's models.toml; what stands there, comments too, stays as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from talecraft.config import strict
from talecraft.config.models import ModelsFile, ModelSpec
from talecraft.config.precision import Quantisation
from talecraft.errors import ConfigError
from talecraft.paths import Home, private_folder, private_write

_HEAD = re.compile(r"\s*\[+[^\[\]]+\]+\s*(#.*)?$")
_MODEL = re.compile(r"\s*\[\[\s*model\s*\]\]")


def add(home: Home, spec: ModelSpec) -> None:
    """Write it at the end, in one step; a key that is at its default is left out.

    Raises ConfigError where the file cannot be read, has an entry of this id, or would not read
    as meant afterwards; LibraryError where it cannot be written. Then nothing was.
    """
    path = home.models_file
    source = strict.text(path) if path.exists() else ""
    before = strict.parse(source, path, ModelsFile)
    for index, entry in enumerate(before.model):
        if entry.id == spec.id:
            raise ConfigError(
                f"{strict.where(path, 'model', index, 'id')}: model '{spec.id}' stands there"
                " already (id).",
                "Give the new one another id, or change that entry.",
            )
    gap = "" if not source else "\n" if source.endswith("\n") else "\n\n"
    after = source + gap + _entry(spec)
    _write(
        path, after, msgspec.structs.replace(before, model=[*before.model, spec]),
        ConfigError(
            f"{path}: its models stand there in a way that none can be added from here.",
            "Write each as a [[model]] of its own; nothing was changed.",
        ),
    )  # fmt: skip


def remove(home: Home, spec: ModelSpec) -> None:
    """Take the entry of `spec` out; all else, comments too, stays as it stands there.

    Raises ConfigError where the file cannot be read, has none of this id, or is laid out so that
    it is changed better by hand; LibraryError where it cannot be written. Then nothing was.
    """
    path = home.models_file
    source = strict.text(path) if path.exists() else ""
    before = strict.parse(source, path, ModelsFile)
    at = next((n for n, entry in enumerate(before.model) if entry.id == spec.id), None)
    if at is None:
        raise ConfigError(f"{path} has no model '{spec.id}'.", "It was taken out already.")
    after = _without(source, at)
    entries = [entry for entry in before.model if entry.id != spec.id]
    _write(
        path, after, msgspec.structs.replace(before, model=entries),
        ConfigError(
            f"{strict.where(path, 'model', at, 'id')}: model '{spec.id}' stands there in a way that"
            " it cannot be taken out from here.",
            "Take it out in an editor; nothing was written.",
        ),
    )  # fmt: skip


def _write(path: Path, after: str, meant: ModelsFile, otherwise: ConfigError) -> None:
    """Write the file in one step, if it reads as meant; else raise `otherwise`."""
    try:
        read = strict.parse(after, path, ModelsFile)
    except ConfigError:
        raise otherwise from None
    if read != meant:
        raise otherwise
    private_folder(path.parent)
    private_write(path.resolve(), after.encode())  # of a link, what it leads to


def _without(source: str, at: int) -> str:
    """The text without the lines of its entry `at`, from its head to its last key: what stands
    above the next head belongs to that one."""
    lines = source.splitlines(keepends=True)
    heads = [n for n, line in enumerate(lines) if _HEAD.match(line)]
    of_models = [n for n in heads if _MODEL.match(lines[n])]
    if at >= len(of_models):
        return source
    begin = of_models[at]
    end = next((n for n in heads if n > begin), len(lines))
    while end > begin + 1 and lines[end - 1].strip()[:1] in ("", "#"):
        end -= 1
    if end < len(lines) and not lines[end].strip():
        end += 1  # the gap between two entries
    elif end == len(lines) and begin and not lines[begin - 1].strip():
        begin -= 1
    return "".join(lines[:begin] + lines[end:])


def quantise(home: Home, spec: ModelSpec, quantisation: Quantisation) -> None:
    """Let the entry of `spec` ask for this quantisation; a shipped one is laid over by a copy.

    Raises ConfigError where the file cannot be read, or is laid out so that it is changed better by
    hand; LibraryError where it cannot be written. Then nothing was.
    """
    import tomlkit

    path, wanted = home.models_file, msgspec.structs.replace(spec, quantisation=quantisation)
    source = strict.text(path) if path.exists() else ""
    before = strict.parse(source, path, ModelsFile)
    at = next((n for n, entry in enumerate(before.model) if entry.id == spec.id), None)
    if at is None:
        add(home, wanted)
        return
    document: Any = tomlkit.parse(source)
    document["model"][at]["quantisation"] = quantisation
    after = document.as_string()
    entries = [*before.model]
    entries[at] = msgspec.structs.replace(entries[at], quantisation=quantisation)
    _write(
        path, after, msgspec.structs.replace(before, model=entries),
        ConfigError(
            f"{strict.where(path, 'model', at, 'id')}: model '{spec.id}' stands there in a way that"
            " is not changed from here.",
            "Change its quantisation in an editor; nothing was written.",
        ),
    )  # fmt: skip


def _entry(spec: ModelSpec) -> str:
    import tomlkit

    defaults = {field.name: field.default for field in msgspec.structs.fields(ModelSpec)}
    lines = [
        f"{name} = {tomlkit.item(value).as_string()}"
        for name, value in msgspec.structs.asdict(spec).items()
        if value != defaults[name]
    ]
    return "\n".join(["[[model]]", *lines, ""])
