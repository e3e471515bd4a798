"""Which is quicker with a model on this machine, torch or llama.cpp: tried once, and kept."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

import msgspec
import torch

from talecraft.engine.llamacpp import forms
from talecraft.engine.llamacpp.model import LlamaCppModel
from talecraft.engine.llamacpp.native import installed
from talecraft.engine.llamacpp.opening import open_base
from talecraft.engine.session import Session, untold
from talecraft.errors import DoesNotFit, LibraryError
from talecraft.paths import private_folder, private_write
from talecraft.process.messages import ModelRef

READ, WRITTEN = 192, 24  # tokens
CLEARLY = 1.1  # so much quicker it must be: on torch what learned is what writes
COMPARED = 48  # tokens
# Nats a token that it may be from torch: in the same precision, and where each rounds its own way.
APART, APART_ROUNDED = 5e-3, 0.5
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


@contextmanager
def daring(model: ModelRef) -> Iterator[None]:
    """For what may end the engine: until it is over llama.cpp counts as the slower. What fails is
    logged, and torch can write."""
    _keep(model, False)
    try:
        yield
    except Exception as why:
        _LOG.warning("%s is not opened on llama.cpp: %s", model.id, why)
    else:
        _keep(model, True)


def try_both(model: ModelRef, ours: Session, tell: forms.Tell) -> LlamaCppModel | None:
    """The model on llama.cpp where that is clearly quicker than `ours` and computes the same; None
    where it is not, or cannot be had (the log says why). What was found is kept, but not that
    there was no room."""
    _keep(model, False)  # also where the trial ends the engine: it is not tried again
    try:
        tell(f"{model.id}: trying llama.cpp")
        theirs = open_base(model, tell)
        other = Session(theirs, "cpu")
        apart = distance(ours, other, theirs.num_embeddings)
        mine, its = (seconds(one, theirs.num_embeddings) for one in (ours, other))
    except DoesNotFit as why:
        _LOG.warning("%s has no room on llama.cpp: %s", model.id, why.message)
        _keep(model, None)
        return None
    except Exception as why:  # torch writes whatever happens here
        _LOG.warning("%s is not for llama.cpp: %s", model.id, why)
        return None
    _LOG.warning(
        "%s: torch %.0f ms, llama.cpp %.0f ms for %d tokens read and %d written; %.1e nats apart",
        model.id, mine * 1e3, its * 1e3, READ, WRITTEN, apart,
    )  # fmt: skip
    most = APART if theirs.quantised_as == "none" else APART_ROUNDED
    if its * CLEARLY < mine and apart <= most:
        _keep(model, True)
        return theirs
    forms.forget(model)
    return None


@torch.inference_mode()
def distance(ours: Session, theirs: Session, vocabulary: int) -> float:
    """Mean KL of their next-token distributions to ours, in nats, over a few ids from all over the
    vocabulary."""
    ids = torch.linspace(0, vocabulary - 1, COMPARED).long().tolist()
    found = []
    for one in (ours, theirs):
        one.forget()
        found.append(one.feed(ids).float().cpu()[:, :vocabulary].log_softmax(-1))
        one.forget()
    true, other = found
    return float((true.exp() * (true - other)).sum(-1).mean())


def seconds(session: Session, vocabulary: int) -> float:
    """What reading and writing a little takes."""
    ids = torch.linspace(0, vocabulary - 1, READ).long().tolist()
    session.read(ids[:8], _never, untold)  # warm
    session.feed(ids[8:9])
    session.forget()
    began = time.perf_counter()
    session.read(ids, _never, untold)
    for token in ids[:WRITTEN]:
        session.feed([token])
    spent = time.perf_counter() - began
    session.forget()
    return spent


def _never() -> bool:
    return False


def _kept(model: ModelRef) -> dict[str, bool]:
    try:
        return msgspec.json.decode(_file(model).read_bytes(), type=dict[str, bool])
    except (OSError, msgspec.MsgspecError):
        return {}


def _keep(model: ModelRef, quicker: bool | None) -> None:
    """For the next time, None for nothing; what cannot be kept is tried again."""
    found = _kept(model)
    found.pop(_key(model), None)
    with suppress(LibraryError):
        private_folder(_file(model).parent)
        known = {} if quicker is None else {_key(model): quicker}
        private_write(_file(model), msgspec.json.encode(found | known))


def _file(model: ModelRef) -> Path:
    return Path(model.forms) / KEPT


def _key(model: ModelRef) -> str:
    """Another whenever the trial might end otherwise."""
    versions = (f"{name} {metadata.version(name)}" for name in ("torch", "llama-cpp-python"))
    way = "lean" if model.lean else "plain"
    cores = f"{os.cpu_count()} cores, {torch.get_num_threads()} threads"
    device = "CUDA" if torch.cuda.is_available() else "no CUDA"
    return ", ".join((model.key, model.folder, model.quantisation, way, cores, device, *versions))
