"""Opening a model on llama.cpp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from talecraft.engine import checking
from talecraft.engine.llamacpp import forms
from talecraft.engine.llamacpp.model import LlamaCppModel
from talecraft.engine.llamacpp.native import Native, installed
from talecraft.errors import EngineError, UsageError
from talecraft.process.messages import ModelRef

TURNS = 4096  # tokens that a batch may write


def open_base(model: ModelRef, tell: forms.Tell) -> LlamaCppModel:
    """The model, its GGUF written first where that is not there yet.

    Raises EngineError where llama-cpp-python is missing or cannot read it, UsageError for a model
    that has no such form, DoesNotFit where there is no room.
    """
    if not installed():
        raise EngineError(
            "llama.cpp is not installed.",
            'Install it with `pip install "talecraft[llamacpp]"`, or set engine.kind to auto.',
        )
    checking.check(Path(model.folder), model.id)
    threads = torch.get_num_threads()
    config, told = _configs(Path(model.folder))
    window = getattr(config, "sliding_window", None)
    if window is not None and window < model.context_length:
        raise UsageError(
            f"{model.id} forgets after {window} tokens, which it would not on llama.cpp.",
            f"Set its context_length to {window}, or engine.kind to torch.",
        )
    file, precision = forms.base(model, threads, tell)
    capacity = 2 * model.context_length + TURNS  # the page's text, and drafts
    try:
        native = Native(file, capacity, precision == "F32", threads)
    except EngineError:
        forms.forget(model)  # it is written anew the next time
        raise
    return LlamaCppModel(native, config, told, precision, model.context_length)


def _configs(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoConfig, GenerationConfig

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        ends = folder / "generation_config.json"
        told = GenerationConfig.from_pretrained(folder) if ends.is_file() else None
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(
            f"The configuration in {folder} cannot be read.", "Fetch the model again."
        ) from error
    return config, told
