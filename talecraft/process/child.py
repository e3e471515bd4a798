"""The child's side of the wire: commands read in a thread, events written one whole line each."""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
from collections.abc import Callable

import msgspec

from talecraft.process import messages
from talecraft.process.messages import Cancel, Command, Event


def answers() -> Callable[[object], None]:
    """For a child that says a line of JSON or several and takes no commands: writes one.

    The real stdout is kept for these, as by the `Wire`: what a library prints is no answer.
    """
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def say(answer: object) -> None:
        out.write(msgspec.json.encode(answer) + b"\n")
        out.flush()

    return say


class Wire:
    """Owns the child's stdin and stdout.

    The real stdout is kept for events alone: file descriptor 1 is pointed at stderr (the log), so
    that nothing a library prints can break a line. When the parent goes, so does the child.
    """

    def __init__(self, on_cancel: Callable[[int], None]) -> None:
        # Its own files: at the interpreter's end sys.stdin, being read here, would be waited for.
        self._in = os.fdopen(os.dup(0), "rb")
        self._out = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._on_cancel = on_cancel
        threading.Thread(target=self._read, name="wire", daemon=True).start()

    def send(self, event: Event) -> None:
        line = messages.encode(event) + b"\n"
        try:
            with self._lock:
                while line:
                    line = line[self._out.write(line) :]
        except OSError:  # the parent is gone
            os._exit(0)

    def next(self) -> Command:
        """Wait for the next command other than a cancel."""
        return self._commands.get()

    def waiting(self) -> bool:
        """Would `next` return at once?"""
        return not self._commands.empty()

    def _read(self) -> None:
        for line in self._in:
            try:
                command = messages.decode_command(line)
            except msgspec.MsgspecError:
                logging.getLogger(__name__).exception("not a command")
                continue
            if isinstance(command, Cancel):
                self._on_cancel(command.request)
            else:
                self._commands.put(command)
        os._exit(0)


def log_to_stderr() -> None:
    """Send every library's warnings and log lines to stderr, which the parent keeps as a file."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.captureWarnings(True)
