"""What is said between the program and the child that fetches a model: JSON lines both ways.

The parent writes a FetchOrder, then a token (a JSON text, mostly empty) on a line of its own, so
that no order holds one; after Found it writes GO, or goes away.
"""

from __future__ import annotations

from typing import Literal

import msgspec

GO = b"go\n"

Kind = Literal[
    "token", "licence", "forbidden", "missing", "hidden", "revision", "disabled", "offline",
    "no hub", "cut", "busy hub", "refused", "no weights", "no checksum", "damaged", "full", "disk",
    "locked", "wrong token",
]  # fmt: skip


class FetchOrder(msgspec.Struct, frozen=True):
    """Fetch `revision` of `repository` into `folder`, which must not be there: a model, or a
    sentence `encoder`; or, with `look`, only what describes the model, into a folder that is."""

    repository: str
    revision: str
    folder: str
    look: bool = False
    encoder: bool = False


class FetchEvent(msgspec.Struct, frozen=True, tag=True):
    """What the child says."""


class Found(FetchEvent, frozen=True):
    """What would be fetched: bytes in all, of weights alone, and still to come; `page` is where
    its licence is read and accepted."""

    commit: str
    files: int
    size: int
    weights: int
    left: int
    page: str
    gated: bool
    licence: str


class Moved(FetchEvent, frozen=True):
    """So many bytes of `size` are here; `checking` names a file whose checksum is being made."""

    here: int
    size: int
    checking: str = ""


class Done(FetchEvent, frozen=True):
    """All is here, whole, and this commit."""

    commit: str
    size: int


class Refused(FetchEvent, frozen=True):
    """Why nothing (more) came. `detail` is a name, a path or the words of a system."""

    kind: Kind
    page: str = ""
    detail: str = ""


AnyFetchEvent = Found | Moved | Done | Refused

_decoder: msgspec.json.Decoder[AnyFetchEvent] = msgspec.json.Decoder(AnyFetchEvent)


def decode(line: bytes) -> AnyFetchEvent:
    """Raises msgspec.MsgspecError for a line that is none."""
    return _decoder.decode(line)
