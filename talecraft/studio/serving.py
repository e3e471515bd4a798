"""`talecraft engine`: an engine or a run for a page on another machine, as its first line says."""

from __future__ import annotations

import os
import signal
import sys

import msgspec

from talecraft.errors import UsageError
from talecraft.paths import Home
from talecraft.process import messages
from talecraft.process.engine_client import LONGEST_LINE
from talecraft.process.messages import Hello
from talecraft.studio.hosting import Host
from talecraft.studio.hosting_runs import RunHost


def serve(home: Home) -> int:
    """Until the page that asks is gone. Returns the engine's exit code, or 0 for a run.

    Raises UsageError on a terminal: nobody speaks the wire by hand.
    """
    if sys.stdin.isatty():
        raise UsageError(
            "This is for a page on another machine.",
            'There: talecraft config set engine.command "ssh THIS-MACHINE talecraft engine".',
        )

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, end)
    # A file of its own: at the interpreter's end sys.stdin, being read, would be waited for.
    commands, answers = os.fdopen(os.dup(0), "rb"), sys.stdout.buffer
    first = commands.readline(LONGEST_LINE)
    if _wants_run(first):
        return RunHost(home, answers).run(commands, first)
    return Host(home).run(commands, answers, first=first)


def _wants_run(line: bytes) -> bool:
    try:
        hello = messages.decode_command(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return isinstance(hello, Hello) and hello.wants == "run"
