"""An adapter for other programs: the order, and the short child that carries it out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Literal

import msgspec

from talecraft.errors import EngineError, UsageError
from talecraft.process.environment import child_environment
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


class Unfit(msgspec.Struct, frozen=True, tag="unfit"):
    """Why it cannot be had in this form, and what to do, in words."""

    words: str
    hint: str = ""


Answer = Exporting | Exported | Unfit


def export(order: ExportOrder, hear: Callable[[Exporting], None]) -> Exported:
    """Raises UsageError, in words, for what this form cannot hold, EngineError where the child
    fails. Interrupted, the child is ended too."""
    child = subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=child_environment(background=True),
        start_new_session=True,  # Ctrl+C is the parent's to understand
    )
    last: Answer | None = None
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(msgspec.json.encode(order))
        child.stdin.close()
        for line in child.stdout:
            last = msgspec.json.decode(line, type=Answer)
            if isinstance(last, Exporting):
                hear(last)
        assert child.stderr is not None
        said = child.stderr.read().decode(errors="replace").strip().splitlines()[-1:]
    except msgspec.MsgspecError as error:
        raise EngineError("The export was cut off.", "Run `talecraft doctor`.") from error
    finally:
        child.kill()
        child.wait()
    if isinstance(last, Unfit):
        raise UsageError(last.words, last.hint)
    if not isinstance(last, Exported):
        raise EngineError(
            f"The export failed: {said[0] if said else 'no word'}", "Run `talecraft doctor`."
        )
    return last
