"""The parent's side of fetching: a child, its order, and what it says, until it ends or is stopped.

The child ends with its parent, because its standard input does; what it has fetched stays.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from talecraft.errors import EngineError
from talecraft.paths import PRIVATE_FILE, private_folder
from talecraft.process import fetch_messages
from talecraft.process.environment import child_environment
from talecraft.process.fetch_messages import GO, AnyFetchEvent, FetchOrder, Found

COMMAND = (sys.executable, "-m", "talecraft.hub")
# What would keep it from the net, or let it say more than it should.
_NOT_PASSED_ON = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DEBUG", "HF_HUB_VERBOSITY")


def environment() -> dict[str, str]:
    """The child's: asked for by the writer, it may go where nothing else here does."""
    env = child_environment()
    for name in _NOT_PASSED_ON:
        env.pop(name, None)
    # Its chunks cannot be resumed after a kill, and have a cache of their own beside the model.
    env["HF_HUB_DISABLE_XET"] = "1"
    return env


class FetchClient:
    """One child. `run` is called once; `stop` at any time, from any thread."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._child: subprocess.Popen[bytes] | None = None
        self.stopped = False

    def run(
        self,
        order: FetchOrder,
        token: str,
        hear: Callable[[AnyFetchEvent], None],
        agree: Callable[[Found], None],
    ) -> None:
        """Hear all events, on this thread. `agree` is asked before the first byte, and what it
        raises is raised, with nothing fetched. Raises EngineError where the child dies unasked."""
        log = private_folder(self._logs) / "fetch.log"
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as errors:
            self._child = child = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment(),
                start_new_session=True,  # Ctrl+C is the parent's to understand
            )
        last: AnyFetchEvent | None = None
        try:
            if self.stopped:
                return
            self._say(msgspec.json.encode(order) + b"\n" + msgspec.json.encode(token) + b"\n")
            assert child.stdout is not None
            for line in child.stdout:
                try:
                    last = fetch_messages.decode(line)
                except msgspec.MsgspecError:
                    continue  # a line cut by its end
                if isinstance(last, Found):
                    agree(last)
                    self._say(GO)
                hear(last)
        finally:
            self._end()
        if not self.stopped and not isinstance(last, fetch_messages.Done | fetch_messages.Refused):
            raise EngineError("Fetching stopped unexpectedly.", f"Ask again, or see {log}.")

    def stop(self) -> None:
        """End it; what is on the disk stays, and the next one goes on there."""
        self.stopped = True
        if (child := self._child) is not None:
            with contextlib.suppress(OSError):
                child.kill()

    def _say(self, data: bytes) -> None:
        assert self._child is not None
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # its last words say why
            self._child.stdin.write(data)
            self._child.stdin.flush()

    def _end(self) -> None:
        assert self._child is not None
        child = self._child
        with contextlib.suppress(OSError):
            child.kill()  # has ended already, unless this is left by an exception
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
