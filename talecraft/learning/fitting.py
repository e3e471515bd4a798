"""`python -m talecraft.learning.fitting`: an order on standard input, a classifier in a file, and
how good it is on standard output."""

from __future__ import annotations

import sys
from pathlib import Path

from talecraft.corpus import labelled
from talecraft.engine import loading
from talecraft.learning import child, classifier
from talecraft.process.classifier import FitOrder, Fitted


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
    return child.fit(
        FitOrder, lambda order, _: carry_out(order), "The classifier", "Close other programs."
    )


if __name__ == "__main__":
    sys.exit(main())
