"""A fitted style: what makes vectors of texts that lie together where one hand wrote them.

Two kinds of it, in one file each. `base`: frozen states of the bare base model and stylometry, as a
small projection weighs them; it needs the model it was fitted with. `encoder`: a whole encoder of
sentence-transformers, tuned, its files packed byte for byte.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from talecraft.engine.codec import Codec
from talecraft.errors import EngineError
from talecraft.learning import features
from talecraft.learning.classifier import texts_alone
from talecraft.learning.encoders import SentenceEncoder
from talecraft.paths import private_write
from talecraft.process.style import FACTS, Tuned
from talecraft.story.stylometry import stylometry

AT_MOST = 5.0  # deviations that a figure counts: a text of nothing but commas has a hundred
_FILE = "file:"  # before the names of packed files
_ENDINGS = (".json", ".txt", ".safetensors")
Read = Callable[[Sequence[str]], Tensor]  # texts -> features (N, F), float32 on the CPU
Vectors = Callable[[Sequence[str]], Tensor]  # texts -> unit vectors (N, D), float32 on the CPU


@dataclass(frozen=True, slots=True)
class Projection:
    """Features (F,) by their mean and spread, and the weight (D, F) that makes vectors of them."""

    mean: Tensor
    spread: Tensor
    weight: Tensor

    def standard(self, found: Tensor) -> Tensor:
        """Features (N, F) in standard deviations."""
        return ((found - self.mean) / self.spread).clamp(-AT_MOST, AT_MOST)

    def __call__(self, found: Tensor) -> Tensor:
        """Unit vectors (N, D)."""
        return torch.nn.functional.normalize(self.standard(found) @ self.weight.T, dim=1)

    def save(self, path: Path, tuned: Tuned) -> None:
        """Raises LibraryError."""
        _write(path, {"mean": self.mean, "spread": self.spread, "weight": self.weight}, tuned)


@dataclass(frozen=True, slots=True)
class Style:
    """`vectors` of texts, (N, D) of length 1; what has no words has the vector 0."""

    vectors: Vectors
    tuned: Tuned

    def centroid(self, texts: Sequence[str]) -> Tensor:
        """The mean (D,) of the texts' unit vectors, brought to length 1 itself: the direction that
        they have in common (Dhillon and Modha 2001, eq. 4: the concept vector). Raises ValueError
        for texts without a word."""
        mean = self.vectors(texts).mean(0)
        if not float(mean.norm()):
            raise ValueError("no text to take a manner from")
        centre: Tensor = mean / mean.norm()
        return centre


def load(path: Path, base: Any, codec: Codec, pad: int, model: str) -> Style:
    """The style in this file, reading by the bare `base` of the key `model` where it needs one.

    Raises EngineError where it is none, was fitted for another model, or cannot be used here.
    """
    tuned = facts(path, model)
    try:
        with safe_open(str(path), "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if tuned.kind == "base":
            projection = Projection(*(tensors[one].float() for one in ("mean", "spread", "weight")))
    except (OSError, SafetensorError, KeyError) as error:
        raise _broken(path, error) from error
    if tuned.kind == "encoder":
        return Style(_worded(_unpacked(tensors).passages), tuned)
    read = reader(base, codec, pad)
    return Style(_worded(lambda texts: projection(read(texts))), tuned)


def facts(path: Path, model: str) -> Tuned:
    """What is known of the style in this file; its numbers are not read. Raises EngineError where
    it is none, or was fitted for another model than that of the key `model`."""
    try:
        with safe_open(str(path), "pt") as file:
            tuned = msgspec.json.decode(file.metadata()[FACTS], type=Tuned)
    except (OSError, SafetensorError, KeyError, TypeError, msgspec.MsgspecError) as error:
        raise _broken(path, error) from error
    if tuned.model not in ("", model):
        raise EngineError(
            f"The style was fitted for {tuned.model}, and this is {model}.",
            "Fit it again with `talecraft style fit`, by this model.",
        )
    return tuned


def _broken(path: Path, error: Exception) -> EngineError:
    return EngineError(
        f"{path.name} is no style ({type(error).__name__}).",
        "Fit it again with `talecraft style fit`.",
    )


def reader(base: Any, codec: Codec, pad: int) -> Read:
    """Reads texts as a style of the kind `base` does: the mean of the states at every depth, the
    traits, and stylometry. The model must be given as the bare one, every adapter off."""

    def read(texts: Sequence[str]) -> Tensor:
        states = features.extract(base, texts_alone(codec, texts), pad)
        counted = torch.tensor([stylometry(one) for one in texts], dtype=torch.float64)
        return torch.cat([states, counted], 1).float()

    return read


def _worded(vectors: Vectors) -> Vectors:
    """0 for what has no words, whatever its vector would be."""

    def found(texts: Sequence[str]) -> Tensor:
        made = vectors([one if one.strip() else "." for one in texts])
        return made * torch.tensor([[float(bool(one.strip()))] for one in texts])

    return found


# ---------------------------------------------------------------------- a whole encoder in one file
def pack(folder: Path, path: Path, tuned: Tuned) -> None:
    """An encoder's folder, as sentence-transformers saves it, in one file. Raises LibraryError."""
    files = {
        f"{_FILE}{one.relative_to(folder).as_posix()}": torch.frombuffer(
            bytearray(one.read_bytes()), dtype=torch.uint8
        )
        for one in sorted(folder.rglob("*"))
        if one.is_file() and one.suffix in _ENDINGS and one.stat().st_size
    }
    _write(path, files, tuned)


def _unpacked(tensors: Mapping[str, Tensor]) -> SentenceEncoder:
    """Its files are there only until it is read. Raises EngineError for names that lead out."""
    with tempfile.TemporaryDirectory(prefix="talecraft-style-") as name:
        folder = Path(name)
        for named, data in tensors.items():
            place = PurePosixPath(named.removeprefix(_FILE))
            inside = named.startswith(_FILE) and not place.is_absolute() and ".." not in place.parts
            if not inside or place.suffix not in _ENDINGS or data.dtype != torch.uint8:
                raise EngineError("The style's file holds what no encoder does.", "Fit it again.")
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(data.numpy().tobytes())
        return SentenceEncoder(folder)


def _write(path: Path, tensors: Mapping[str, Tensor], tuned: Tuned) -> None:
    kept = {name: one.contiguous() for name, one in tensors.items()}
    private_write(path, to_bytes(kept, {FACTS: msgspec.json.encode(tuned).decode()}))
