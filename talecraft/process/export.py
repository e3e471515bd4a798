"""An adapter for other programs: the order, and the short child that carries it out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Literal

import msgspec

from talecraft.process import errand
from talecraft.process.errand import Unfit
from talecraft.process.messages import AdapterRef, ModelRef

COMMAND = (sys.executable, "-m", "talecraft.exporting")
Form = Literal["peft", "merged", "gguf", "gguf-adapter"]


class ExportOrder(msgspec.Struct, frozen=True):
    """Write `adapter` of `model` (None: the bare model) to `target` in this form.

    `target` is a new file for the GGUF forms and a new folder for the others; `title` and `licence`
    are written where the form has a place for them. `source` is what other programs find the base
    model by: a repository, or a folder.
    """

    model: ModelRef
    adapter: AdapterRef | None
    form: Form
    target: str
    title: str
    licence: str
    source: str


class Exporting(msgspec.Struct, frozen=True, tag="exporting"):
    """So many of the weights are written, in bytes."""

    done: int
    total: int


class Exported(msgspec.Struct, frozen=True, tag="exported"):
    """What was written, in bytes; `precision` of the weights."""

    size: int
    precision: str


Answer = Exporting | Exported | Unfit
_decode = msgspec.json.Decoder(Answer).decode


def export(order: ExportOrder, hear: Callable[[Exporting], None]) -> Exported:
    """Raises UsageError, in words, for what this form cannot hold, EngineError where the child
    fails. Interrupted, the child is ended too."""

    def progress(said: Answer) -> None:
        if isinstance(said, Exporting):
            hear(said)

    return errand.obtain(COMMAND, order, _decode, progress, Exported, "The export")
