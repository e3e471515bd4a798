"""An engine for a page elsewhere: what it names is found here, and the rest is passed on.

`talecraft engine` speaks the wire as an engine does. Models are this machine's own, by id and
revision; adapters come in parcels and are kept in the cache, to be checked as ever.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import msgspec

from talecraft import __version__
from talecraft.config import models
from talecraft.errors import EngineError, TalecraftError
from talecraft.paths import Home, private_folder
from talecraft.process import messages
from talecraft.process.adapter_files import FILES
from talecraft.process.engine_client import COMMAND
from talecraft.process.environment import child_environment
from talecraft.process.messages import (
    AdapterRef,
    Command,
    Draft,
    Event,
    Failed,
    Hello,
    Load,
    ModelRef,
    Parcel,
    Probe,
)

_ID = re.compile(r"[0-9a-f]{16}")
MOST_BYTES = 4 << 30  # of one file of an adapter


class Host:
    """Between a page elsewhere and an engine here; `run` returns when the page is gone."""

    def __init__(self, home: Home, engine: Sequence[str] = COMMAND) -> None:
        self._home, self._engine = home, list(engine)
        self._catalogue = models.load(home)
        private_folder(home.cache)
        self._kept = Path(tempfile.mkdtemp(prefix="engine-", dir=home.cache))
        self._lock = threading.Lock()
        self._gone = False

    def run(
        self, commands: IO[bytes], events: IO[bytes], leave: Callable[[int], None] = os._exit
    ) -> int:
        """Pass on `commands`, line by line, and what the engine answers; returns its exit code.
        Where the engine ends first, `leave` is called with it: nobody waits for commands then."""
        process = subprocess.Popen(
            self._engine,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        pump = threading.Thread(target=self._answer, args=(process, events, leave), daemon=True)
        pump.start()
        try:
            for line in commands:
                try:
                    command = self.here(messages.decode_command(line))
                except msgspec.MsgspecError:
                    continue
                except TalecraftError as error:
                    self._write(events, messages.encode(_failed(line, error)) + b"\n")
                    continue
                if command is not None:
                    process.stdin.write(messages.encode(command) + b"\n")
                    process.stdin.flush()
        except OSError:  # the engine is gone, and so is who asks
            pass
        finally:
            self._gone = True
            with contextlib.suppress(OSError):
                process.stdin.close()
        code = process.wait()
        pump.join(5)
        self._forget()
        return code

    def here(self, command: Command) -> Command | None:
        """The same with this machine's folders; None for what is not for the engine.

        Raises EngineError for a model that is not here, or another Talecraft.
        """
        match command:
            case Hello():
                if command.version != __version__:
                    raise EngineError(
                        f"The engine there is Talecraft {__version__}, here it is"
                        f" {clean_version(command.version)}.",
                        "Install the same on both.",
                    )
                return None
            case Parcel():
                self._keep(command)
                return None
            case Load():
                return msgspec.structs.replace(
                    command,
                    model=self._model(command.model),
                    adapter=self._adapter(command.adapter),
                )
            case Probe():
                return msgspec.structs.replace(command, adapter=self._adapter(command.adapter))
            case Draft():
                found = [self._adapter(one) for one in command.adapters]
                return msgspec.structs.replace(command, adapters=found)
            case _:
                return command

    def _forget(self) -> None:
        """Delete the adapters that were sent."""
        shutil.rmtree(self._kept, ignore_errors=True)

    def _model(self, model: ModelRef) -> ModelRef:
        try:
            spec = self._catalogue.get(model.id)
        except TalecraftError as error:
            raise EngineError(f"Where the engine is: {error.message}", error.hint) from None
        if not self._catalogue.installed(spec, self._home):
            raise EngineError(
                f"{model.id} is not installed where the engine is.",
                f"There: talecraft models pull {model.id}.",
            )
        if spec.revision != model.revision:
            raise EngineError(
                f"{model.id} is another revision where the engine is: {spec.revision}, here"
                f" {model.revision}.",
                "Fetch the same on both.",
            )
        return msgspec.structs.replace(model, folder=str(self._catalogue.folder(spec, self._home)))

    def _adapter(self, adapter: AdapterRef | None) -> AdapterRef | None:
        """Where its parcels were put; it is checked by the engine, which loads no other."""
        if adapter is None:
            return None
        return msgspec.structs.replace(adapter, folder=str(self._folder(adapter.id)))

    def _folder(self, adapter_id: str) -> Path:
        if not _ID.fullmatch(adapter_id):
            raise EngineError("An adapter has an id that is none.")
        return self._kept / adapter_id

    def _keep(self, parcel: Parcel) -> None:
        folder = self._folder(parcel.adapter)
        end = parcel.offset + len(parcel.data)
        if parcel.name not in FILES or parcel.offset < 0 or end > MOST_BYTES:
            raise EngineError("What was sent is no part of an adapter.")
        private_folder(folder)
        path = folder / parcel.name
        if not parcel.offset:
            path.unlink(missing_ok=True)
        with path.open("ab" if parcel.offset else "xb") as file:
            path.chmod(0o600)
            if file.tell() != parcel.offset:
                raise EngineError("A part of an adapter is missing.")
            file.write(parcel.data)

    def _answer(
        self, process: subprocess.Popen[bytes], events: IO[bytes], leave: Callable[[int], None]
    ) -> None:
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            for line in process.stdout:
                self._write(events, line)
        if not self._gone:
            self._forget()
            leave(max(1, abs(process.wait())))

    def _write(self, events: IO[bytes], line: bytes) -> None:
        with self._lock:
            events.write(line)
            events.flush()


def _failed(line: bytes, error: TalecraftError) -> Event:
    """To the request of this line, where it is one."""
    try:
        asked = msgspec.json.decode(line)
    except msgspec.DecodeError:
        asked = {}
    request = asked.get("request") if isinstance(asked, dict) else None
    number = request if isinstance(request, int) else None
    return Failed(number, error.message, error.hint)


def clean_version(version: str) -> str:
    """A version as it can be shown."""
    return "".join(one for one in version if one.isalnum() or one in ".+-")[:20]


def host(home: Home) -> int:
    """`talecraft engine`: until the page that asks is gone. Returns the engine's exit code."""
    return Host(home).run(sys.stdin.buffer, sys.stdout.buffer)
