"""A model opened by what is to compute it: torch, llama.cpp, or the quicker of the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from talecraft.engine import loading
from talecraft.engine.codec import Codec
from talecraft.engine.llamacpp import forms, opening, trial
from talecraft.engine.llamacpp.model import LlamaCppModel
from talecraft.engine.loading import Device, Opened
from talecraft.engine.sessions import Sessions
from talecraft.errors import AdapterError, TalecraftError
from talecraft.process.messages import AdapterRef, ModelRef
from talecraft.story.clean import clean_line

Tell = Callable[[str], None]


def open_model(model: ModelRef, tell: Tell) -> Opened:
    """With kind "auto" torch's where llama.cpp cannot have it or is not clearly quicker; `tell`
    gets what takes long. Raises what loading.open_model and llamacpp.opening.open_base do."""
    if model.kind == "llamacpp":
        return _on_llama_cpp(model, opening.open_base(model, tell))
    if model.kind == "auto" and trial.won(model):
        with trial.daring(model):
            return _on_llama_cpp(model, opening.open_base(model, tell))
    opened = loading.open_model(model)
    if not trial.due(model, opened.device.name):
        return opened
    sessions = Sessions()
    sessions.settle(opened.base, opened.device.name, model, None)
    ours = sessions.open(opened.base, opened.device.name, model, None)
    quicker = trial.try_both(model, ours, tell)
    return opened if quicker is None else _on_llama_cpp(model, quicker)


def _on_llama_cpp(model: ModelRef, base: LlamaCppModel) -> Opened:
    """Logits come to the CPU, in float32, wherever they are computed."""
    tokenizer = loading.load_tokenizer(model)
    codec = Codec(tokenizer, model.style, loading.end_ids(base, tokenizer))
    device = Device("gpu" if base.on_gpu else "cpu", base.dtype)
    return Opened(base, device, codec, loading.pad_id(base, tokenizer))


def attach(model: Any, adapter: AdapterRef, base: ModelRef) -> Any:
    """`model` with this adapter as its only one. Raises AdapterError, `model` is then bare where
    llama.cpp has it."""
    if not isinstance(model, LlamaCppModel):
        return loading.attach(model, adapter, base)
    try:
        with forms.adapter(loading.trusted(adapter, base), base) as file:
            model.lean_on(file)
    except (TalecraftError, OSError, ValueError, KeyError, RuntimeError) as error:
        model.lean_on(None)  # never one under another's name
        if isinstance(error, AdapterError):
            raise
        why = error.message if isinstance(error, TalecraftError) else str(error)
        raise AdapterError(
            f"Adapter {adapter.id} does not fit {base.id} ({clean_line(why)[:200]}).",
            "Roll back to another adapter, or train again.",
        ) from error
    return model


def detach(model: Any) -> Any:
    """The bare base again, its weights untouched."""
    if not isinstance(model, LlamaCppModel):
        return loading.detach(model)
    model.lean_on(None)
    return model
