"""What a model can do, measured: the order, and the child that measures."""

from __future__ import annotations

import sys
from collections.abc import Callable

import msgspec

from talecraft.errors import DoesNotFit, EngineError
from talecraft.process import errand
from talecraft.process.messages import ModelRef
from talecraft.story.turns import Sampling

COMMAND = (sys.executable, "-m", "talecraft.learning.exam")


class ExamOrder(msgspec.Struct, frozen=True):
    """Read `passages` with `model`, and write a first turn after each of `prompts`, one after the
    other by the page's own loop; `sampling` with its seed for the first, the next one's is one
    higher."""

    model: ModelRef
    passages: list[str]
    prompts: list[str]
    sampling: Sampling


class Examining(msgspec.Struct, frozen=True, tag="examining"):
    """So many of the texts are read or written."""

    done: int
    total: int


class Examined(msgspec.Struct, frozen=True, tag="examined"):
    """What was measured.

    `perplexity` is a token's; `bits` a character's, which models with other tokens can be compared
    by. `followed` is the mean share of a plan's content words, stemmed, in its own prose, `strange`
    in another's; `repeated` the share of 4-grams of words that stood in their turn before;
    `finished` that of turns with a plan, prose and an end of the model's own. `first` is the median
    of seconds to the first token, `speed` tokens a second after it; `memory` the peak in MB.
    """

    perplexity: float
    bits: float
    followed: float
    strange: float
    repeated: float
    finished: float
    first: float
    speed: float
    memory: float
    turns: int
    device: str
    precision: str


class Unable(msgspec.Struct, frozen=True, tag="unable"):
    """Why it cannot be measured, and what to do, in words."""

    words: str
    hint: str = ""
    fits: bool = True


Answer = Examining | Examined | Unable
_decode = msgspec.json.Decoder(Answer).decode


def examine(order: ExamOrder, hear: Callable[[Examining], None]) -> Examined:
    """Raises DoesNotFit where memory ran out, EngineError where the model cannot be used."""

    def progress(said: Answer) -> None:
        if isinstance(said, Examining):
            hear(said)

    what = f"Measuring {order.model.id}"
    last = errand.converse(COMMAND, order, _decode, progress, what)
    if isinstance(last, Unable):
        raise (EngineError if last.fits else DoesNotFit)(last.words, last.hint)
    if not isinstance(last, Examined):
        raise EngineError(f"{what} was cut off.", "Run `talecraft doctor`.")
    return last
