"""A classifier of feedback: the order to fit one, the short child that does, and what it says."""

from __future__ import annotations

import sys

import msgspec

from talecraft.process import errand
from talecraft.process.errand import Unfit
from talecraft.process.messages import AdapterRef, ModelRef

COMMAND = (sys.executable, "-m", "talecraft.learning.fitting")


class Labelled(msgspec.Struct, frozen=True):
    """A passage that was found `good`, or bad. Those of one `group` are never parted between what
    is learned from and what is judged by."""

    text: str
    good: bool
    group: str


class FitOrder(msgspec.Struct, frozen=True):
    """Fit a classifier to what is `labelled`, or else to the table at `source`, and write it to
    `target`. It reads with the root that training begins at."""

    model: ModelRef
    root: AdapterRef | None
    target: str
    seed: int
    labelled: list[Labelled] = []
    source: str = ""


class Bin(msgspec.Struct, frozen=True):
    """Of held-out passages whose chance to be good was said to be about `said` (their mean), so
    many were (`were`, a share)."""

    said: float
    were: float
    count: int


class Fitted(msgspec.Struct, frozen=True, tag="fitted"):
    """How good it is on `held` passages it was not fitted to: the share it tells rightly with its
    90 % interval, and the calibration error (ECE, ten bins). `words` say what it goes by;
    `own` that it was fitted to the writer's own stars."""

    good: int
    bad: int
    held: int
    accuracy: float
    low: float
    high: float
    calibration: float
    bins: list[Bin]
    words: str
    model: str
    root: str = ""
    own: bool = False


_decode = msgspec.json.Decoder(Fitted | Unfit).decode


def fit(order: FitOrder) -> Fitted:
    """Raises UsageError, in words, where the table cannot be used, EngineError where the child
    fails."""
    what = "Fitting the classifier"
    return errand.obtain(COMMAND, order, _decode, lambda _: None, Fitted, what)
