"""`python -m talecraft.learning.look FOLDER`: what the feedback teaches, and nothing more."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from talecraft.engine import loading
from talecraft.errors import TalecraftError
from talecraft.learning import episodes, lessons
from talecraft.learning.child import begin
from talecraft.learning.events import Events
from talecraft.process import run_client, run_events
from talecraft.process.run_events import Outcome, RunSettings

NICE = 5  # somebody waits for it


def look(folder: Path, settings: RunSettings, events: Events) -> None:
    """Send how well the taste head foretells unseen parts of the feedback."""
    opened = loading.open_model(settings.model)
    reader = opened.base
    if settings.root is not None:  # as the run reads: every feature is the root's
        reader = loading.attach(reader, settings.root, settings.model)
    found = episodes.read(folder, opened.codec, settings.ppo.prose_tokens)
    known = lessons.prose(reader, opened.codec, opened.pad, found, settings.ppo, settings.seed)
    events.send(known.event())


def main() -> int:
    begin(NICE)
    folder = Path(sys.argv[1])
    events = Events(folder)
    try:
        settings = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
        look(folder, settings, events)
    except (TalecraftError, MemoryError) as error:
        events.finish(Outcome("failed", str(error) or "Memory ran out."))
        return 1
    except Exception as error:
        logging.getLogger(__name__).exception("look")
        events.finish(Outcome("failed", f"{type(error).__name__}: {error}."))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
