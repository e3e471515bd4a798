"""The keys and values of all layers in one tensor, for lean steps and transformers' forward alike.

There is one copy: what the one has read the other attends to, and to forget is to set a length.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

BLOCK = 128  # tokens


class Views(NamedTuple):
    """A step's view of the store's first sequence, one entry a layer: where its key and value
    (K, D) go, and all keys (K, D, n) and values (K, n, D) with these."""

    key: tuple[Tensor, ...]
    value: tuple[Tensor, ...]
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]


class Store:
    """Float32 (layers, B, 2 K, capacity, D), keys before values; the capacity grows by blocks. How
    many sequences B there are is told by what is read first.

    Attention of one row in 16 bits is 6 to 17 times as slow on a CPU as in float32 (SPEED, 2.1).
    """

    def __init__(self, config: Any, layers: int, heads: int, width: int) -> None:
        """`heads` of keys (K) and their `width` (D), in each layer of a model of `config`."""
        self.heads = heads
        self.data = torch.empty(layers, 1, 2 * heads, 0, width)
        self.lengths = [0] * layers  # one, but while transformers' forward goes through the layers
        self._config = config

    @property
    def cache(self) -> DynamicCache:
        """The store as transformers' forward takes it. It holds the store, and not the other way
        round: what nobody needs any more is free at once."""
        return _Cache(self, self._config)

    def like(self) -> Store:
        """An empty one for the same model."""
        layers, _, _, _, width = self.data.shape
        return Store(self._config, layers, self.heads, width)

    @property
    def capacity(self) -> int:
        return self.data.shape[3]

    @property
    def length(self) -> int:
        """Tokens held."""
        return self.lengths[0]

    def reach(self, length: int) -> None:
        """Say that the first `length` positions are filled."""
        self.lengths = [length] * len(self.lengths)

    def reserve(self, length: int, sequences: int | None = None) -> None:
        """Make room for `length` tokens in all, of so many sequences or as many as there are."""
        layers, rows, twice, capacity, width = self.data.shape
        if sequences is not None and sequences != rows:
            rows, capacity = sequences, 0
        if length <= capacity:
            return
        data = torch.zeros(layers, rows, twice, -(-length // BLOCK) * BLOCK, width)
        if capacity:
            data[:, :, :, :capacity] = self.data
        self.data = data

    def select(self, rows: Tensor) -> None:
        """Keep these sequences (n,), some of them perhaps several times."""
        self.data = self.data[:, rows]

    def views(self, at: int) -> Views:
        """For a step at position `at`, of which there is room for."""
        heads, data = self.heads, self.data[:, 0]
        keys, values = data[:, :heads, : at + 1], data[:, heads:, : at + 1]
        return Views(
            data[:, :heads, at].unbind(),
            data[:, heads:, at].unbind(),
            keys.transpose(2, 3).unbind(),
            values.unbind(),
        )


class _Cache(DynamicCache):  # type: ignore[misc]
    def __init__(self, store: Store, config: Any) -> None:
        super().__init__(config=config)
        self._store = store
        self.layers = [_Layer(store, at) for at in range(len(store.lengths))]

    def batch_select_indices(self, indices: Tensor) -> None:
        self._store.select(indices)


class _Layer(DynamicLayer):  # type: ignore[misc]
    """One layer of the store, as transformers' forward writes and reads it."""

    def __init__(self, store: Store, at: int) -> None:
        super().__init__()
        self._store, self._at = store, at
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append (B, K, n, D); returns all there is, in the model's own precision."""
        store, start = self._store, self.get_seq_length()
        length = store.lengths[self._at] = start + key_states.shape[2]
        store.reserve(length, len(key_states) if start == 0 else None)
        keys, values = store.data[self._at].split(store.heads, 1)
        keys[:, :, start:length] = key_states
        values[:, :, start:length] = value_states
        held = keys[:, :, :length], values[:, :, :length]
        return held[0].to(key_states.dtype), held[1].to(value_states.dtype)

    def get_seq_length(self) -> int:
        return self._store.lengths[self._at]

    def crop(self, tokens_to_remove: int) -> None:
        """As transformers has it, a negative number: so many fewer."""
        self._store.lengths[self._at] += tokens_to_remove

    def reset(self) -> None:
        self._store.lengths[self._at] = 0
