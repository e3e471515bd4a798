"""What a page and a machine that trains for it say to each other: JSON, one message a line.

A run there is the run here: it is ordered by the same settings, and what it tells is this run's
events, line by line.
"""

from __future__ import annotations

import msgspec

from talecraft.process.messages import Failed, Hello, Parcel
from talecraft.process.run_events import RunSettings
from talecraft.process.run_requests import Request

LONGEST_LINE = 64 << 20  # bytes; a piece is a megabyte, an event with examples less


# -------------------------------------------------------------------- from the page
class Order(msgspec.Struct, frozen=True, tag="order"):
    """This run is wanted; so many lines of its events are known already."""

    settings: RunSettings
    heard: int


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """A piece of what the run learns from: `data` stands at `offset` of the file `name`."""

    name: str
    offset: int
    data: bytes


class AllSent(msgspec.Struct, frozen=True, tag="all_sent"):
    """Everything that was `Wanted` is there: launch it."""


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """A request stands, or does not stand any more; `writing` is that somebody writes."""

    request: Request | None
    standing: bool


class Taken(msgspec.Struct, frozen=True, tag="taken"):
    """All was heard: what is kept of the run may go."""


ToFar = Hello | Parcel | Order | Sent | AllSent | Ask | Taken


# -------------------------------------------------------------------- to the page
class Wanted(msgspec.Struct, frozen=True, tag="wanted"):
    """The run is not known there: send what it learns from, and its adapters."""


class Said(msgspec.Struct, frozen=True, tag="said"):
    """One line of its events."""

    line: str


class Made(msgspec.Struct, frozen=True, tag="made"):
    """A piece of a file of the adapter that it has made."""

    name: str
    offset: int
    data: bytes


class Heard(msgspec.Struct, frozen=True, tag="heard"):
    """The run has heard this request, and taken it away."""

    request: Request


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """It cannot be there, and why."""

    message: str
    hint: str


class Over(msgspec.Struct, frozen=True, tag="over"):
    """The run is gone; the end of its log, where it ended without a word."""

    log: str


FromFar = Wanted | Said | Made | Heard | Refused | Failed | Over

encode = msgspec.json.Encoder().encode
decode_to = msgspec.json.Decoder(ToFar).decode
decode_from = msgspec.json.Decoder(FromFar).decode
