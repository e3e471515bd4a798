"""A style fitted without torch: a file of the right form, and figures by the pairs there are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from talecraft.process.errand import Unfit
from talecraft.process.style import Correlation, Epoch, StyleOrder, Tuned


def say(answer: object) -> None:
    print(msgspec.json.encode(answer).decode(), flush=True)


order = msgspec.json.decode(sys.stdin.buffer.read(), type=StyleOrder)
rows = Path(order.pairs).read_text().splitlines()
if len(rows) < 4:
    say(Unfit(f"There are {len(rows)} pairs to learn from; at least 4 are needed.", "Make more."))
    sys.exit()
say(Epoch(1, 2, 0.25, 0.3))
kind, key = ("encoder", "") if order.encoder else ("base", order.model.key)
tuned = Tuned(
    kind, Path(order.encoder).name or order.model.id, len(rows), 2, 2,  # type: ignore[arg-type]
    Correlation(0.25, 0.1, 0.4), Correlation(0.5, 0.375, 0.625), 2, 1, key,
)  # fmt: skip
header = json.dumps({"__metadata__": {"style": msgspec.json.encode(tuned).decode()}}).encode()
Path(order.target).write_bytes(len(header).to_bytes(8, "little") + header)
say(tuned)
