"""Keys and values that grow in room kept ahead: a token costs writing it, not copying all before.

transformers' own cache concatenates at every token, which for a batch of 64 rows costs a third of
its time (ARCHITECTURE).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

ROOM = 64  # tokens


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """A layer's keys and values (B, H, L, D), views of buffers with room for more tokens.

    What is cropped is written over; a selection of rows gets a buffer of its own.
    """

    is_initialized: bool
    keys: Tensor | None
    values: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self._buffers: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append (B, H, n, D); returns all there is."""
        held = self.get_seq_length()
        length = held + key_states.shape[2]
        if not self.is_initialized:
            self.device = key_states.device
            self.is_initialized = True
        buffers = self._buffers
        if buffers is None or not self._fits(buffers[0], length):
            buffers = (
                self._roomy(self.keys, key_states, held, length),
                self._roomy(self.values, value_states, held, length),
            )
            self._buffers = buffers
        keys, values = buffers
        keys[:, :, held:length] = key_states
        values[:, :, held:length] = value_states
        self.keys, self.values = keys[:, :, :length], values[:, :, :length]
        return self.keys, self.values

    def reset(self) -> None:
        super().reset()
        self._buffers = None

    def _fits(self, buffer: Tensor, length: int) -> bool:
        """Are the keys still a view of this buffer, with room for `length`?"""
        keys = self.keys
        if keys is None or keys.data_ptr() != buffer.data_ptr():
            return False
        return buffer.shape[0] == keys.shape[0] and length <= buffer.shape[2]

    @staticmethod
    def _roomy(old: Tensor | None, new: Tensor, held: int, length: int) -> Tensor:
        batch, heads, _, width = new.shape
        made = new.new_empty(batch, heads, length + ROOM, width)
        if old is not None and held:
            made[:, :, :held] = old
        return made


def growing_cache(config: Any) -> DynamicCache:
    """An empty cache for a model of this configuration; layers with a window, or of another kind,
    stay transformers' own."""
    cache = DynamicCache(config=config)
    cache.layers = [
        GrowingLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache
