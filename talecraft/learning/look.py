"""`python -m talecraft.learning.look FOLDER`: what the feedback teaches, and nothing more."""

from __future__ import annotations

import sys
from pathlib import Path

from talecraft.engine import loading
from talecraft.learning import episodes, lessons
from talecraft.learning.child import answer
from talecraft.process.run_events import RunSettings, TasteLearned


def look(folder: Path, settings: RunSettings) -> TasteLearned:
    """How well the taste head foretells unseen parts of the feedback."""
    opened = loading.open_model(settings.model)
    reader = opened.base
    if settings.root is not None:  # as the run reads: every feature is the root's
        reader = loading.attach(reader, settings.root, settings.model)
    found = episodes.read(folder, opened.codec, settings.ppo.prose_tokens)
    known = lessons.prose(reader, opened.codec, opened.pad, found, settings.ppo, settings.seed)
    return known.event()


if __name__ == "__main__":
    sys.exit(answer(look))
