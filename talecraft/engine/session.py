"""The model with its key/value cache: a turn costs the new tokens only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import torch
from torch import Tensor

from talecraft.engine.cache import empty_cache
from talecraft.engine.captured import Captured

# Reading stops between chunks when the writer presses Esc; a chunk is some 30 ms on the bundled
# model and under half a second on a 8B model on a GPU.
CHUNK = 128

Cancelled = Callable[[], bool]
Progress = Callable[[int, int], None]


def untold(done: int, total: int) -> None:
    """The Progress of whoever need not be told."""


class ReadingCancelled(Exception):
    """The writer stopped the engine before it had read the whole prompt."""


def open_session(model: Any, device: str, recorded: int | None = None) -> Session:
    """On CUDA with steps recorded over `recorded` tokens, where that is asked for and the model
    lets itself be; else as its own forward does them."""
    if recorded and device == "cuda":
        with suppress(ValueError):
            return Session(model, device, Captured(model, recorded))
    return Session(model, device)


class Steps(Protocol):
    """A quicker way through one token, over a cache that the model's own forward fills, too."""

    mode: str  # how steps are done: it stands in each record of what was written

    @property
    def cache(self) -> Any:
        """What the model takes as its cache."""

    def step(self, token: int) -> Tensor:
        """Append one id to what the cache holds; returns its logits (1, vocabulary)."""

    def forget(self) -> None:
        """Empty the cache."""


class Session:
    """One sequence of ids and the cache of exactly these, for one model and one adapter."""

    def __init__(self, model: Any, device: str, steps: Steps | None = None) -> None:
        """With `steps`, each token that is written is one of these. Reading is the model's own
        forward, always: a prompt gives the same whether it was read before or not."""
        self._model = model
        self._device = device
        self._steps = steps
        self.ids: list[int] = []
        self.forget()

    def forget(self) -> None:
        """Start from nothing: after a change of adapter the cache belongs to another model."""
        self.ids = []
        if self._steps is not None:
            self._steps.forget()
            self._cache = self._steps.cache
        else:
            self._cache = empty_cache(self._model)

    @torch.inference_mode()
    def read(self, prompt: list[int], cancelled: Cancelled, progress: Progress) -> Tensor:
        """Make `prompt` the sequence; returns the logits (vocabulary,) after its last token.

        Only what differs from the sequence held is computed. Raises ReadingCancelled between two
        chunks; what was read so far is kept.
        """
        common = 0
        for ours, theirs in zip(self.ids, prompt, strict=False):
            if ours != theirs:
                break
            common += 1
        # At least one token is always read: its logits are the answer.
        self.rewind(min(common, len(prompt) - 1))
        start = len(self.ids)
        logits = None
        for at in range(start, len(prompt), CHUNK):
            if cancelled():
                raise ReadingCancelled
            progress(at - start, len(prompt) - start)
            logits = self.feed(prompt[at : at + CHUNK], last_only=True)
        assert logits is not None
        return logits[-1]

    @torch.inference_mode()
    def feed(self, ids: list[int], last_only: bool = False) -> Tensor:
        """Append `ids`; returns the logits after each of them (or after the last), (n, vocabulary).

        A failure leaves the cache empty rather than wrong.
        """
        try:
            one = len(ids) == 1 and bool(self.ids) and not last_only
            logits = self._step(ids[0]) if one else None
            if logits is None:
                logits = self._model(
                    input_ids=torch.tensor([ids], device=self._device),
                    cache=self._cache,
                    use_cache=True,
                    logits_to_keep=1 if last_only else 0,
                ).logits[0]
        except BaseException:
            self.forget()
            raise
        self.ids.extend(ids)
        return logits

    def _step(self, token: int) -> Tensor | None:
        """One quick step, (1, vocabulary); None where there is none. One that fails is the last:
        all that was read is read again, and the model does the steps itself."""
        if self._steps is None:
            return None
        try:
            return self._steps.step(token)
        except (RuntimeError, MemoryError):
            logging.getLogger(__name__).exception("a %s step failed", self._steps.mode)
        read, self._steps = self.ids, None
        self.forget()
        self.feed(read, last_only=True)
        return None

    @property
    def mode(self) -> str:
        """How steps are done: it stands in each record of what was written."""
        own: str = getattr(self._model, "mode", "eager")
        return own if self._steps is None else self._steps.mode

    def rewind(self, length: int) -> None:
        """Keep the first `length` tokens."""
        surplus = len(self.ids) - length
        if surplus > 0:
            self._cache.crop(-surplus)
            del self.ids[length:]
