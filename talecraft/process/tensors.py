"""What is in a model's safetensors, told from their headers alone: no weights are read.

A file begins with the header's length (8 bytes, little-endian) and the header, a table of JSON:
name -> dtype, shape, offsets (the format's own description, huggingface/safetensors).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_METADATA = "__metadata__"
INDEX, WHOLE = "model.safetensors.index.json", "model.safetensors"
MOST_BYTES = 100_000_000  # of a header: the format's own limit
WIDTHS = {
    "F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2,
    "U16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as it lies in its file; `width` in bytes a number."""

    name: str
    shape: tuple[int, ...]
    width: int

    @property
    def numbers(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.numbers * self.width


def files(folder: Path) -> list[Path]:
    """The files that transformers would load: the whole, or those its index names; where there is
    neither, all there are."""
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    try:
        named = set(json.loads((folder / INDEX).read_bytes())["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return sorted(folder.glob("*.safetensors"))
    return sorted(folder / Path(str(name)).name for name in named)


def read(folder: Path) -> list[Tensor]:
    """All tensors of a model; none where a header is missing or is not one."""
    try:
        return [one for file in files(folder) for one in _header(file)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def metadata(file: Path) -> dict[str, str]:
    """What a file says of itself; nothing where it is none."""
    try:
        found = _table(file).get(_METADATA, {})
        return {str(name): str(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _header(file: Path) -> list[Tensor]:
    return [
        Tensor(name, tuple(map(int, one["shape"])), WIDTHS[one["dtype"]])
        for name, one in _table(file).items()
        if name != _METADATA
    ]


def _table(file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 2 <= length <= MOST_BYTES:
            raise ValueError(f"{file} has no header")
        table: dict[str, Any] = json.loads(opened.read(length))
    return table
