"""A survey without torch: a tale a line of the file; a line that says `bad` cannot be read."""

from __future__ import annotations

import sys
from pathlib import Path

from talecraft.process import run_client, run_events
from talecraft.process.run_events import Outcome, RunEvent, TalesRead

folder = Path(sys.argv[1])
order = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
lines = Path(order.data).read_text().splitlines()
event: RunEvent = TalesRead(
    len(lines), 4, 2 * len(lines), 100 * len(lines), len(lines), "20 tales, 4 of them held back."
)
if "bad" in lines:
    event = Outcome("failed", f"tales.jsonl, row {lines.index('bad') + 1} is no JSON.")
(folder / run_client.EVENTS).write_bytes(run_events.encode(event) + b"\n")
