"""A run's state after each update, in one file that is replaced whole.

Everything else a run needs is computed anew from its order, the same each time: a resumed run ends
at the adapter it would have ended at. Safetensors, so that reading it can run nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from talecraft.paths import private_write
from talecraft.process.run_client import CHECKPOINT

_FACTS = "facts"


def save(folder: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Put the state in place of the last one. `facts` must be JSON; floats come back exactly.

    Raises LibraryError where the disk is full.
    """
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    private_write(folder / CHECKPOINT, to_bytes(kept, {_FACTS: json.dumps(facts)}))


def load(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The newest state, or None where no update was finished."""
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    with safe_open(str(path), "pt") as file:
        facts: dict[str, Any] = json.loads(file.metadata()[_FACTS])
        return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118


def pack(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def unpack(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}/"
    return {name[len(start) :]: one for name, one in tensors.items() if name.startswith(start)}


def pack_optimiser(optimiser: torch.optim.Optimizer) -> tuple[dict[str, Tensor], Any]:
    """An optimiser's state as tensors `<parameter>.<name>` and its groups as JSON."""
    state = optimiser.state_dict()
    tensors = {
        f"{index}.{name}": value
        for index, values in state["state"].items()
        for name, value in values.items()
    }
    return tensors, state["param_groups"]


def unpack_optimiser(
    optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor], groups: Any
) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": groups})
