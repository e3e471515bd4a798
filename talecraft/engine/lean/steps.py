"""What the lean steps of all families share: the store, and attention of one row."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from talecraft.engine.batch import StepsOfAll
from talecraft.engine.lean.products import Product, Way
from talecraft.engine.lean.store import Store


class LeanSteps(ABC):
    """Steps of one token, over the cache that the model's own forward fills.

    Beside the model it holds a copy of every matrix, of 4, 2 or 1 bytes a weight as its way has
    it. A model's later changes, such as another adapter, are not seen.
    """

    def __init__(self, way: Way, store: Store) -> None:
        self.mode = f"lean-{way.name}"
        self.store = store
        self._way = way

    @property
    def cache(self) -> Any:
        """The store as transformers' forward takes it."""
        return self.store.cache

    @torch.inference_mode()
    def step(self, token: int) -> Tensor:
        """Append one id to what the cache holds; returns its logits (1, V), float32."""
        at = self.store.length
        self.store.reserve(at + 1)
        logits = self._forward(token, at)
        self.store.reach(at + 1)
        return logits

    def forget(self) -> None:
        """Empty the cache; its room stays."""
        self.store.reach(0)

    def for_all(self) -> StepsOfAll | None:
        """Steps of several sequences at once, of the same weights over a cache of their own; None
        where there are none that are quicker than the model's own forward."""
        return None

    @abstractmethod
    def _forward(self, token: int, at: int) -> Tensor:
        """The logits (1, V) of `token` at position `at`; its keys and values go into the store."""

    def _product(self, weight: Tensor, bias: Tensor | None) -> Product:
        return self._way.make(weight, bias)


def attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Scaled queries (K, G, D) on keys (K, D, n) and values (K, n, D); (1, K * G * D).

    One row sees all there is, so there is no mask; and with grouped queries keys and values are
    read once for all of a group.
    """
    weights = torch.softmax(torch.bmm(queries, keys), -1)
    return torch.bmm(weights, values).view(1, -1)
