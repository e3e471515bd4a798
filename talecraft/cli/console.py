"""stdout for data, stderr for narration, and the end of a command that could not be done.

Text from stories, models, files and errors is cleaned on its way out and never read as markup.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
import traceback
from collections.abc import Iterable, Sequence
from typing import Any

from talecraft.errors import TalecraftError

STDIN_LIMIT = 200_000  # bytes; as much as the page takes in one paste
BATCH_LIMIT = 20_000_000  # ... of many first lines or scores
SAID_SECONDS = 30.0  # between two words of how far it is, where no line can be written over


def prepare() -> None:
    """Let no character end a command, whatever the locale can write."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape" if _utf8(stream.encoding) else "replace")


def out(text: str = "") -> None:
    """One or more lines of data."""
    from talecraft.story.clean import clean

    sys.stdout.write(clean(text) + "\n")
    sys.stdout.flush()


def out_json(value: Any) -> None:
    """One line of JSON; escaped where a terminal could not write it, or would obey it."""
    from talecraft.story.clean import clean

    text = json.dumps(value, ensure_ascii=False)
    if not _utf8(getattr(sys.stdout, "encoding", None) or "utf-8") or clean(text) != text:
        text = json.dumps(value).replace("\x7f", "\\u007f")
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def stream(text: str, narration: bool = False) -> None:
    """Text as it comes, already cleaned by the engine's stream, with no line end added."""
    target = sys.stderr if narration else sys.stdout
    target.write(text)
    target.flush()


def tell(text: str) -> None:
    """Lines of narration as they are."""
    from talecraft.story.clean import clean

    print(clean(text), file=sys.stderr, flush=True)


def note(text: str) -> None:
    """One line of narration."""
    from talecraft.story.clean import clean_line

    print(f"talecraft: {clean_line(text)}", file=sys.stderr, flush=True)


class OneLine:
    """How far something is: one line, written over on a terminal; else a line now and then."""

    def __init__(self) -> None:
        self._over = sys.stderr.isatty()
        self._said, self._open = time.monotonic(), False

    def say(self, text: str) -> None:
        from talecraft.story.clean import clean_line

        if self._over:
            stream(f"\r\x1b[K{clean_line(text)}", narration=True)
            self._open = True
        elif time.monotonic() - self._said >= SAID_SECONDS:
            self._said = time.monotonic()
            note(f"{text}.")

    def end(self) -> None:
        if self._open:
            stream("\n", narration=True)
            self._open = False


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns, the last one as long as it is."""
    from talecraft.story.clean import clean_line

    lines = [list(head), *([clean_line(str(cell)) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        out("  ".join(cells).rstrip())


def read_stdin(limit: int = STDIN_LIMIT) -> str:
    """What is piped in, nothing from a terminal. Raises UsageError beyond `limit` bytes."""
    from talecraft.errors import UsageError

    if sys.stdin is None or sys.stdin.isatty():
        return ""
    data = sys.stdin.buffer.read(limit + 1)
    if len(data) > limit:
        raise UsageError(f"More than {limit // 1000} kB came on standard input.", "Pipe in less.")
    return data.decode("utf-8", "replace")


def read(source: str) -> str:
    """A file, or ('-') what is piped in. Raises UsageError where it cannot be read."""
    from pathlib import Path

    from talecraft.errors import UsageError, os_reason

    if source == "-":
        return read_stdin(BATCH_LIMIT)
    try:
        return Path(source).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {os_reason(error)}.") from error


def fail(error: TalecraftError) -> int:
    """The one line a user sees of an error they can act on; returns its exit code."""
    note(str(error))
    return error.exit_code


def crash(error: BaseException) -> int:
    """A defect: one line, and the traceback in a private file. Returns its exit code."""
    from talecraft.paths import PRIVATE_FILE, home, private_folder

    said = f"{type(error).__name__}: {error}"
    try:
        path = private_folder(home().logs) / "crash.log"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE)
        with os.fdopen(descriptor, "a", encoding="utf-8", errors="replace") as file:
            file.writelines(traceback.format_exception(error))
    except (OSError, TalecraftError):
        note(f"Something failed unexpectedly ({said}), and no log could be written.")
    else:
        note(f"Something failed unexpectedly ({said}). Details: {path}")
    return 1


def _utf8(encoding: str) -> bool:
    return encoding.lower().replace("-", "").replace("_", "") == "utf8"
