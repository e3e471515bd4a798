"""A style: the order to fit an encoder of manners, the child that does, and what it says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Literal

import msgspec

from talecraft.process import errand
from talecraft.process.errand import Unfit
from talecraft.process.messages import ModelRef

COMMAND = (sys.executable, "-m", "talecraft.learning.style_fitting")
USUAL = "sentence-transformers/all-MiniLM-L6-v2"  # the encoder that all know
FACTS = "style"  # where the file's own header says what it is


class StyleOrder(msgspec.Struct, frozen=True):
    """Fit an encoder to the scored `pairs` (a file that `corpus pairs` wrote), at most `epochs`
    times through them (0: as is usual for its kind), and write it to `target`.

    It begins at the sentence encoder in the folder `encoder`; '' makes one of the `model`.
    """

    pairs: str
    target: str
    model: ModelRef
    encoder: str
    epochs: int
    seed: int


class Correlation(msgspec.Struct, frozen=True):
    """Spearman's, of the cosine of a pair with its score, and its 90 % bootstrap interval."""

    value: float
    low: float
    high: float

    @property
    def told(self) -> str:
        return f"{self.value:.3f} (90 % sure: {self.low:.3f} to {self.high:.3f})"


class Epoch(msgspec.Struct, frozen=True, tag="epoch"):
    """So far it is: `loss` of the epoch, and the correlation on the pairs that choose the best."""

    number: int
    of: int
    loss: float
    correlation: float


class Tuned(msgspec.Struct, frozen=True, tag="tuned"):
    """What was fitted: of which `kind` and from what (`began`); to how many pairs; how many held
    ones chose the epoch (`chosen_by`) and how many others tell how good it is (`held`): the
    correlation `before` and `after`. `best` of `epochs` was kept. `model` is the key of the base
    model that it reads with, '' where it stands alone."""

    kind: Literal["base", "encoder"]
    began: str
    pairs: int
    chosen_by: int
    held: int
    before: Correlation
    after: Correlation
    epochs: int
    best: int
    model: str = ""


Answer = Epoch | Tuned | Unfit
_decode = msgspec.json.Decoder(Answer).decode


def fit(order: StyleOrder, hear: Callable[[Epoch], None]) -> Tuned:
    """Raises UsageError, in words, where the pairs or the encoder cannot be used, EngineError where
    the child fails."""

    def progress(said: Answer) -> None:
        if isinstance(said, Epoch):
            hear(said)

    return errand.obtain(COMMAND, order, _decode, progress, Tuned, "Fitting the style")
