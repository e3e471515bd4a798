"""Keys and values that grow in room kept ahead: a token costs writing it, not copying all before.

transformers' own cache concatenates at every token, which for a batch of 64 rows costs a third of
its time (ARCHITECTURE).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

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


class WindowedLayer(GrowingLayer):
    """A layer that looks back `sliding_window` tokens and keeps all: cropped anywhere, only what
    follows is computed again. transformers' own forgets what has left its window and cannot be
    cropped from then on."""

    is_sliding = True

    def __init__(self, sliding_window: int) -> None:
        super().__init__()
        self.sliding_window = sliding_window

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append (B, H, n, D); returns what n queries can see of it."""
        seen, _ = self.get_mask_sizes(key_states.shape[2])
        keys, values = super().update(key_states, value_states, *args, **kwargs)
        return keys[:, :, -seen:], values[:, :, -seen:]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many keys `query_length` more tokens see, and the place of the first of them."""
        held = self.get_seq_length()
        seen = min(held, self.sliding_window - 1)
        return seen + query_length, held - seen

    def get_max_length(self) -> int:
        return self.sliding_window


def empty_cache(model: Any) -> Any:
    """For what `model` reads: its own kind where it has one, else keys and values that grow."""
    own = getattr(model, "empty_cache", None)
    return own() if own is not None else growing_cache(model.config)


def growing_cache(config: Any) -> DynamicCache:
    """An empty cache for a model of this configuration; layers of another kind stay transformers'
    own."""
    cache = DynamicCache(config=config)
    cache.layers = [_growing(layer) for layer in cache.layers]
    return cache


def _growing(layer: Any) -> Any:
    if type(layer) is DynamicLayer:
        return GrowingLayer()
    if type(layer) is DynamicSlidingWindowLayer:
        return WindowedLayer(layer.sliding_window)
    return layer
