"""One token a step as a recorded CUDA graph: the GPU waits for its memory, not for Python.

Of the 25 ms that a step of an 8B model takes through the model's own forward, most is the launching
of some 2,000 kernels (SPEED, step 5). The same forward, recorded once for each length of the window
and replayed, has none of it. It knows no architecture: what it needs of a model is that its
attention takes a mask and its layers keep all they have read.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

WINDOWS = (512, 1024, 2048, 4096, 8192)  # positions that a graph attends to
WARM_UPS = 3  # CUDA's advice: kernels choose and allocate before they are recorded


class FixedLayer(DynamicLayer):  # type: ignore[misc]
    """A layer's keys and values (B, H, capacity, D), at one address for as long as it lives.

    Written at the end as any cache is; or, while `place` (1,) and `window` are set, at that place,
    and then what is returned reaches to the window's end: what is beyond the place is masked.
    """

    is_initialized: bool
    keys: Tensor | None
    values: Tensor | None

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.buffers: tuple[Tensor, Tensor] | None = None
        self.place: Tensor | None = None
        self.window = 0

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Put in (B, H, n, D); returns what attention looks at."""
        if self.buffers is None:
            batch, heads, _, width = key_states.shape
            # Zeros: what is masked is still multiplied.
            self.buffers = (
                key_states.new_zeros(batch, heads, self.capacity, width),
                value_states.new_zeros(batch, heads, self.capacity, value_states.shape[-1]),
            )
        keys, values = self.buffers
        if self.place is not None:
            keys.index_copy_(2, self.place, key_states)
            values.index_copy_(2, self.place, value_states)
            return keys[:, :, : self.window], values[:, :, : self.window]
        held = self.get_seq_length()
        length = held + key_states.shape[2]
        keys[:, :, held:length] = key_states
        values[:, :, held:length] = value_states
        self.is_initialized = True
        self.reach(length)
        return keys[:, :, :length], values[:, :, :length]

    def reach(self, length: int) -> None:
        """Say that the first `length` positions are filled."""
        assert self.buffers is not None
        self.keys, self.values = (one[:, :, :length] for one in self.buffers)

    def reset(self) -> None:
        self.is_initialized = False
        self.keys = self.values = None


class Captured:
    """Steps of one token of `model` on a GPU, over the cache that its own forward fills."""

    mode = "captured"

    def __init__(self, model: Any, capacity: int, device: str = "cuda") -> None:
        """`capacity` in tokens. Anywhere but on CUDA the same steps are done, unrecorded.

        Raises ValueError for a model whose layers forget (a sliding window) or keep something else
        than keys and values.
        """
        self.cache = DynamicCache(config=model.config)
        if any(type(layer) is not DynamicLayer for layer in self.cache.layers):
            raise ValueError("Only layers that keep all they have read can be captured.")
        self._layers = [FixedLayer(capacity) for _ in range(model.config.num_hidden_layers)]
        self.cache.layers = list(self._layers)
        self._model, self._capacity, self._device = model, capacity, device
        self._token = torch.zeros(1, 1, dtype=torch.long, device=device)
        self._place = torch.zeros(1, dtype=torch.long, device=device)
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        self._pool: Any = None

    @torch.inference_mode()
    def step(self, token: int) -> Tensor:
        """Append one id to what the cache holds, at least one; returns its logits (1, V)."""
        at = int(self.cache.get_seq_length())
        if at >= self._capacity:
            raise ValueError(f"The cache holds {self._capacity} tokens.")
        window = min(next((one for one in WINDOWS if at < one), self._capacity), self._capacity)
        self._token.fill_(token)
        self._place.fill_(at)
        if self._device == "cuda":
            if window not in self._graphs:
                self._graphs[window] = self._capture(window)
            graph, logits = self._graphs[window]
            graph.replay()
        else:
            logits = self._forward(window)
        for layer in self._layers:
            layer.reach(at + 1)
        return logits.clone()

    def forget(self) -> None:
        """Empty the cache; the graphs stay."""
        for layer in self._layers:
            layer.reset()

    def _capture(self, window: int) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UPS):
                self._forward(window)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            logits = self._forward(window)
        self._pool = graph.pool()
        return graph, logits

    def _forward(self, window: int) -> Tensor:
        mask = (torch.arange(window, device=self._device) <= self._place)[None, None, None]
        for layer in self._layers:
            layer.place, layer.window = self._place, window
        try:
            output = self._model(
                input_ids=self._token,
                attention_mask=mask,
                position_ids=self._place[None],
                cache=self.cache,
                use_cache=True,
            )
        finally:
            for layer in self._layers:
                layer.place = None
        logits: Tensor = output.logits
        return logits[:, -1]
