"""A run for a page elsewhere: ordered from there, carried out here, told line by line.

It is a run as any other, in a folder of its own (`guests`): it goes on when the line is lost, and
the next one who orders the same run hears what was missed.
"""

from __future__ import annotations

import contextlib
import queue
import re
import shutil
import threading
import time
from pathlib import Path
from typing import IO, get_args

import msgspec

from talecraft.config import models
from talecraft.config.assets import reference_file
from talecraft.errors import BusyError, EngineError, TalecraftError
from talecraft.paths import Home, private_folder
from talecraft.process import far_messages, pieces, run_client, run_events, run_requests
from talecraft.process.adapter_files import FILES
from talecraft.process.far_messages import (
    LONGEST_LINE,
    AllSent,
    Ask,
    FromFar,
    Heard,
    Made,
    Order,
    Over,
    Refused,
    Said,
    Sent,
    Taken,
    ToFar,
    Wanted,
)
from talecraft.process.messages import AdapterRef, Hello, Parcel
from talecraft.process.run_client import LOG, LineTail
from talecraft.process.run_events import Outcome, RunSettings
from talecraft.process.run_requests import EXAMPLE, WritingSign
from talecraft.story.methods import CARRIED
from talecraft.studio.hosting import adapter_folder, keep_parcel, model_here, other_version
from talecraft.studio.preferences import Preferences

_RUN = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,60}")
ADAPTERS = "adapters"  # of a guest's folder: what it begins at
POLL_SECONDS = 0.2
WAITING = 64  # commands; then the page waits
SILENT = 30.0  # seconds after which the sign of a page falls
FORGOTTEN = 30 * 24 * 3600  # seconds after which nobody will ask for a run any more
LAST_WORDS = 2000  # characters of a log


class RunHost:
    """`run` returns when the page is gone or has heard the run's end."""

    def __init__(self, home: Home, answers: IO[bytes]) -> None:
        self._home = home
        self._catalogue = models.load(home)
        self._answers = answers
        self._commands: queue.Queue[ToFar | TalecraftError | None] = queue.Queue(WAITING)
        self._runs = private_folder(home.guests)
        self._sign = WritingSign(self._runs)
        self._settings: RunSettings | None = None
        self._tail: LineTail | None = None  # of its events
        self._news: list[bytes] = []  # lines that were there already and are not known there
        self._watched = False
        self._over = False
        self._example = False
        self._sign_at = 0.0

    def run(self, commands: IO[bytes], first: bytes = b"") -> int:
        """Obey `commands`, line by line, `first` before them. 0, or 1 where the run was refused."""
        self._sweep()
        threading.Thread(target=self._listen, args=(commands, first), daemon=True).start()
        try:
            while True:
                try:
                    command = self._commands.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    self._tell_news()
                    continue
                if command is None or isinstance(command, Taken):
                    self._forget(heard=command is not None)
                    return 0
                if isinstance(command, TalecraftError):
                    raise command
                self._obey(command)
        except TalecraftError as error:
            self._say(Refused(error.message, error.hint))
            return 1
        except OSError as error:  # the page is gone: the run goes on
            return 0 if isinstance(error, BrokenPipeError) else 1
        finally:
            self._sign.show(False)

    def _obey(self, command: ToFar) -> None:
        """Raises TalecraftError where that cannot be."""
        match command:
            case Hello():
                if (barred := other_version(command.version)) is not None:
                    raise barred
            case Order():
                self._order(command)
            case Sent():
                if command.name not in run_client.INPUTS:
                    raise EngineError("What was sent is nothing that a run learns from.")
                pieces.put(self._folder / command.name, command.offset, command.data)
            case Parcel():
                keep_parcel(self._folder / ADAPTERS, command)
            case AllSent():
                assert self._settings is not None
                run_client.start(self._runs, self._settings, None, launcher=self._launcher)
                self._watched = True
            case Ask():
                self._ask(command)

    @property
    def _launcher(self) -> list[str]:
        """This machine's own: the page's knows nothing of its GPUs."""
        return Preferences(self._home, self._catalogue).settings.training.launcher_words

    @property
    def _folder(self) -> Path:
        """Raises EngineError before there is an order."""
        if self._settings is None:
            raise EngineError("No run was ordered.")
        return self._runs / self._settings.run_id

    # ------------------------------------------------------------------ beginning
    def _order(self, order: Order) -> None:
        """Go on with the run that is wanted, or ask for what it needs to begin."""
        wanted = order.settings
        if not _RUN.fullmatch(wanted.run_id) or wanted.method not in CARRIED:
            raise EngineError("This is no run that can be carried out here.")
        folder = self._runs / wanted.run_id
        model = model_here(wanted.model, self._catalogue, self._home)
        self._settings = msgspec.structs.replace(
            wanted, model=model, parent=self._adapter(folder, wanted.parent),
            root=self._adapter(folder, wanted.root), reference_file=str(reference_file()),
            alone=False,
        )  # fmt: skip
        self._tail = LineTail(folder)
        self._news = self._tail.read()[order.heard :]
        going = run_client.alive(self._runs)
        if going not in (None, wanted.run_id):
            raise BusyError("Another run is going on the other machine.", "Wait for its end.")
        over = going is None and not self._news
        if over and run_client.can_resume(self._runs, wanted.run_id):
            run_client.resume(self._runs, wanted.run_id, launcher=self._launcher)
        elif over:
            shutil.rmtree(folder, ignore_errors=True)
            private_folder(folder)
            self._tail = LineTail(folder)
            self._say(Wanted())
            return
        self._watched = True

    def _adapter(self, folder: Path, adapter: AdapterRef | None) -> AdapterRef | None:
        if adapter is None:
            return None
        place = folder / ADAPTERS / adapter_folder(adapter.id)
        return msgspec.structs.replace(adapter, folder=str(place))

    # ------------------------------------------------------------------ going
    def _tell_news(self) -> None:
        """Pass on what the run has said; where it has ended, what it made before its last word."""
        if time.monotonic() - self._sign_at > SILENT:  # who writes says so again and again
            self._sign.show(False)
        if not self._watched or self._over:
            return
        assert self._settings is not None
        assert self._tail is not None
        going = run_client.alive(self._runs) == self._settings.run_id  # asked before it is read
        news, self._news = [*self._news, *self._tail.read()], []
        for line in news:
            outcome = _outcome(line)
            if outcome is not None and outcome.files:
                self._hand_over()
            self._say(Said(line.decode(errors="replace")))
        if self._example and not run_requests.asked(self._folder, EXAMPLE):
            self._example = False
            self._say(Heard(EXAMPLE))
        if not going:
            self._over = True
            self._say(Over("" if run_client.outcome(self._folder) is not None else self._log()))

    def _hand_over(self) -> None:
        for name in FILES:
            file = self._folder / run_client.CANDIDATE / name
            with contextlib.suppress(FileNotFoundError):  # its checksum is missed there
                for offset, data in pieces.pieces(file):
                    self._say(Made(name, offset, data))

    def _ask(self, command: Ask) -> None:
        if command.request is None:
            self._sign.show(command.standing)
            self._sign_at = time.monotonic()
        elif command.request in get_args(run_requests.Request):
            if command.standing:
                run_requests.ask(self._folder, command.request)
            else:
                run_requests.withdraw(self._folder, command.request)
            if command.request == EXAMPLE:
                self._example = command.standing

    def _log(self) -> str:
        with contextlib.suppress(OSError):
            return (self._folder / LOG).read_text(errors="replace")[-LAST_WORDS:]
        return ""

    # ------------------------------------------------------------------ the end
    def _forget(self, heard: bool) -> None:
        """Delete what was heard to its end; one that was stopped can still go on."""
        if not heard or self._settings is None:
            return
        ended = run_client.outcome(self._folder)
        if ended is not None and ended.state != "cancelled":
            shutil.rmtree(self._folder, ignore_errors=True)

    def _sweep(self) -> None:
        """Delete runs that nobody has asked for in a long time."""
        going = run_client.alive(self._runs)
        for folder in self._runs.iterdir():
            with contextlib.suppress(OSError):
                old = time.time() - folder.stat().st_mtime > FORGOTTEN
                if folder.is_dir() and folder.name != going and old:
                    shutil.rmtree(folder, ignore_errors=True)

    def _say(self, message: FromFar) -> None:
        self._answers.write(far_messages.encode(message) + b"\n")
        self._answers.flush()

    def _listen(self, commands: IO[bytes], first: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            line = first
            while line or (line := commands.readline(LONGEST_LINE)):
                try:
                    self._commands.put(far_messages.decode_to(line))
                except (msgspec.MsgspecError, ValueError, RecursionError):
                    self._commands.put(EngineError("The other machine did not understand."))
                line = b""
        self._commands.put(None)


def _outcome(line: bytes) -> Outcome | None:
    try:
        event = run_events.decode_event(line)
    except msgspec.MsgspecError:
        return None
    return event if isinstance(event, Outcome) else None
