"""The passage that is being written right now."""

from __future__ import annotations

import time

from talecraft.app.marks import mark
from talecraft.process.messages import Delta, Phase
from talecraft.story.clean import CleanStream


class Live:
    """What has come so far of one request, clean. The app keeps it, whichever screen is shown.

    `keep` is how many passages of the story's path stand before it.
    """

    def __init__(self, request: int, story_id: int, keep: int) -> None:
        self.request = request
        self.story_id = story_id
        self.keep = keep
        self.outline = ""
        self.prose = ""
        self.stopping = False
        self.began = time.monotonic()
        self._clean = {"think": CleanStream(), "prose": CleanStream()}

    def add(self, delta: Delta) -> None:
        """Take in some text of the plan or the prose."""
        if delta.part == "think":
            self.outline += self._clean["think"].feed(delta.text)
        elif delta.part == "prose":
            self.prose += self._clean["prose"].feed(delta.text)


def phase_words(phase: Phase, live: Live | None) -> str:
    """What the engine is doing, for the status line."""
    if live is not None and live.stopping:
        return mark("◌ ") + "stopping"
    match phase.phase:
        case "ready":
            return mark("● ") + "waiting" if live is not None else mark("○ ") + "ready"
        case "starting":
            return mark("◌ ") + "starting the engine"
        case "loading":
            return mark("◌ ") + "loading"
        case "reading" if phase.total:
            return mark("● ") + f"reading {phase.done} of {phase.total}"
        case "asleep":
            return mark("☾ ") + "asleep; writing wakes it"
        case "stopped":
            return mark("× ") + (phase.detail or "stopped")
        case other:
            return mark("● ") + other
