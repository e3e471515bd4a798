"""`python -m talecraft.process.far_run COMMAND... FOLDER`: a run here, carried out elsewhere.

It stands where a run would: it holds the trainers' lock, appends to events.jsonl, obeys requests
and leaves a candidate. What computes is behind the engine's command on another machine. Where the
line is lost it ends without a word, and the run there goes on; resumed, it hears what it missed.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, get_args

import msgspec

from talecraft import __version__
from talecraft.errors import AdapterError, EngineError, os_reason
from talecraft.paths import PRIVATE_FILE, flush_file, private_write
from talecraft.process import (
    adapter_files,
    far_messages,
    pieces,
    run_client,
    run_events,
    run_requests,
)
from talecraft.process.adapter_files import FILES
from talecraft.process.elsewhere import parcels
from talecraft.process.environment import child_environment
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
from talecraft.process.messages import Failed, Hello
from talecraft.process.run_client import ELSEWHERE, EVENTS
from talecraft.process.run_events import Outcome, RunSettings
from talecraft.process.run_requests import CONTROL, EXAMPLE, Request
from talecraft.story.clean import clean, clean_line

POLL_SECONDS = 0.2
WAITING = 8  # answers; then the other machine waits
MOST_SAID = 256 << 20  # bytes of events
SIGN_SECONDS = 5.0  # after which it is said again that somebody writes
PATIENCE = 60.0  # seconds in which a stop is obeyed
ENDS = ("adopted", "rejected", "refused", "cancelled", "failed")
_BROKEN, _GO_ON = (
    "The line to the other machine broke",
    "Go on with the run: talecraft train resume.",
)


class FarRun:
    """One run, from its order to its outcome."""

    def __init__(self, folder: Path, settings: RunSettings, far: subprocess.Popen[bytes]) -> None:
        self._folder = folder
        self._settings = settings
        self._far = far
        self._answers: queue.Queue[FromFar | None] = queue.Queue(WAITING)
        self._told: dict[Request | None, bool] = {}
        self._said = 0  # bytes of events that came
        self._stop_by: float | None = None  # when a stop must be obeyed
        self._sign_at = 0.0
        self._lookout = run_requests.WritingLookout(folder.parent)
        self._ended = False

    def carry_out(self) -> bool:
        """True where the run came to say how it ended. Raises EngineError where the line breaks or
        what comes cannot be kept, OSError where the disk fails."""
        threading.Thread(target=self._listen, daemon=True).start()
        self._tell(Hello(__version__, "run"))
        self._tell(Order(self._settings, self._known() - self._base()))
        while True:
            with contextlib.suppress(queue.Empty):
                answer = self._answers.get(timeout=POLL_SECONDS)
                if answer is None:
                    raise EngineError(f"{_BROKEN}.", _GO_ON)
                if self._hear(answer):
                    return self._ended
            self._pass_requests()

    def _known(self) -> int:
        """Lines of events.jsonl; what a crash tore is cut off."""
        file = self._folder / EVENTS
        held = file.read_bytes() if file.exists() else b""
        whole = held.rfind(b"\n") + 1
        if whole < len(held):
            os.truncate(file, whole)
        return held.count(b"\n")

    def _base(self) -> int:
        """Lines that were there when the run was last begun from nothing."""
        kept = (self._folder / ELSEWHERE).read_text().strip()
        return int(kept) if kept.isdigit() else 0

    def _hear(self, answer: FromFar) -> bool:
        """Do as is said; True where nothing more will be."""
        match answer:
            case Wanted():
                private_write(self._folder / ELSEWHERE, f"{self._known()}\n".encode())
                self._send_all()
            case Said():
                self._write(answer.line)
            case Made():
                if answer.name not in FILES:
                    raise EngineError("What was sent is no part of an adapter.")
                pieces.put(
                    self._folder / run_client.CANDIDATE / answer.name, answer.offset, answer.data
                )
            case Heard():
                if answer.request == EXAMPLE:
                    self._told[EXAMPLE] = False
                    run_requests.withdraw(self._folder, EXAMPLE)
            case Refused() | Failed():  # the latter of a Talecraft that knows no runs elsewhere
                message, hint = clean_line(answer.message), clean_line(answer.hint)
                why = f"Where the engine is: {message} {hint}".strip()
                if (self._folder / ELSEWHERE).stat().st_size:  # it is there, and can go on
                    raise EngineError(why)
                self._write(run_events.encode(Outcome("failed", why)).decode())
                return True
            case Over():
                if answer.log:
                    print(clean(answer.log), file=sys.stderr, flush=True)
                if self._is_safe():
                    self._tell(Taken())
                return True
        return False

    def _write(self, line: str) -> None:
        """An event of a machine that is not ours: cleaned, and a mere line where it is none, as the
        lines are counted."""
        self._said += len(line)
        if self._said > MOST_SAID:
            raise EngineError("The other machine says too much.")
        told, kept = None, b"{}"
        with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
            told = run_events.decode_event(msgspec.json.encode(_cleaned(msgspec.json.decode(line))))
            if isinstance(told, Outcome) and told.state not in ENDS:
                told = None
            kept = b"{}" if told is None else run_events.encode(told)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        file = os.open(self._folder / EVENTS, flags, PRIVATE_FILE)
        try:
            os.write(file, kept + b"\n")
            if isinstance(told, Outcome):
                self._ended = True
                os.fsync(file)
        finally:
            os.close(file)

    def _send_all(self) -> None:
        for name in run_client.INPUTS:
            if not (self._folder / name).exists():
                continue
            for offset, data in pieces.pieces(self._folder / name):
                self._tell(Sent(name, offset, data))
                self._pass_requests()
        for adapter in (self._settings.parent, self._settings.root):
            if adapter is not None:
                for parcel in parcels(adapter):
                    self._tell(parcel)
                    self._pass_requests()
        self._tell(AllSent())

    def _pass_requests(self) -> None:
        standing: dict[Request | None, bool] = {
            one: run_requests.asked(self._folder, one) for one in get_args(Request)
        }
        standing[None] = self._lookout.writing
        now = time.monotonic()
        for request, stands in standing.items():
            again = request is None and stands and now - self._sign_at > SIGN_SECONDS
            if stands != self._told.get(request) or again:  # at first each, also that it stands not
                self._told[request] = stands
                self._tell(Ask(request, stands))
                self._sign_at = now if request is None else self._sign_at
        if not standing[CONTROL]:
            self._stop_by = None
        elif self._stop_by is None:
            self._stop_by = now + PATIENCE
        elif now > self._stop_by:
            raise EngineError("The other machine does not obey; the run there may go on.", _GO_ON)

    def _is_safe(self) -> bool:
        """Is what it has made on the disk here, and whole?"""
        outcome = run_client.outcome(self._folder)
        if outcome is None or not outcome.files:
            return outcome is not None
        candidate = self._folder / run_client.CANDIDATE
        try:
            for name in outcome.files:
                flush_file(candidate / name)
            return adapter_files.checksums(candidate) == outcome.files
        except (AdapterError, OSError):
            return False

    def _tell(self, message: ToFar) -> None:
        assert self._far.stdin is not None
        try:
            self._far.stdin.write(far_messages.encode(message) + b"\n")
            self._far.stdin.flush()
        except OSError as error:
            raise EngineError(f"{_BROKEN} ({os_reason(error)}).", _GO_ON) from None

    def _listen(self) -> None:
        assert self._far.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            while line := self._far.stdout.readline(LONGEST_LINE):
                # What another program of that command prints is no answer.
                with contextlib.suppress(msgspec.MsgspecError, ValueError, RecursionError):
                    self._answers.put(far_messages.decode_from(line))
        self._answers.put(None)


def _cleaned(value: object) -> object:
    """Every text in it as one of our own would be."""
    match value:
        case str():
            return clean(value)
        case list():
            return [_cleaned(one) for one in value]
        case dict():
            return {key: _cleaned(one) for key, one in value.items()}
        case _:
            return value


def main() -> int:
    *command, place = sys.argv[1:]
    folder = Path(place)
    settings = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
    try:
        far: subprocess.Popen[bytes] = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=child_environment()
        )
    except (OSError, ValueError) as error:
        print(f"{command[0]} cannot be started: {error}", file=sys.stderr)
        return 1
    try:
        return 0 if FarRun(folder, settings, far).carry_out() else 1
    except (EngineError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        _close(far.stdin)
        with contextlib.suppress(subprocess.TimeoutExpired):
            far.wait(5)
        far.kill()


def _close(pipe: IO[bytes] | None) -> None:
    with contextlib.suppress(OSError):
        if pipe is not None:
            pipe.close()


if __name__ == "__main__":
    sys.exit(main())
