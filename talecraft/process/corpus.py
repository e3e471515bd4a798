"""Texts made into data to learn from: the orders, and the short child that carries them out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import msgspec

from talecraft.errors import EngineError, UsageError
from talecraft.process import errand

COMMAND = (sys.executable, "-m", "talecraft.corpus")


class IdfOrder(msgspec.Struct, frozen=True, tag="idf"):
    """Count in how many passages of the texts at `source` each word is, and write those in
    `fewest` or more of them to `target`, as `talecraft.story.idf.Idf`."""

    source: str
    target: str
    fewest: int


class PromptsOrder(msgspec.Struct, frozen=True, tag="prompts"):
    """Read the prompts in the file `source`, at most `most` of them, drawn at random."""

    source: str
    most: int


Order = IdfOrder | PromptsOrder


class Working(msgspec.Struct, frozen=True, tag="working"):
    """So many of the files are read, with so many passages in them."""

    files: int
    of: int
    passages: int


class Counted(msgspec.Struct, frozen=True, tag="counted"):
    """Of so many passages `words` were written; `rare` ones were in too few of them. In bytes."""

    passages: int
    words: int
    rare: int
    size: int


class PromptsRead(msgspec.Struct, frozen=True, tag="prompts"):
    """The prompts in their order, each once, of `there` in the file."""

    prompts: list[str]
    there: int


class Unfit(msgspec.Struct, frozen=True, tag="unfit"):
    """Why it cannot be done, and what to do, in words."""

    words: str
    hint: str = ""


Answer = Working | Counted | PromptsRead | Unfit
T = TypeVar("T", bound=msgspec.Struct)
_decode = msgspec.json.Decoder(Answer).decode


def carry_out(order: Order, answer: type[T], hear: Callable[[Working], None]) -> T:
    """Raises UsageError, in words, for texts that cannot be used, EngineError where the child
    fails. Interrupted, the child is ended too."""

    def progress(said: Answer) -> None:
        if isinstance(said, Working):
            hear(said)

    last = errand.converse(COMMAND, order, _decode, progress, "Reading the texts")
    if isinstance(last, Unfit):
        raise UsageError(last.words, last.hint)
    if not isinstance(last, answer):
        raise EngineError("Reading the texts was cut off.", "Run `talecraft doctor`.")
    return last
