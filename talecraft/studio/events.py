"""What the studio tells whoever drives it. Called on the engine's reading thread."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from talecraft.process.engine_client import Stopped
from talecraft.process.messages import Delta, Loaded, Phase
from talecraft.story.turns import Turn


class TurnWritten(msgspec.Struct, frozen=True):
    """A turn is finished and on disk. `stopped` where the writer pressed Esc."""

    request: int
    story_id: int
    turn: Turn
    stopped: bool


class TurnFailed(msgspec.Struct, frozen=True):
    """Nothing was written; the story is as it was. `message` empty: stopped before a word came."""

    request: int
    story_id: int
    message: str
    hint: str = ""


class Notice(msgspec.Struct, frozen=True):
    """Something the writer must know that belongs to no turn."""

    message: str
    hint: str = ""


StudioEvent = Phase | Loaded | Delta | Stopped | TurnWritten | TurnFailed | Notice
Listener = Callable[[StudioEvent], None]
