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

from talecraft import __version__
from talecraft.process import messages
from talecraft.process.messages import AdapterRef, Command, Draft, Hello, Load, Parcel, Probe

PIECE = 1 << 20  # bytes


class Line:
    """Commands to one engine, in order; what they need goes before them."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._sent: set[str] = set()
        threading.Thread(target=self._send, name="line", daemon=True).start()
        self.send(Hello(__version__))

    def send(self, command: Command) -> None:
        self._commands.put(command)

    def close(self) -> None:
        """No more comes: the engine ends."""
        self._commands.put(None)

    def _send(self) -> None:
        # A pipe that breaks is an engine that died; who reads from it says so.
        with contextlib.suppress(OSError, ValueError):
            while (command := self._commands.get()) is not None:
                for adapter in adapters_of(command):
                    if adapter.id not in self._sent:
                        self._sent.add(adapter.id)
                        for parcel in parcels(adapter):
                            self._write(parcel)
                self._write(command)
            self._pipe.close()

    def _write(self, command: Command) -> None:
        self._pipe.write(messages.encode(command) + b"\n")
        self._pipe.flush()


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
        with contextlib.suppress(OSError), (Path(adapter.folder) / name).open("rb") as file:
            offset = 0
            while data := file.read(PIECE):
                yield Parcel(adapter.id, name, offset, data)
                offset += len(data)
