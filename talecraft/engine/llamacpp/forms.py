"""A model's and an adapter's weights as llama.cpp reads them: the model's once, the adapter's each
time that it is put on (it is small)."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from talecraft.engine.llamacpp.native import requantise
from talecraft.errors import DoesNotFit, EngineError, os_reason
from talecraft.formats import gguf_files
from talecraft.formats.weights import Weights
from talecraft.paths import file_stem, flush_file, private_folder
from talecraft.process.locks import lives
from talecraft.process.messages import ModelRef

# What a quantised model becomes: 8 bits, or as many as nf4 has (4.85 to its 4.5).
KINDS = {"int8": "Q8_0", "nf4": "Q4_K_M"}
FORMAT = 1  # counted up where `formats` writes a model otherwise
_DIGITS = 12  # of the hash in a file's name
_SPARE = 64 << 20  # bytes that stay free on the disk
Tell = Callable[[str], None]


def base(model: ModelRef, threads: int, tell: Tell) -> tuple[Path, str]:
    """The model's GGUF, written where it is not there yet, and the precision of its matrices.

    Raises UsageError for a model that has no such form, EngineError where it cannot be written,
    DoesNotFit where the disk has no room.
    """
    folder = private_folder(Path(model.forms))
    with Weights(Path(model.folder)) as weights:
        size = weights.size
        plain = gguf_files.precision(weights)
    kind = KINDS.get(model.quantisation, plain)
    target = folder / f"{_name(model)}-{kind}.gguf"
    if target.is_file():
        return target, kind
    if _free(folder) < 2 * size + _SPARE:
        raise DoesNotFit(
            f"There is no room to write {model.id} for llama.cpp in {folder}.",
            f"It takes {2 * size / 1e9:.1f} GB while it is written.",
        )
    _sweep(folder, model)
    new, exact = (folder / f".{target.stem}.{os.getpid()}.{part}" for part in ("new", "exact"))
    told = -1

    def heard(done: int, total: int) -> None:
        nonlocal told
        percent = 100 * done // max(1, total)
        if percent // 5 != told // 5:
            told = percent
            tell(f"{model.id} as GGUF, {percent} %")

    try:
        with Weights(Path(model.folder)) as weights:
            gguf_files.model(weights, Path(model.folder), exact, model.id, "", heard)
        if kind == plain:
            exact.rename(new)
        else:
            tell(f"{model.id} as {kind}")
            requantise(exact, new, kind, threads)
        flush_file(new)
        new.chmod(0o600)
        new.rename(target)
    except OSError as error:
        raise EngineError(
            f"{model.id} cannot be written for llama.cpp in {folder}: {os_reason(error)}.",
            "Free some space, or set engine.kind to torch.",
        ) from error
    finally:
        for half in (new, exact):
            half.unlink(missing_ok=True)
    return target, kind


def forget(model: ModelRef) -> None:
    """Delete what was written of the model's weights."""
    for file in Path(model.forms).glob(f"{_name(model)}-*.gguf"):
        file.unlink(missing_ok=True)


def _sweep(folder: Path, model: ModelRef) -> None:
    """Delete what is left of writers that were killed, and of the model's earlier revisions."""
    for half in folder.glob(".*.*.*"):
        pid = half.suffixes[-2].removeprefix(".")
        if pid.isdigit() and not lives(int(pid)):
            half.unlink(missing_ok=True)
    stem = file_stem(model.id)
    for file in folder.glob(f"{stem}-{'?' * _DIGITS}-*.gguf"):
        if not file.name.startswith(_name(model)):
            file.unlink(missing_ok=True)


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:  # then it is seen when it is written
        return sys.maxsize


@contextmanager
def adapter(folder: Path, model: ModelRef) -> Iterator[Path]:
    """The adapter in `folder` as GGUF, as long as the context lasts. Raises UsageError,
    AdapterError for one that has no such form."""
    with (
        TemporaryDirectory(dir=private_folder(Path(model.forms))) as place,
        Weights(Path(model.folder), folder) as weights,
    ):
        file = Path(place) / "adapter.gguf"
        gguf_files.adapter(weights, Path(model.folder), file, "adapter", "")
        yield file


def _name(model: ModelRef) -> str:
    """Another for each model, revision, folder and way of writing it."""
    key = hashlib.sha256(f"{FORMAT}\n{model.key}\n{model.folder}".encode()).hexdigest()
    return f"{file_stem(model.id)}-{key[:_DIGITS]}"
