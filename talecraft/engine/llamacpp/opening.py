"""Opening a model on llama.cpp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from talecraft.engine import checking
from talecraft.engine.llamacpp import forms
from talecraft.engine.llamacpp.model import LlamaCppModel
from talecraft.engine.llamacpp.native import Native, installed
from talecraft.errors import EngineError
from talecraft.process.messages import ModelRef


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
    file, precision = forms.base(model, threads, tell)
    capacity = 2 * model.context_length + 2048  # the page's text, and as much again of drafts
    native = Native(file, capacity, precision == "F32", threads)
    return LlamaCppModel(native, *_configs(Path(model.folder)), precision)


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
