"""Opens sessions of the loaded model, each token's step done in the quickest way there is."""

from __future__ import annotations

from typing import Any

from talecraft.config import lean
from talecraft.engine.batch import StepsOfAll
from talecraft.engine.lean.choice import lean_steps
from talecraft.engine.lean.steps import LeanSteps
from talecraft.engine.session import Session, open_session
from talecraft.process.messages import ModelRef

OTHERS = 2  # adapters that are compared


class Sessions:
    """Lean steps belong to what writes, one adapter or none: they are kept, not made anew, while
    another is on to be compared with. Its session does its steps by the model's own forward; a
    batch of a small model has steps made for it."""

    def __init__(self) -> None:
        self._others: dict[object, LeanSteps | None] = {}
        self._lean: LeanSteps | None = None
        self._of: object = None  # the model, the adapter and the window that they are made for

    def forget(self) -> None:
        """The model goes."""
        self._lean = self._of = None
        self._others.clear()

    def settle(self, model: Any, device: str, ref: ModelRef, adapter: str | None) -> bool:
        """With this adapter `model` writes from now on. True where that is news, and a session
        that was opened before knows nothing of it."""
        wanted = _key(ref, adapter)
        if self._of == wanted:
            return False
        self._lean, self._of = None, wanted
        self._others.clear()
        if ref.lean and device == "cpu":
            self._lean = lean_steps(model, ref.context_length)
        return True

    def for_all(self, model: Any, ref: ModelRef, adapter: str | None) -> StepsOfAll | None:
        """Quicker steps of a batch that `model` writes with the adapter that is on, if there are
        any."""
        key = _key(ref, adapter)
        if key == self._of:
            steps = self._lean
        elif key in self._others:
            steps = self._others[key]
        else:
            # Where the one that writes has none, another has none either.
            wanted = self._lean is not None and self._lean.for_all() is not None
            if not wanted or model.num_parameters() > lean.SMALL:
                return None
            while len(self._others) >= OTHERS:
                del self._others[next(iter(self._others))]
            steps = self._others[key] = lean_steps(model, ref.context_length)
        return steps.for_all() if steps is not None else None

    def open(self, model: Any, device: str, ref: ModelRef, adapter: str | None) -> Session:
        """A session of `model` with the adapter that is on."""
        if self._lean is not None and self._of == _key(ref, adapter):
            return Session(model, device, self._lean)
        return open_session(model, device, ref.recorded_tokens)


def _key(ref: ModelRef, adapter: str | None) -> object:
    return ref.files, ref.context_length, ref.lean, adapter
