"""What the studio tells whoever drives it. Called on the engine's reading thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from talecraft.process.engine_client import Stopped
from talecraft.process.messages import Delta, Loaded, Phase, Stretch, TokenOdds
from talecraft.story.turns import LeftOut, Turn


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


class PairReady(msgspec.Struct, frozen=True):
    """One more pair of the taste round is on disk and can be judged."""


class RoundFailed(msgspec.Struct, frozen=True):
    """No more pairs come until the round is asked to go on; those that are there stay."""

    message: str
    hint: str = ""


class AlternativesReady(msgspec.Struct, frozen=True):
    """Versions of one passage are on disk, to choose between; none of them is open."""

    story_id: int
    turns: Sequence[Turn]


class AlternativesFailed(msgspec.Struct, frozen=True):
    """No versions came; `message` empty where they were stopped."""

    story_id: int
    message: str
    hint: str = ""


class TokensRead(msgspec.Struct, frozen=True):
    """The tokens of a passage as it was written, the opening tag before `begins` included. They
    were read with the adapter of that id; `edited` where another text is shown by now."""

    turn: Turn
    tokens: Sequence[TokenOdds]
    begins: int
    adapter_id: str | None
    edited: bool


class TokensFailed(msgspec.Struct, frozen=True):
    """The tokens of a passage could not be read."""

    turn_id: int
    message: str
    hint: str = ""


class Proposal(msgspec.Struct, frozen=True):
    """A text that could stand for a span, and the trial it is taken from."""

    turn: Turn
    text: str


class SpanReady(msgspec.Struct, frozen=True):
    """Texts for a span, what fits best first; all are on disk as trials."""

    request: int
    story_id: int
    proposals: Sequence[Proposal]


class SpanFailed(msgspec.Struct, frozen=True):
    """No text for a span came; `message` empty where it was stopped."""

    request: int
    story_id: int
    message: str
    hint: str = ""


class GhostReady(msgspec.Struct, frozen=True):
    """How the text being written might go on; it is kept nowhere."""

    request: int
    story_id: int
    text: str


class GhostFailed(msgspec.Struct, frozen=True):
    """There is no such text."""

    request: int
    story_id: int
    message: str
    hint: str = ""


class PromptRead(msgspec.Struct, frozen=True):
    """What the model is shown for the next passage, or was for the one of `turn_id`, in order; what
    was left out; and how many tokens a prompt may have."""

    request: int
    turn_id: int | None
    stretches: Sequence[Stretch]
    left_out: Sequence[LeftOut]
    budget: int


class PromptFailed(msgspec.Struct, frozen=True):
    """What the model is shown could not be said."""

    request: int
    message: str
    hint: str = ""


StudioEvent = (
    Phase
    | Loaded
    | Delta
    | Stopped
    | TurnWritten
    | TurnFailed
    | Notice
    | PairReady
    | RoundFailed
    | AlternativesReady
    | AlternativesFailed
    | TokensRead
    | TokensFailed
    | SpanReady
    | SpanFailed
    | GhostReady
    | GhostFailed
    | PromptRead
    | PromptFailed
)
Listener = Callable[[StudioEvent], None]
