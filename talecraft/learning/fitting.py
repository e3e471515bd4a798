"""`python -m talecraft.learning.fitting`: an order on standard input, a classifier in a file, and
how good it is on standard output."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import msgspec

from talecraft.corpus import labelled
from talecraft.engine import loading
from talecraft.errors import TalecraftError
from talecraft.learning import classifier
from talecraft.learning.child import WAITED_FOR, begin
from talecraft.process.child import answers
from talecraft.process.classifier import FitOrder, Fitted, Unfit


def carry_out(order: FitOrder) -> Fitted:
    """Raises TalecraftError for what cannot be done."""
    found = order.labelled or labelled.read(Path(order.source))
    opened = loading.open_model(order.model)
    base = opened.base
    if order.root is not None:
        base = loading.attach(base, order.root, order.model)
    read = classifier.reader(base, opened.codec, opened.pad)
    root = order.root.id if order.root is not None else ""
    made = classifier.fit(found, read, order.seed, order.model.key, root, own=not order.source)
    made.save(Path(order.target))
    return made.fitted


def main() -> int:
    begin(WAITED_FOR)
    say = answers()
    try:
        say(carry_out(msgspec.json.decode(sys.stdin.buffer.read(), type=FitOrder)))
    except TalecraftError as error:
        say(Unfit(error.message, error.hint))
    except MemoryError:
        say(Unfit("Memory ran out.", "Close other programs."))
    except Exception as error:
        logging.getLogger(__name__).exception("fitting")
        say(Unfit(f"The classifier could not be fitted ({type(error).__name__}: {error})."))
    return 0


if __name__ == "__main__":
    sys.exit(main())
