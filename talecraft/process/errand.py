"""A child that is waited for: it gets an order, in a folder or by its input, and answers."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from talecraft.errors import EngineError, UsageError
from talecraft.process.environment import child_environment
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Outcome, RunEvent

MOST_SECONDS = 600
T = TypeVar("T", bound=RunEvent)
M = TypeVar("M")
A = TypeVar("A")


class Unfit(msgspec.Struct, frozen=True, tag="unfit"):
    """A child's last word where it cannot be done: why, and what would help, in words."""

    words: str
    hint: str = ""


def ask(command: Sequence[str], folder: Path, answer: type[T], what: str) -> T | Outcome:
    """Its answer, or the outcome by which it says in words why there is none.

    Raises EngineError, naming `what` could not be done, where it says neither in ten minutes.
    """
    try:
        ended = subprocess.run(
            [*command, str(folder)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=child_environment(background=True),
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(
            f"{what} could not be read in ten minutes.", "Give it less to read."
        ) from error
    events = EventTail(folder).read()
    for event in events:
        if isinstance(event, answer):
            return event
    if events and isinstance(events[-1], Outcome):
        return events[-1]
    last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
    raise EngineError(f"{what} could not be read: {last[0]}", "Run `talecraft doctor`.")


def converse(
    command: Sequence[str],
    order: object,
    decode: Callable[[bytes], M],
    hear: Callable[[M], None],
    what: str,
) -> M:
    """Give a child its order on standard input and hear every line it says but the last, which is
    returned. It ends with us.

    Raises EngineError, naming `what` was to be done, where it dies without a last word.
    """
    last: M | None = None
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=child_environment(background=True),
            start_new_session=True,  # Ctrl+C is the parent's to understand
        )
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):  # why, its last words tell
                child.stdin.write(msgspec.json.encode(order))
                child.stdin.close()
            for line in child.stdout:
                if last is not None:
                    hear(last)
                last = decode(line)
            failed = child.wait() != 0
        except msgspec.MsgspecError as error:
            raise EngineError(f"{what} was cut off.", "Run `talecraft doctor`.") from error
        finally:
            child.kill()
            child.wait()
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
            child.stdout.close()
        if last is not None and not failed:
            return last
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
    raise EngineError(f"{what} failed: {said[0]}", "Run `talecraft doctor`.")


def obtain(
    command: Sequence[str],
    order: object,
    decode: Callable[[bytes], M],
    hear: Callable[[M], None],
    answer: type[A],
    what: str,
) -> A:
    """What a child answers to its order, every line before it heard (see `converse`).

    Raises UsageError in the words of the child that is Unfit, EngineError where it fails or says
    something else last.
    """
    last = converse(command, order, decode, hear, what)
    if isinstance(last, Unfit):
        raise UsageError(last.words, last.hint)
    if not isinstance(last, answer):
        raise EngineError(f"{what} was cut off.", "Run `talecraft doctor`.")
    return last
