"""From a folder of safetensors to a model on a device: base, quantisation, adapters.

Models and adapters are hostile files: no remote code, no pickles, nothing from the network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from talecraft.config.precision import SMALL, known, precision
from talecraft.engine import checking, quantising
from talecraft.engine.codec import Codec
from talecraft.engine.frugal import frugally
from talecraft.engine.products import quicken
from talecraft.errors import AdapterError, DoesNotFit, EngineError
from talecraft.process import adapter_files, tensors
from talecraft.process.environment import torch_threads
from talecraft.process.machine import native_bfloat16
from talecraft.process.messages import AdapterRef, ModelRef


@dataclass(frozen=True, slots=True)
class Device:
    """Where the model is and in what precision it computes."""

    name: str
    dtype: torch.dtype

    @property
    def dtype_name(self) -> str:
        return str(self.dtype).removeprefix("torch.")


def settle_in() -> None:
    """Make this process a good neighbour: one core stays free for the page (`OMP_NUM_THREADS`,
    where set, is obeyed), and nothing draws progress bars on its standard error."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(torch_threads())


@dataclass(frozen=True, slots=True)
class Opened:
    """A base model with all that is needed to write with it; `pad` is an id for padding."""

    base: Any
    device: Device
    codec: Codec
    pad: int


def open_model(model: ModelRef) -> Opened:
    """Base and tokeniser from the model's folder.

    Raises EngineError for a folder that is not sound and for files that cannot be used, DoesNotFit
    where memory ran out.
    """
    checking.check(Path(model.folder), model.id)
    tokenizer = load_tokenizer(model)
    base, device = load_base(model)
    codec = Codec(tokenizer, model.style, end_ids(base, tokenizer))
    return Opened(base, device, codec, pad_id(base, tokenizer))


def choose_device(model: ModelRef, weights: int) -> Device:
    """CUDA where there is one, else the CPU; and the precision, as asked or as suits it there."""
    name = choose_device_name()
    chosen = precision(model.quantisation, name, weights, native_bfloat16())
    return Device(name, getattr(torch, chosen))


def choose_device_name() -> str:
    """CUDA where there is one, unless what has launched this process asks for the CPU."""
    cpu = os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true"
    return "cuda" if torch.cuda.is_available() and not cpu else "cpu"


def load_tokenizer(model: ModelRef) -> Any:
    """The model's own tokeniser. Raises EngineError."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(
            model.folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(
            f"{model.id}: its tokenizer cannot be loaded from {model.folder} ({_first(error)}).",
            "Fetch the model again.",
        ) from error


def load_base(model: ModelRef) -> tuple[Any, Device]:
    """The base model, quantised as asked, in evaluation mode.

    Raises UsageError for a quantisation that is none, EngineError for files that cannot be used,
    DoesNotFit where memory ran out.
    """
    from transformers import AutoModelForCausalLM

    known(model.quantisation)
    weights = sum(tensor.numbers for tensor in tensors.read(Path(model.folder)))
    device = choose_device(model, weights)
    configuration = quantising.configuration(model.quantisation, device.dtype)
    try:
        with frugally(ever_after=configuration is not None or weights >= SMALL):
            base = AutoModelForCausalLM.from_pretrained(
                model.folder,
                dtype=device.dtype,
                device_map={"": device.name},
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                quantization_config=configuration,
            )
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise DoesNotFit(
            f"{model.id} does not fit into memory.", "Close other programs or choose a smaller one."
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise EngineError(
            f"{model.id} cannot be loaded from {model.folder} ({_first(error)}).",
            "Fetch the model again or choose another.",
        ) from error
    quantising.repair(base)
    quicken(base)
    return base.eval(), device


def trusted(adapter: AdapterRef, base: ModelRef) -> Path:
    """The adapter's folder, once it proved to be of this model, undamaged and finite.

    Raises AdapterError.
    """
    if adapter.model_key != base.key:
        raise AdapterError(
            f"Adapter {adapter.id} was made for {adapter.model_key}, not {base.key}.",
            "Roll back to another adapter, or train again.",
        )
    folder = adapter_files.verify(adapter)
    weights = load_file(folder / "adapter_model.safetensors")
    if not all(torch.isfinite(tensor).all() for tensor in weights.values()):
        raise AdapterError(f"Adapter {adapter.id} holds numbers that are not finite.")
    return folder


def attach(model: Any, adapter: AdapterRef, base: ModelRef) -> Any:
    """`model` with this adapter as its only active one; `model` may be bare or carry others.

    peft is imported here, and so only where there is an adapter. Raises AdapterError for one
    that is damaged, foreign, of another shape or not finite; `model` is then as it was.
    """
    folder = trusted(adapter, base)
    from peft import PeftConfig, PeftModel, get_peft_model

    was_bare = not isinstance(model, PeftModel)
    try:
        if was_bare:
            config = PeftConfig.from_pretrained(folder)
            config.inference_mode = True
            # Wrapped before it is filled, so that a refused adapter can be unwrapped again.
            model = get_peft_model(model, config, adapter_name=adapter.id)
        model.load_adapter(folder, adapter_name=adapter.id)
        model.set_adapter(adapter.id)
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        if was_bare:
            detach(model)
        elif adapter.id in model.peft_config:
            model.delete_adapter(adapter.id)
        raise AdapterError(
            f"Adapter {adapter.id} does not fit {base.id} ({_first(error)}).",
            "Roll back to another adapter, or train again.",
        ) from error
    for name in list(model.peft_config):
        if name != adapter.id:
            model.delete_adapter(name)
    return model.eval()


def detach(model: Any) -> Any:
    """The bare base again, its weights untouched."""
    # A base that once carried an adapter keeps peft's attributes; only a wrapper can unload.
    return model.unload() if type(model).__module__.startswith("peft.") else model


def end_ids(model: Any, tokenizer: Any) -> set[int]:
    """Every id with which this model ends a text."""
    ids: set[int] = set()
    for value in (getattr(model, "generation_config", None), model.config, tokenizer):
        end = getattr(value, "eos_token_id", None)
        ids.update([end] if isinstance(end, int) else end or [])
    return ids


def pad_id(model: Any, tokenizer: Any) -> int:
    """An id for padding. Never looked at, so any will do where a model has none."""
    for owner in (tokenizer, model.config):
        if isinstance(value := getattr(owner, "pad_token_id", None), int):
            return value
    return 0


def _first(error: BaseException) -> str:
    """The first line of an error, short enough for a status line."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
