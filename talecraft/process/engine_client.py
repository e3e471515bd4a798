"""The parent's side of the engine: starts it, talks to it, and outlives it.

Events reach one callback, on the reading thread. When the engine dies the callback gets a
`Stopped`, whatever was being written fails, and a new engine is started with the same model.
An engine put to sleep has ended, and its memory is free; what is asked of it next wakes another.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from talecraft.errors import EngineError, TalecraftError, os_reason
from talecraft.paths import private_append, private_folder
from talecraft.process import messages
from talecraft.process.elsewhere import Line, cleaned
from talecraft.process.environment import child_environment
from talecraft.process.messages import (
    Cancel,
    Command,
    Draft,
    DraftsOver,
    Event,
    Examine,
    Examined,
    Failed,
    Finished,
    Generate,
    Load,
    Phase,
    Probe,
    Probed,
    Quit,
)

# An engine that dies this often within a minute is not started again by itself.
RESTARTS_A_MINUTE = 3
END_SECONDS = 3.0
LONGEST_LINE = 1 << 28  # bytes


class Stopped(msgspec.Struct, frozen=True):
    """The engine is gone. `restarting` says whether another is on its way."""

    reason: str
    restarting: bool


EngineCallback = Callable[[Event | Stopped], None]
COMMAND = (sys.executable, "-m", "talecraft.engine")


class EngineClient:
    """One engine at a time. All methods may be called from any thread."""

    def __init__(
        self,
        callback: EngineCallback,
        logs: Path,
        command: Sequence[str] = COMMAND,
        on_busy: Callable[[bool], None] = lambda busy: None,
        elsewhere: bool = False,
    ) -> None:
        """`on_busy` hears, from any thread, whether there are open requests. An engine `elsewhere`
        sees none of our files: what it needs of them is sent."""
        self._callback = callback
        self._command = list(command)
        self._log = logs / "engine.log"
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._load: Load | None = None
        # Which engine each open request was given to: its death must be told even when another
        # has already taken its place.
        self._open_requests: dict[int, subprocess.Popen[bytes]] = {}
        self._on_busy = on_busy
        self._dismissed: set[subprocess.Popen[bytes]] = set()  # put to sleep, perhaps not yet gone
        self._asleep = False
        self._deaths: list[float] = []
        self._closing = False
        self._elsewhere = elsewhere
        self._line: Line | None = None  # to the engine elsewhere

    @property
    def running(self) -> bool:
        process = self._process
        return process is not None and process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self.running else None

    @property
    def asleep(self) -> bool:
        """Was it put to sleep, or told what to load and not started?"""
        return self._asleep

    def load(self, load: Load, wake: bool = True) -> None:
        """Make this model write. An engine that does not run is started, unless `wake` is False:
        then it loads the model when it is first wanted."""
        with self._lock:
            self._load = load
            if self.running:
                self._send(load)
            elif wake:
                self._start()
            else:
                self._asleep = True
                self._callback(Phase("asleep"))

    def sleep(self) -> bool:
        """End the engine until it is wanted; False where it writes, or there is none."""
        with self._lock:
            if self._open_requests or not self.running:
                return False
            process, line = self._process, self._line
            self._process = self._line = None
            assert process is not None
            self._dismissed.add(process)
            self._asleep = True
        threading.Thread(target=_end, args=(process, line), daemon=True).start()
        self._callback(Phase("asleep"))
        return True

    def generate(self, request: Generate | Draft | Probe | Examine) -> None:
        """Raises EngineError where nothing was loaded."""
        with self._lock:
            if self._load is None:
                raise EngineError("No model is loaded.", "Choose one on the models screen.")
            if not self.running:
                self._start()
            assert self._process is not None
            self._open_requests[request.request] = self._process
            self._on_busy(True)
            self._send(request)

    def cancel(self, request: int) -> None:
        with self._lock:
            if request in self._open_requests and self.running:
                self._send(Cancel(request))

    def close(self) -> None:
        """End the engine: politely, then for certain. Idempotent."""
        with self._lock:
            self._closing = True
            process, line = self._process, self._line
            self._process = self._line = None
            self._on_busy(False)
        if process is not None:
            _end(process, line)

    def _start(self) -> None:
        """Raises LibraryError where its log cannot be written, EngineError where it cannot run."""
        private_folder(self._log.parent)
        self._asleep = False
        self._tell(Phase("starting"))
        with private_append(self._log) as log:
            try:
                # Its own session: Ctrl+C in the terminal is the page's business.
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=child_environment(),
                    start_new_session=True,
                )
            except (OSError, ValueError) as error:
                why = os_reason(error) if isinstance(error, OSError) else str(error)
                hint = "Correct engine.command." if self._elsewhere else "Close other programs."
                raise EngineError(f"The engine cannot be started ({why}).", hint) from error
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        if self._elsewhere and self._process.stdin is not None:
            self._line = Line(self._process.stdin)
        if self._load is not None:
            self._send(self._load)

    def _send(self, command: Command) -> None:
        if self._line is not None:
            self._line.send(command)
            return
        process = self._process
        # A pipe that breaks here is an engine that died; the reading thread says so.
        with contextlib.suppress(OSError, ValueError):
            if process is not None and process.stdin is not None:
                process.stdin.write(messages.encode(command) + b"\n")
                process.stdin.flush()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        while line := process.stdout.readline(LONGEST_LINE):
            if process in self._dismissed:
                continue  # the last words of one that was put to sleep
            try:
                event = messages.decode_event(line)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                continue
            if self._elsewhere:
                event = cleaned(event)
            over = isinstance(event, Finished | DraftsOver | Probed | Examined | Failed)
            if over and event.request is not None:
                with self._lock:
                    self._open_requests.pop(event.request, None)
                    self._on_busy(bool(self._open_requests))
            self._tell(event)
        self._ended(process, process.wait())

    def _tell(self, event: Event | Stopped) -> None:
        """On the reading thread: what the callback makes of one event ends no reading."""
        try:
            self._callback(event)
        except Exception:
            logging.getLogger(__name__).exception("an event of the engine was not taken")

    def _ended(self, process: subprocess.Popen[bytes], code: int) -> None:
        with self._lock:
            lost = [request for request, owner in self._open_requests.items() if owner is process]
            for request in lost:
                del self._open_requests[request]
            self._on_busy(bool(self._open_requests))
            if process in self._dismissed:
                self._dismissed.remove(process)
                return
            replaced = process is not self._process
            if not replaced:
                if self._line is not None:
                    self._line.close()
                self._process = self._line = None
            if self._closing:
                return
            now = time.monotonic()
            self._deaths = [t for t in self._deaths if now - t < 60] + [now]
            restarting = replaced or len(self._deaths) <= RESTARTS_A_MINUTE
        reason = f"The engine stopped ({_cause(code)})."
        for request in sorted(lost):
            self._tell(Failed(request, reason, "Your text is safe; try again."))
        if replaced:
            return
        self._tell(Stopped(reason, restarting))
        if restarting:
            with self._lock:
                if not self._closing and self._process is None:
                    try:
                        self._start()
                    except TalecraftError as error:
                        self._tell(Stopped(error.message, False))


def _end(process: subprocess.Popen[bytes], line: Line | None) -> None:
    """End an engine: politely, then for certain."""
    if line is not None:
        line.send(Quit())
        line.close()
    else:
        with contextlib.suppress(OSError, ValueError):
            if process.stdin is not None:
                process.stdin.write(messages.encode(Quit()) + b"\n")
                process.stdin.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _cause(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"exit {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name}, perhaps out of memory" if name == "SIGKILL" else name
