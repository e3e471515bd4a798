"""A classifier fitted without torch: a file of the right form, and figures by what is labelled."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import msgspec

from talecraft.process.classifier import Bin, FitOrder, Fitted
from talecraft.process.errand import Unfit

order = msgspec.json.decode(sys.stdin.buffer.read(), type=FitOrder)
rows = order.labelled or [json.loads(line) for line in Path(order.source).read_text().splitlines()]
good = sum(one.good if hasattr(one, "good") else one["label"] == 1 for one in rows)
bad = len(rows) - good
if not good or not bad:
    print(msgspec.json.encode(Unfit("0 passages were found good.", "Label more.")).decode())
    sys.exit()
root = order.root.id if order.root is not None else ""
fitted = Fitted(
    good, bad, 5, 0.8, 0.5, 0.95, 0.05, [Bin(0.2, 0.25, 4), Bin(0.9, 1.0, 1)], "dialogue",
    order.model.key, root,
)  # fmt: skip
facts = json.dumps({"fitted": msgspec.to_builtins(fitted)})
header = json.dumps({"__metadata__": {"classifier": facts}}).encode()
Path(order.target).write_bytes(len(header).to_bytes(8, "little") + header)
print(msgspec.json.encode(fitted).decode())
