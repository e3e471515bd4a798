"""What an engine elsewhere is sent beside its commands: the adapters that they name.

The weights of a model are there already; an adapter was learned here. Each is sent once to each
engine, piece by piece, from a thread: the page does not wait for the line.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from talecraft import __version__
from talecraft.process import messages
from talecraft.process.messages import (
    AdapterRef,
    Cancel,
    Command,
    Delta,
    Draft,
    Drafted,
    Event,
    Failed,
    Finished,
    Hello,
    Load,
    Parcel,
    Phase,
    Probe,
)
from talecraft.process.pieces import pieces
from talecraft.story.clean import clean, clean_line


class Line:
    """Commands to one engine, in order; what they need goes before them, a cancel before all."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._cancels: queue.SimpleQueue[Cancel] = queue.SimpleQueue()
        self._sent: set[str] = set()
        threading.Thread(target=self._send, name="line", daemon=True).start()
        self.send(Hello(__version__))

    def send(self, command: Command) -> None:
        if isinstance(command, Cancel):
            self._cancels.put(command)
        self._commands.put(command)

    def close(self) -> None:
        """No more comes: the engine ends."""
        self._commands.put(None)

    def _send(self) -> None:
        # A pipe that breaks is an engine that died; who reads from it says so.
        with contextlib.suppress(OSError, ValueError):
            while (command := self._commands.get()) is not None:
                self._cancel()
                if isinstance(command, Cancel):
                    continue  # sent already
                for adapter in adapters_of(command):
                    if adapter.id not in self._sent:
                        self._sent.add(adapter.id)
                        for parcel in parcels(adapter):
                            self._write(parcel)
                            self._cancel()
                self._write(command)
        with contextlib.suppress(OSError, ValueError):
            self._pipe.close()

    def _cancel(self) -> None:
        """What the writer stops does not wait for a file to be sent."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._write(self._cancels.get_nowait())

    def _write(self, command: Command) -> None:
        self._pipe.write(messages.encode(command) + b"\n")
        self._pipe.flush()


def cleaned(event: Event) -> Event:
    """What an engine elsewhere says, as our own would: no control sequences in what it writes."""
    match event:
        case Delta():
            return msgspec.structs.replace(event, text=clean(event.text))
        case Finished():
            return _turn(event)
        case Drafted():
            return msgspec.structs.replace(event, turns=[_turn(one) for one in event.turns])
        case Failed():
            message, hint = clean_line(event.message), clean_line(event.hint)
            return msgspec.structs.replace(event, message=message, hint=hint)
        case Phase():
            return msgspec.structs.replace(event, detail=clean_line(event.detail))
        case _:
            return event


def _turn(turn: Finished) -> Finished:
    return msgspec.structs.replace(turn, outline=clean(turn.outline), prose=clean(turn.prose))


def adapters_of(command: Command) -> list[AdapterRef]:
    """The adapters that a command names."""
    match command:
        case Load(adapter=AdapterRef() as one) | Probe(adapter=AdapterRef() as one):
            return [one]
        case Draft():
            return [one for one in command.adapters if one is not None]
        case _:
            return []


def parcels(adapter: AdapterRef) -> Iterator[Parcel]:
    """Its files in pieces. One that cannot be read is left out: its checksum is missed there."""
    for name in adapter.files:
        with contextlib.suppress(OSError):
            for offset, data in pieces(Path(adapter.folder) / name):
                yield Parcel(adapter.id, name, offset, data)
