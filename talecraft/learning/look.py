"""`python -m talecraft.learning.look FOLDER`: what the feedback teaches, and nothing more."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from transformers.utils import logging as hf_logging

from talecraft.engine import loading
from talecraft.engine.codec import Codec
from talecraft.errors import TalecraftError
from talecraft.learning import episodes, lessons
from talecraft.learning.episodes import MOST_EDITED
from talecraft.learning.events import Events
from talecraft.process import run_client, run_events
from talecraft.process.child import log_to_stderr
from talecraft.process.run_events import Outcome, RunSettings

NICE = 5  # somebody waits for it


def look(folder: Path, settings: RunSettings, events: Events) -> None:
    """Send how well the taste head foretells unseen parts of the feedback."""
    model = settings.model
    tokenizer = loading.load_tokenizer(model)
    base, _ = loading.load_base(model)
    codec = Codec(tokenizer, model.style, loading.end_ids(base, tokenizer))
    found = episodes.read(folder, codec, MOST_EDITED * settings.ppo.prose_tokens)
    pad = loading.pad_id(base, tokenizer)
    events.send(lessons.prose(base, codec, pad, found, settings.ppo, settings.seed).event())


def main() -> int:
    log_to_stderr()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    if os.environ.get("TALECRAFT_BACKGROUND"):
        os.nice(NICE)
    loading.use_threads()
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
