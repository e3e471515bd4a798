"""Is a folder a model that can be trusted to be opened? Asked before any library reads it.

A folder may come from anywhere: cut in half, flipped in a bit, made to run code, to read files that
are none of its own, or to fill the memory with layers that it has no weights for.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from talecraft.config import fetched
from talecraft.errors import EngineError, os_reason
from talecraft.process import tensors

CONFIG = "config.json"
MOST_BYTES = 20_000_000  # of a table of JSON
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
# What must be a dimension of some tensor, by the names that configurations call it.
_DIMENSIONS = ("vocab_size", "hidden_size", "n_embd")
_LAYERS = ("num_hidden_layers", "n_layer")


def check(folder: Path, name: str) -> None:
    """Raises EngineError, in a line that names the model, for a folder that is not sound."""
    if wrong := wrong_with(folder):
        raise EngineError(f"{name}: {wrong}.", "Fetch the model again, or choose another.")


def wrong_with(folder: Path) -> str:
    """Why the folder is not sound, in words; '' where it is."""
    try:
        return next(_wrong(folder), "")
    except OSError as error:
        return f"{folder} cannot be read ({os_reason(error)})"


def _wrong(folder: Path) -> Iterator[str]:
    """All that is wrong with it, the cheapest to find first."""
    config = table(folder / CONFIG)
    if config is None:
        yield f"its {CONFIG} is missing in {folder}, or is not a table of JSON"
        return
    yield from _strange_places(folder)
    shards = tensors.files(folder)
    if not shards:
        pickled = any(True for kind in _PICKLES for _ in folder.glob(kind))
        found = "only pickles, which could run code" if pickled else "no weights"
        yield f"there are {found} in {folder}; it must have safetensors"
        return
    for shard in shards:
        yield from _cut(shard)
    known = tensors.read(folder)
    if not known:
        yield "the header of its safetensors cannot be read"
        return
    yield from _absurd(config.get("text_config") or config, known)
    if not any((folder / one).is_file() for one in _TOKENIZERS):
        yield f"there is no tokenizer in {folder}"
    yield from _changed(folder)


def _strange_places(folder: Path) -> Iterator[str]:
    """An index may name files beside it and none elsewhere."""
    index = folder / tensors.INDEX
    if not index.exists() or (folder / tensors.WHOLE).exists():
        return
    named = (table(index) or {}).get("weight_map")
    if not isinstance(named, dict) or not named:
        yield f"its {tensors.INDEX} names no files"
        return
    for one in set(map(str, named.values())):
        if one != os.path.basename(one) or not one.endswith(".safetensors"):
            yield f"its {tensors.INDEX} names '{one}', which is no safetensors file of the folder"


def _cut(shard: Path) -> Iterator[str]:
    """A file is as long as its header says, and its tensors lie within it, end to end."""
    if not shard.is_file():
        yield f"{shard.name} is missing"
        return
    size = shard.stat().st_size
    with shard.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 2 <= length <= min(tensors.MOST_BYTES, size - 8):
            yield f"{shard.name} is cut or damaged"
            return
        header = opened.read(length)
    try:
        table = json.loads(header)
        spans = sorted(
            (*map(int, one["data_offsets"]), _bytes(one))
            for key, one in table.items()
            if key != "__metadata__"
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        yield f"{shard.name} is cut or damaged"
        return
    at = 0
    for begin, end, needed in spans:
        if begin != at or end - begin != needed:
            yield f"{shard.name} is damaged: its tensors do not lie end to end"
            return
        at = end
    if 8 + length + at != size:
        yield f"{shard.name} is cut: {size} bytes of {8 + length + at}"


def _bytes(entry: dict[str, Any]) -> int:
    made = tensors.WIDTHS[entry["dtype"]]
    for one in entry["shape"]:
        if not isinstance(one, int) or one < 0:
            raise ValueError(one)
        made *= one
    return made


def _absurd(config: Any, known: list[tensors.Tensor]) -> Iterator[str]:
    """A configuration must be that of the weights: else building it may never end."""
    if not isinstance(config, dict):
        yield f"its {CONFIG} is not that of a language model"
        return
    sizes = {size for one in known for size in one.shape}
    for key in _DIMENSIONS:
        value = config.get(key)
        if value is not None and (not isinstance(value, int) or value not in sizes):
            yield f"its {CONFIG} says {key} {value}, which no tensor has"
    for key in _LAYERS:
        value = config.get(key)
        if value is not None and (not isinstance(value, int) or not 0 < value <= len(known)):
            yield f"its {CONFIG} says {key} {value}, for which it has no weights"


def _changed(folder: Path) -> Iterator[str]:
    """What was fetched has a checksum; what was written to since then must still have it."""
    record = fetched.read(folder)
    if record is None:
        return
    written = (folder / fetched.NAME).stat().st_mtime_ns
    for name, sum_ in record.files.items():
        file = folder / name
        if not file.is_file():
            yield f"{name} is missing"
        elif file.stat().st_mtime_ns > written and _checksum(file, sum_) != sum_:
            yield f"{name} was changed since it was fetched"


def _checksum(file: Path, like: str) -> str:
    """sha256, or where the sum to compare with is git's, the sha1 of a blob."""
    with file.open("rb") as opened:
        if len(like) == 64:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        blob = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
        while chunk := opened.read(1 << 20):
            blob.update(chunk)
        return blob.hexdigest()


def table(path: Path) -> dict[str, Any] | None:
    """A file's table of JSON; None where it is none, or too large to be one."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return None
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
