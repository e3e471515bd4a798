"""An engine for a page elsewhere: what it names is found here, and the rest is passed on.

`talecraft engine` speaks the wire as an engine does. Models are this machine's own, by id and
revision; adapters come in parcels and are kept in the cache, to be checked as ever.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
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
from talecraft.process.engine_client import COMMAND, LONGEST_LINE
from talecraft.process.environment import child_environment
from talecraft.process.locks import lives
from talecraft.process.messages import (
    AdapterRef,
    Cancel,
    Command,
    Draft,
    Event,
    Failed,
    Hello,
    Load,
    ModelRef,
    Parcel,
    Probe,
    Quit,
)
from talecraft.process.pieces import put

_ID = re.compile(r"[0-9a-f]{16}")
_KEPT = "engine-"  # the folder of adapters that were sent, with the host's pid


class Host:
    """Between a page elsewhere and an engine here; `run` returns when the page is gone."""

    def __init__(self, home: Home, engine: Sequence[str] = COMMAND) -> None:
        self._home, self._engine = home, list(engine)
        self._catalogue = models.load(home)
        private_folder(home.cache)
        _sweep(home.cache)
        self._kept = home.cache / f"{_KEPT}{os.getpid()}"
        shutil.rmtree(self._kept, ignore_errors=True)
        self._lock = threading.Lock()
        self._gone = False
        self._barred: TalecraftError | None = EngineError(
            "The page did not say which Talecraft it is.", "Install the same on both."
        )
        self._unloaded: TalecraftError | None = None  # why what was to be loaded is not
        self._broken: set[str] = set()  # adapters of which a part is missing

    def run(
        self,
        commands: IO[bytes],
        events: IO[bytes],
        leave: Callable[[int], None] | None = None,
        first: bytes = b"",
    ) -> int:
        """Pass on `commands`, line by line, and what the engine answers; returns its exit code.
        `first` is a line of them that was read already. Where the engine ends first, `leave` is
        called with its code: nobody waits for commands then."""
        process = subprocess.Popen(
            self._engine,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(),
            start_new_session=True,  # Ctrl+C here is the page's business
        )
        assert process.stdin is not None
        pump = threading.Thread(
            target=self._answer, args=(process, events, leave or _end_like), daemon=True
        )
        pump.start()
        try:
            while line := first or commands.readline(LONGEST_LINE):
                first = b""
                for command in self._understood(line, events):
                    process.stdin.write(messages.encode(command) + b"\n")
                    process.stdin.flush()
        except OSError:  # the engine is gone, and so is who asks
            pass
        finally:
            self._gone = True
            with contextlib.suppress(OSError):
                process.stdin.close()
            self._forget()
        code = process.wait()
        pump.join(5)
        return code

    def _understood(self, line: bytes, events: IO[bytes]) -> list[Command]:
        """The command of a line as the engine is to have it, or none: then why is answered."""
        try:
            command = self.here(messages.decode_command(line))
        except TalecraftError as error:
            why = error
        except (msgspec.MsgspecError, ValueError, RecursionError):
            why = EngineError(
                "The engine did not understand the page.", "Install the same on both."
            )
        else:
            return [command] if command is not None else []
        self._write(events, messages.encode(_failed(line, why)) + b"\n")
        return []

    def here(self, command: Command) -> Command | None:
        """The same with this machine's folders; None for what is not for the engine.

        Raises EngineError for another Talecraft, for a model that is not here and whatever is asked
        of it, and for what is no part of an adapter.
        """
        match command:
            case Hello():
                self._barred = other_version(command.version)
                if self._barred is not None:
                    raise self._barred
                return None
            case Cancel() | Quit():
                return command
        if self._barred is not None:
            raise self._barred
        match command:
            case Parcel():
                self._keep(command)
                return None
            case Load():
                return self._load(command)
        if self._unloaded is not None:  # what was loaded before must not write in its place
            raise self._unloaded
        match command:
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

    def _load(self, command: Load) -> Load:
        self._unloaded = None
        try:
            model = model_here(command.model, self._catalogue, self._home)
            adapter = self._adapter(command.adapter)
        except TalecraftError as error:
            self._unloaded = error
            raise
        return msgspec.structs.replace(command, model=model, adapter=adapter)

    def _adapter(self, adapter: AdapterRef | None) -> AdapterRef | None:
        """Where its parcels were put; it is checked by the engine, which loads no other."""
        if adapter is None:
            return None
        return msgspec.structs.replace(adapter, folder=str(self._folder(adapter.id)))

    def _folder(self, adapter_id: str) -> Path:
        return self._kept / adapter_folder(adapter_id)

    def _keep(self, parcel: Parcel) -> None:
        if parcel.adapter in self._broken:
            return  # its checksum is missed when it is to be put on
        try:
            keep_parcel(self._kept, parcel)
        except EngineError:
            self._broken.add(parcel.adapter)
            raise

    def _answer(
        self, process: subprocess.Popen[bytes], events: IO[bytes], leave: Callable[[int], None]
    ) -> None:
        assert process.stdout is not None
        with contextlib.suppress(OSError):
            for line in process.stdout:
                self._write(events, line)
        if not self._gone:
            self._forget()
            leave(process.wait())

    def _write(self, events: IO[bytes], line: bytes) -> None:
        with self._lock:
            events.write(line)
            events.flush()


def model_here(model: ModelRef, catalogue: models.Catalogue, home: Home) -> ModelRef:
    """The same model in this machine's folder. Raises EngineError where there is none."""
    try:
        spec = catalogue.get(model.id)
    except TalecraftError as error:
        raise EngineError(f"Where the engine is: {error.message}", error.hint) from None
    if not catalogue.installed(spec, home):
        raise EngineError(
            f"{model.id} is not installed where the engine is.",
            f"There: talecraft models pull {model.id}.",
        )
    # Where it was never fetched it has the revision that models.toml asks for.
    if model.revision not in (spec.revision, catalogue.declared(model.id).revision):
        raise EngineError(
            f"{model.id} is another revision where the engine is: {spec.revision}, here"
            f" {model.revision}.",
            "Fetch the same on both.",
        )
    folder = catalogue.folder(spec, home)
    return msgspec.structs.replace(model, folder=str(folder), forms=str(home.forms))


def adapter_folder(adapter_id: str) -> str:
    """The name of an adapter's folder. Raises EngineError for what is no adapter's id."""
    if not _ID.fullmatch(adapter_id):
        raise EngineError("An adapter has an id that is none.")
    return adapter_id


def keep_parcel(folder: Path, parcel: Parcel) -> None:
    """A part of an adapter, among others in `folder`. Raises EngineError where it is none, or is
    not to be kept."""
    if parcel.name not in FILES:
        raise EngineError("What was sent is no part of an adapter.")
    put(folder / adapter_folder(parcel.adapter) / parcel.name, parcel.offset, parcel.data)


def _failed(line: bytes, error: TalecraftError) -> Event:
    """To the request of this line, where it is one."""
    try:
        asked = msgspec.json.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        asked = {}
    request = asked.get("request") if isinstance(asked, dict) else None
    number = request if isinstance(request, int) else None
    return Failed(number, error.message, error.hint)


def other_version(version: str) -> EngineError | None:
    if version == __version__:
        return None
    said = "".join(one for one in version if one.isalnum() or one in ".+-")[:20]
    return EngineError(
        f"The engine there is Talecraft {__version__}, here it is {said}.",
        "Install the same on both.",
    )


def _end_like(code: int) -> None:
    """End as the engine did: who asks is told by what."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code or 1)


def _sweep(cache: Path) -> None:
    """Delete what hosts have left that were killed."""
    for folder in cache.glob(f"{_KEPT}*"):
        pid = folder.name.removeprefix(_KEPT)
        if not pid.isdigit() or not lives(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
