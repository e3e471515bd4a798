"""Which is quicker with a model on this machine, torch or llama.cpp: tried once, and kept."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import msgspec
import torch

from talecraft.engine.llamacpp import forms
from talecraft.engine.llamacpp.model import LlamaCppModel
from talecraft.engine.llamacpp.native import installed
from talecraft.engine.llamacpp.opening import open_base
from talecraft.engine.session import Session
from talecraft.errors import LibraryError, TalecraftError
from talecraft.paths import private_folder, private_write
from talecraft.process.messages import ModelRef

READ, WRITTEN = 192, 24  # tokens
CLEARLY = 1.1  # so much quicker it must be: on torch what learned is what writes
KEPT = "probe.json"
_LOG = logging.getLogger(__name__)


def due(model: ModelRef, device: str) -> bool:
    """Is there anything to be tried, and was it not tried yet? On CUDA torch writes."""
    asked = model.kind == "auto" and bool(model.forms) and device == "cpu" and installed()
    return asked and won(model) is None


def won(model: ModelRef) -> bool | None:
    """Whether llama.cpp won the trial of this model on this machine; None where there was none, or
    where it is not there any more."""
    return _kept(model).get(_key(model)) if installed() else None


def try_both(model: ModelRef, ours: Session, tell: forms.Tell) -> LlamaCppModel | None:
    """The model on llama.cpp where that is clearly quicker than `ours`; None where it is not, or
    cannot be had (the log says why). What was found is kept."""
    try:
        tell(f"{model.id}: trying llama.cpp")
        theirs = open_base(model, tell)
        mine = seconds(ours, theirs.num_embeddings)
        other = seconds(Session(theirs, "cpu"), theirs.num_embeddings)
    except TalecraftError as why:
        _LOG.warning("%s is not for llama.cpp: %s", model.id, why.message)
        _keep(model, False)
        return None
    quicker = other * CLEARLY < mine
    _LOG.warning(
        "%s: torch %.0f ms, llama.cpp %.0f ms for %d tokens read and %d written",
        model.id, mine * 1e3, other * 1e3, READ, WRITTEN,
    )  # fmt: skip
    _keep(model, quicker)
    if quicker:
        return theirs
    forms.forget(model)
    return None


def seconds(session: Session, vocabulary: int) -> float:
    """What reading and writing a little takes."""
    ids = torch.linspace(0, vocabulary - 1, READ).long().tolist()
    session.read(ids[:8], _never, _untold)  # warm
    session.feed(ids[8:9])
    session.forget()
    began = time.perf_counter()
    session.read(ids, _never, _untold)
    for token in ids[:WRITTEN]:
        session.feed([token])
    spent = time.perf_counter() - began
    session.forget()
    return spent


def _never() -> bool:
    return False


def _untold(done: int, total: int) -> None:
    """Nobody need be told how far this has come."""


def _kept(model: ModelRef) -> dict[str, bool]:
    try:
        return msgspec.json.decode(_file(model).read_bytes(), type=dict[str, bool])
    except (OSError, msgspec.MsgspecError):
        return {}


def _keep(model: ModelRef, quicker: bool) -> None:
    """For the next time; what cannot be kept is tried again."""
    with suppress(LibraryError):
        private_folder(_file(model).parent)
        private_write(_file(model), msgspec.json.encode(_kept(model) | {_key(model): quicker}))


def _file(model: ModelRef) -> Path:
    return Path(model.forms) / KEPT


def _key(model: ModelRef) -> str:
    """Another whenever the trial might end otherwise."""
    versions = (f"{name} {metadata.version(name)}" for name in ("torch", "llama-cpp-python"))
    way = "lean" if model.lean else "plain"
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    return ", ".join((model.key, model.folder, model.quantisation, way, cores, *versions))
