"""The keys and values of all layers in one tensor, for lean steps and transformers' forward alike.

There is one copy: what the one has read the other attends to, and to forget is to set a length.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

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
    """Float32 (layers, B, 2, K, capacity, D), keys before values; the capacity grows by blocks. How
    many sequences B there are is told by what is read first.

    Attention of one row in torch's 16 bits is 6 to 17 times as slow on a CPU as in float32 (SPEED,
    2.1).
    """

    def __init__(self, config: Any, layers: int, heads: int, width: int) -> None:
        """`heads` of keys (K) and their `width` (D), in each layer of a model of `config`."""
        self.lengths = [0] * layers  # one, but while transformers' forward goes through the layers
        self._config = config
        self._parts = self._empty(layers, heads, width)

    def _empty(self, layers: int, heads: int, width: int) -> list[Tensor]:
        """What there is a row of for each key and value, without capacity."""
        return [torch.empty(layers, 1, 2, heads, 0, width)]

    @property
    def data(self) -> Tensor:
        return self._parts[0]

    @property
    def cache(self) -> DynamicCache:
        """The store as transformers' forward takes it. It holds the store, and not the other way
        round: what nobody needs any more is free at once."""
        return _Cache(self, self._config)

    def like(self) -> Self:
        """An empty one for the same model."""
        layers, _, _, heads, _, width = self.data.shape
        return type(self)(self._config, layers, heads, width)

    @property
    def sequences(self) -> int:
        return self.data.shape[1]

    @property
    def capacity(self) -> int:
        return self.data.shape[4]

    @property
    def length(self) -> int:
        """Tokens held."""
        return self.lengths[0]

    def reach(self, length: int) -> None:
        """Say that the first `length` positions are filled."""
        self.lengths = [length] * len(self.lengths)

    def reserve(self, length: int, sequences: int | None = None) -> None:
        """Make room for `length` tokens in all, of so many sequences or as many as there are."""
        rows, capacity = self.sequences, self.capacity
        if sequences is not None and sequences != rows:
            rows, capacity = sequences, 0
        if length <= capacity:
            return
        room = -(-length // BLOCK) * BLOCK
        for at, part in enumerate(self._parts):
            layers, _, two, heads, _, width = part.shape
            self._parts[at] = part.new_zeros(layers, rows, two, heads, room, width)
            if capacity:
                self._parts[at][..., :capacity, :] = part

    def select(self, rows: Tensor) -> None:
        """Keep these sequences (n,), some of them perhaps several times."""
        self._parts = [part[:, rows] for part in self._parts]

    def write(self, layer: int, start: int, both: Tensor) -> None:
        """Keys and values (B, 2, K, n, D) of the positions from `start` on, for which there is
        room."""
        self.data[layer, :, :, :, start : start + both.shape[3]] = both

    def read(self, layer: int, length: int) -> Tensor:
        """The first keys and values, (B, 2, K, length, D), float32."""
        return self.data[layer, :, :, :, :length]

    def views(self, at: int) -> Views:
        """For a step at position `at`, of which there is room for."""
        keys, values = self.data[:, 0].unbind(1)
        return Views(
            keys[:, :, at].unbind(),
            values[:, :, at].unbind(),
            keys[:, :, : at + 1].transpose(2, 3).unbind(),
            values[:, :, : at + 1].unbind(),
        )


class ShortStore(Store):
    """Int16, of which a row is `worth` (layers, B, 2, K, capacity, 1) times as much, float32: for
    steps that are not torch's. It is within 2e-5 of a row's largest number, and half to read."""

    WHOLE = 32_767

    def _empty(self, layers: int, heads: int, width: int) -> list[Tensor]:
        shape = (layers, 1, 2, heads, 0)
        return [torch.empty(*shape, width, dtype=torch.int16), torch.empty(*shape, 1)]

    @property
    def worth(self) -> Tensor:
        return self._parts[1]

    def write(self, layer: int, start: int, both: Tensor) -> None:
        both = both.float()
        worth = both.abs().amax(-1, keepdim=True).clamp_(min=1e-12).div_(self.WHOLE)
        here = slice(start, start + both.shape[3])
        self.data[layer, :, :, :, here] = (both / worth).round_().to(torch.int16)
        self.worth[layer, :, :, :, here] = worth

    def read(self, layer: int, length: int) -> Tensor:
        return self.data[layer, :, :, :, :length] * self.worth[layer, :, :, :, :length]


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
        store.write(self._at, start, torch.stack([key_states, value_states], 1))
        keys, values = store.read(self._at, length).to(key_states.dtype).unbind(1)
        return keys, values

    def get_seq_length(self) -> int:
        return self._store.lengths[self._at]

    def crop(self, tokens_to_remove: int) -> None:
        """As transformers has it, a negative number: so many fewer."""
        self._store.lengths[self._at] += tokens_to_remove

    def reset(self) -> None:
        self._store.lengths[self._at] = 0
