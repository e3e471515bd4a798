"""What is counted in texts: repetition, memorised runs, and bits a character."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talecraft.story import traits

_WORD = re.compile(r"[a-z']+")


def words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def repeated(text: str) -> float:
    """The share of 4-grams of words that stood there before."""
    return traits.repeated(words(text))


class Memory:
    """All runs of `length` words of the training texts, as 64-bit hashes."""

    def __init__(self, texts: Iterable[str], length: int = 20) -> None:
        self._length = length
        self._known = np.unique(np.concatenate([self._runs(one) for one in texts]))

    def holds(self, text: str) -> bool:
        """Whether any run of `text` stands in a training text. (Two runs in 10^11 are mistaken.)"""
        found = self._runs(text)
        at = np.minimum(np.searchsorted(self._known, found), len(self._known) - 1)
        return bool((self._known[at] == found).any())

    def _runs(self, text: str) -> np.ndarray:
        """A rolling polynomial of each word's checksum, modulo 2^64."""
        marks = np.array([zlib.crc32(word.encode()) for word in words(text)], dtype=np.uint64)
        if len(marks) < self._length:
            return np.zeros(0, dtype=np.uint64)
        found = np.zeros(len(marks) - self._length + 1, dtype=np.uint64)
        for at in range(self._length):
            found = found * np.uint64(0x9E3779B97F4A7C15) + marks[at : at + len(found)]
        return found


@torch.inference_mode()
def bits(model: Any, encode: Any, texts: Sequence[str], before: str, window: int) -> float:
    """Bits a character of `texts`, each read after `before` in windows that overlap by half, so
    that every token but the first ones has half a window of context at least."""
    total, characters = 0.0, 0
    opening = encode(before)
    for text in texts:
        ids = opening + encode(text)
        characters += len(text)
        done = len(opening)
        for start in range(0, max(1, len(ids) - window // 2), window // 2):
            part = torch.tensor([ids[start : start + window]])
            logits: Tensor = model(part.to(model.device), use_cache=False).logits[0, :-1].float()
            losses = torch.nn.functional.cross_entropy(
                logits, part[0, 1:].to(model.device), reduction="none"
            )
            total += float(losses[done - start - 1 :].sum()) / math.log(2)
            done = start + part.shape[1]
    return total / characters
