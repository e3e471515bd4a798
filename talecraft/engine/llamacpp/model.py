"""A GGUF model that can be asked as transformers' models are, so that session, batch, probe and
look-ahead are the same for both."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from talecraft.engine.llamacpp.native import Native, Place


class Output(NamedTuple):
    """`logits` (B, n, vocabulary), or (B, 1, vocabulary) of the last ids alone."""

    logits: Tensor


class SharedCache:
    """The rows of one batch (or the page's one) in the memory that all share."""

    def __init__(self, native: Native) -> None:
        self._native = native
        self.rows: list[int] = []  # sequences
        self.lengths: list[int] = []
        weakref.finalize(self, _release, native, self.rows)

    def widen(self, count: int) -> None:
        """As many rows as are read for the first time."""
        while len(self.rows) < count:
            self.rows.append(self._native.take())
            self.lengths.append(0)

    def cut(self, row: int, length: int) -> None:
        if length < self.lengths[row]:
            self._native.cut(self.rows[row], length)
            self.lengths[row] = length

    def crop(self, count: int) -> None:
        """Drop the last -`count` ids of each row, as transformers' caches do."""
        for row, length in enumerate(self.lengths):
            self.cut(row, length + count)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Row i becomes what row `indices[i]` was; one may come up several times or not at all."""
        old, lengths = list(self.rows), list(self.lengths)
        chosen = indices.tolist()
        kept: set[int] = set()
        made = []
        for at in chosen:
            made.append(self._native.copy(old[at]) if at in kept else old[at])
            kept.add(at)
        self._native.give_back([one for at, one in enumerate(old) if at not in kept])
        self.rows[:], self.lengths[:] = made, [lengths[at] for at in chosen]


def _release(native: Native, rows: Sequence[int]) -> None:
    native.give_back(rows)


class LlamaCppModel:
    """`config` and `generation_config` are transformers' of the same model; `precision` is that of
    the file's matrices. Of prompts that differ so many tokens find room `at_once`."""

    device = torch.device("cpu")  # of what goes in and comes out

    def __init__(
        self, native: Native, config: Any, generation_config: Any, precision: str, at_once: int
    ) -> None:
        self._native = native
        self.tokens_at_once = at_once
        self.config = config
        self.generation_config = generation_config
        self.precision = precision

    @property
    def mode(self) -> str:
        """How steps are done: it stands in each record of what was written."""
        return f"llama.cpp-{self.precision.lower()}"

    @property
    def dtype(self) -> torch.dtype:
        """In what it keeps what it has read: in full beside weights in full."""
        return torch.float32 if self.precision == "F32" else torch.float16

    @property
    def quantised_as(self) -> str:
        """What its weights really are."""
        return "none" if self.precision in ("F32", "F16", "BF16") else self.precision

    @property
    def num_embeddings(self) -> int:
        """How many ids there are."""
        return self._native.vocabulary

    @property
    def on_gpu(self) -> bool:
        return self._native.on_gpu

    def get_input_embeddings(self) -> LlamaCppModel:
        """Whoever asks wants to know their number."""
        return self

    def empty_cache(self) -> SharedCache:
        return SharedCache(self._native)

    def lean_on(self, adapter: Path | None) -> None:
        """Write with this adapter (GGUF) or with none from now on. Raises EngineError."""
        self._native.lean_on(adapter)

    def __call__(
        self,
        input_ids: Tensor,
        cache: SharedCache | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        logits_to_keep: int = 0,
        use_cache: bool = True,
    ) -> Output:
        """Read `input_ids` (B, n) after what `cache` holds; without one, after nothing.

        `attention_mask` (B, all so far) is 0 where a row has no id; `position_ids` (B, n) are where
        each stands, or they follow what is there. Raises DoesNotFit where there is no room,
        EngineError where llama.cpp fails.
        """
        cache = self.empty_cache() if cache is None else cache
        count, width = input_ids.shape
        cache.widen(count)
        there = None if attention_mask is None else attention_mask[:, -width:].bool().tolist()
        where = None if position_ids is None else position_ids.tolist()
        places, shown = [], torch.zeros(count, width, dtype=torch.bool)
        for row, ids in enumerate(input_ids.tolist()):
            for column, token in enumerate(ids):
                if there is not None and not there[row][column]:
                    continue
                held = cache.lengths[row]
                position = held if where is None else where[row][column]
                cache.cut(row, position)  # what stood there was taken back
                asked = not logits_to_keep or column >= width - logits_to_keep
                shown[row, column] = asked
                places.append(Place(token, cache.rows[row], position, asked))
                cache.lengths[row] = position + 1
        read = self._native.read(places)
        kept = shown[:, -logits_to_keep:] if logits_to_keep else shown
        logits = torch.zeros(count, kept.shape[1], self._native.vocabulary)
        logits[kept] = read
        return Output(logits)
