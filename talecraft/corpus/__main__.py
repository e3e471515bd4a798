"""`python -m talecraft.corpus`: an order on standard input, what comes of it on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from talecraft.corpus import counting, manners, pairing, prompts, specimens
from talecraft.errors import TalecraftError, os_reason
from talecraft.paths import private_append, private_write
from talecraft.process.child import answers, log_to_stderr
from talecraft.process.corpus import (
    Chunked,
    ChunkOrder,
    Counted,
    IdfOrder,
    MannerOrder,
    MannerRead,
    Order,
    Paired,
    PairsOrder,
    PromptsOrder,
    Working,
)
from talecraft.process.errand import Unfit

BEHIND = 5  # how far it steps back behind the page


def carry_out(order: Order, say: Callable[[object], None]) -> object:
    """The order's answer. Raises TalecraftError for what cannot be done."""
    match order:
        case IdfOrder():
            return _idf(order, say)
        case ChunkOrder():
            return _chunk(order, say)
        case PairsOrder():
            return _pairs(order, say)
        case MannerOrder():
            return _manner(order, say)
        case PromptsOrder():
            return prompts.read(Path(order.source), order.most)


def _idf(order: IdfOrder, say: Callable[[object], None]) -> Counted:
    every = counting.count(Path(order.source), hear=lambda *far: say(Working(*far)))
    kept = every.without_rare(order.fewest)
    data = msgspec.json.encode(kept)
    private_write(Path(order.target), data)
    rare = len(every.words) - len(kept.words)
    return Counted(every.documents, len(kept.words), rare, len(data))


def _chunk(order: ChunkOrder, say: Callable[[object], None]) -> Chunked:
    count = specimens.counter(Path(order.tokenizer) if order.tokenizer else None)
    sources = [Path(one) for one in order.sources]
    with private_append(Path(order.target)) as file:
        return specimens.write(
            sources, order.tokens, order.author, count, file.write,
            lambda *far: say(Working(*far)),
        )  # fmt: skip


def _pairs(order: PairsOrder, say: Callable[[object], None]) -> Paired:
    with private_append(Path(order.target)) as file:
        return pairing.write(
            [Path(one) for one in order.sources], order.author,
            Path(order.rewritten) if order.rewritten else None,
            order.count, order.seed, order.least, file.write,
            lambda done, of: say(Working(done, of, done)),
        )  # fmt: skip


def _manner(order: MannerOrder, say: Callable[[object], None]) -> MannerRead:
    count = specimens.counter(Path(order.tokenizer) if order.tokenizer else None)
    with private_append(Path(order.target)) as file:
        return manners.write(
            [Path(one) for one in order.sources], order.author, order.tokens, count, order.most,
            order.held, order.seed, order.least, file.write,
            lambda done, of: say(Working(done, of, done)),
        )  # fmt: skip


def main() -> int:
    log_to_stderr()
    if os.environ.get("TALECRAFT_BACKGROUND"):
        os.nice(BEHIND)
    say = answers()
    try:
        order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
        say(carry_out(order, say))
    except TalecraftError as error:
        say(Unfit(error.message, error.hint))
    except OSError as error:
        say(Unfit(f"It could not be written: {os_reason(error)}.", "Is the disk full?"))
    except MemoryError:
        say(Unfit("Memory ran out.", "Close other programs, or give less to read."))
    return 0


if __name__ == "__main__":
    sys.exit(main())
