"""Opens sessions of the loaded model, each token's step done in the quickest way there is."""

from __future__ import annotations

from typing import Any

from talecraft.engine.batch import StepsOfAll
from talecraft.engine.lean.choice import lean_steps
from talecraft.engine.lean.steps import LeanSteps
from talecraft.engine.session import Session, open_session
from talecraft.process.messages import ModelRef


class Sessions:
    """Lean steps belong to what writes, one adapter or none: they are kept, not made anew, while
    another is on to be compared with. Its session does its steps by the model's own forward."""

    def __init__(self) -> None:
        self._lean: LeanSteps | None = None
        self._of: object = None  # the model, the adapter and the window that they are made for

    def forget(self) -> None:
        """The model goes."""
        self._lean = self._of = None

    def settle(self, model: Any, device: str, ref: ModelRef, adapter: str | None) -> bool:
        """With this adapter `model` writes from now on. True where that is news, and a session
        that was opened before knows nothing of it."""
        wanted = _key(ref, adapter)
        if self._of == wanted:
            return False
        self._lean, self._of = None, wanted
        if ref.lean and device == "cpu":
            self._lean = lean_steps(model, ref.context_length)
        return True

    def for_all(self, ref: ModelRef, adapter: str | None) -> StepsOfAll | None:
        """Quicker steps of a batch that is written with this adapter, if there are any."""
        lean = self._lean if self._of == _key(ref, adapter) else None
        return lean.for_all() if lean is not None else None

    def open(self, model: Any, device: str, ref: ModelRef, adapter: str | None) -> Session:
        """A session of `model` with the adapter that is on."""
        if self._lean is not None and self._of == _key(ref, adapter):
            return Session(model, device, self._lean)
        return open_session(model, device, ref.recorded_tokens)


def _key(ref: ModelRef, adapter: str | None) -> object:
    return ref.files, ref.context_length, ref.lean, adapter
