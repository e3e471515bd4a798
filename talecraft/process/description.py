"""What a model's configuration says of it, as a short child reads it with transformers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from talecraft.errors import EngineError, UsageError
from talecraft.process.environment import child_environment

COMMAND = (sys.executable, "-m", "talecraft.engine.describe")
MOST_SECONDS = 120


class Description(msgspec.Struct, frozen=True, tag=True):
    """`context_length` in tokens; `chat`: it has a chat template of its own; `reasons`: one that
    knows a block of its thoughts."""

    architecture: str
    context_length: int
    chat: bool
    reasons: bool = False


class Unfit(msgspec.Struct, frozen=True, tag=True):
    """Why it cannot write here, in words."""

    words: str


def describe(folder: Path) -> Description:
    """Raises UsageError, in words, for what is no causal language model that transformers has,
    EngineError where the child fails."""
    try:
        ended = subprocess.run(
            [*COMMAND, str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=child_environment(background=True),
            timeout=MOST_SECONDS,
            check=False,
        )
        line = ended.stdout.strip().rpartition(b"\n")[2]
        found = msgspec.json.decode(line, type=Description | Unfit)
    except subprocess.TimeoutExpired as error:
        raise EngineError("Its configuration could not be read in two minutes.") from error
    except msgspec.MsgspecError as error:
        last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        raise EngineError(
            f"Its configuration could not be read: {last[0]}", "Run `talecraft doctor`."
        ) from error
    if isinstance(found, Unfit):
        raise UsageError(found.words, "Choose a causal language model of transformers.")
    return found
