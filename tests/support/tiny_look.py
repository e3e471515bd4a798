"""A look without torch: what TINY_LOOK says, `passed` by default."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from talecraft.process import evidence, run_client, run_events
from talecraft.process.run_events import TasteLearned

folder = Path(sys.argv[1])
found = evidence.read((folder / run_client.EPISODES).read_bytes().splitlines())
end = os.environ.get("TINY_LOOK", "passed")
if end == "died":
    sys.exit("The last words of a look.")
passed = end == "passed"
words = "So far I think you like [/dialogue]; right 71% of the time on passages I had not seen."
refusal = "" if passed else "I ordered 54% of the pairs as you did; 60% are needed."
event = TasteLearned(found.opinions, 2, 40, 0.71, 0.62, 0.8, passed, words, refusal)
(folder / run_client.EVENTS).write_bytes(run_events.encode(event) + b"\n")
