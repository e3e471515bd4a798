"""`python -m talecraft.corpus`: an order on standard input, what comes of it on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from talecraft.corpus import counting, prompts
from talecraft.errors import TalecraftError, os_reason
from talecraft.paths import private_write
from talecraft.process.child import answers, log_to_stderr
from talecraft.process.corpus import Counted, IdfOrder, Order, PromptsOrder, Unfit, Working

BEHIND = 5  # how far it steps back behind the page


def carry_out(order: Order, say: Callable[[object], None]) -> object:
    """The order's answer. Raises TalecraftError for what cannot be done."""
    match order:
        case IdfOrder():
            return _idf(order, say)
        case PromptsOrder():
            return prompts.read(Path(order.source), order.most)


def _idf(order: IdfOrder, say: Callable[[object], None]) -> Counted:
    every = counting.count(Path(order.source), hear=lambda *far: say(Working(*far)))
    kept = every.without_rare(order.fewest)
    data = msgspec.json.encode(kept)
    private_write(Path(order.target), data)
    rare = len(every.words) - len(kept.words)
    return Counted(every.documents, len(kept.words), rare, len(data))


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
