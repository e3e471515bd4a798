"""A model's weights off the disk, one tensor at a time, with an adapter's change added.

Nothing here builds the model: of a model of any size one tensor, or one shard, is in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from talecraft.errors import AdapterError, EngineError
from talecraft.process import tensors

Hear = Callable[[int, int], None]  # bytes written, and how many there will be
_WRAPPER = "base_model.model."  # before each name in a file of PEFT's
_A, _B = ".lora_A.weight", ".lora_B.weight"
_PLAIN = {"use_dora": False, "bias": "none", "rank_pattern": {}, "alpha_pattern": {}}


@dataclass(frozen=True, slots=True)
class Lora:
    """The low-rank change of one layer: W' = W + scale * B A (Hu et al., arXiv 2106.09685).

    `a` (r, in), `b` (out, r) in float32. Where the layer keeps its weight as (in, out), as GPT-2's
    do, it is `transposed`.
    """

    a: Tensor
    b: Tensor
    scale: float
    transposed: bool

    def added_to(self, weight: Tensor) -> Tensor:
        """In the weight's own precision, the sum made in float32."""
        delta = (self.b @ self.a) * self.scale
        return (weight.float() + (delta.T if self.transposed else delta)).to(weight.dtype)


class Weights:
    """The tensors of a model folder, by name; use it as a context manager."""

    def __init__(self, folder: Path, adapter: Path | None = None) -> None:
        """Raises EngineError for files that cannot be read, AdapterError for an adapter that is
        none of this model's, or of a kind that Talecraft does not make."""
        self._open = ExitStack()
        self._place: dict[str, Any] = {}
        self.shards: dict[str, list[str]] = {}  # names by file
        self.size = 0  # bytes on disk
        try:
            for file in tensors.files(folder):
                handle = self._open.enter_context(safe_open(file, framework="pt"))
                self.shards[file.name] = list(handle.keys())
                self._place |= dict.fromkeys(self.shards[file.name], handle)
                self.size += file.stat().st_size
        except (OSError, SafetensorError) as error:
            self._open.close()
            raise EngineError(f"{file.name} cannot be read: {error}", _FETCH) from error
        if not self._place:
            raise EngineError(f"There are no safetensors in {folder}.", _FETCH)
        self.lora = _loras(adapter, self._place) if adapter is not None else {}

    def __enter__(self) -> Weights:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self._place)

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self._place[name].get_slice(name).get_shape())

    def dtype(self, name: str) -> str:
        """As safetensors calls it: F32, F16, BF16."""
        return str(self._place[name].get_slice(name).get_dtype())

    def __getitem__(self, name: str) -> Tensor:
        tensor: Tensor = self._place[name].get_tensor(name)
        change = self.lora.get(name)
        return change.added_to(tensor) if change is not None else tensor


def _loras(folder: Path, base: Mapping[str, Any]) -> dict[str, Lora]:
    """The changes by the name of the tensor that they change."""
    config = json.loads((folder / "adapter_config.json").read_bytes())
    odd = [key for key, plain in _PLAIN.items() if config.get(key, plain) not in (plain, None)]
    if odd:
        raise AdapterError(f"This adapter is none that can be handed on: it has {', '.join(odd)}.")
    held = load_file(folder / "adapter_model.safetensors")
    rank = config["r"]
    scale = config["lora_alpha"] / (rank**0.5 if config.get("use_rslora") else rank)
    found = {}
    for key, a in held.items():
        if key.endswith(_A):
            layer = key.removesuffix(_A)
            name = _base_name(layer.removeprefix(_WRAPPER), base)
            found[name] = Lora(
                a.float(), held[layer + _B].float(), scale, bool(config.get("fan_in_fan_out"))
            )
    if 2 * len(found) != len(held):
        raise AdapterError("This adapter holds more than low-rank changes; it cannot be merged.")
    return found


def _base_name(layer: str, base: Mapping[str, Any]) -> str:
    """The weight of a layer as the file calls it: some leave out the model's own first name."""
    for name in (f"{layer}.weight", f"{layer.partition('.')[2]}.weight"):
        if name in base:
            return name
    raise AdapterError(f"The adapter changes {layer}, which the model does not have.")


_FETCH = "Fetch the model again."
