"""The writer's own text editor, lent a passage or a draft as a private file.

The steps are apart because the terminal must be the editor's for one of them only, and come back
whatever happens there.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from talecraft.errors import LibraryError, UsageError, os_reason
from talecraft.paths import Home, private_folder, private_write
from talecraft.story.clean import clean, clean_line

_NAMES = ("VISUAL", "EDITOR")


class Returned(msgspec.Struct, frozen=True):
    """What the editor left, clean; `words` say what the writer must know of it, if anything."""

    text: str
    words: str = ""


def command(environment: Mapping[str, str] = os.environ) -> Sequence[str]:
    """The program and its arguments, from VISUAL, else EDITOR. Raises UsageError."""
    for name in _NAMES:
        try:
            found = shlex.split(environment.get(name, ""))
        except ValueError as error:
            raise UsageError(
                f"{name} cannot be read as a command: a quotation mark is not closed.",
                f"Set it anew, for example: export {name}=nano",
            ) from error
        if found:
            if shutil.which(found[0], path=environment.get("PATH")) is None:
                raise UsageError(
                    f"There is no program '{clean_line(found[0])}', which {name} names.",
                    f"Install it, or set {name} to one that is there.",
                )
            return found
    raise UsageError("No editor is set.", "Set one, for example: export EDITOR=nano")


@contextmanager
def lent(text: str, home: Home) -> Iterator[Path]:
    """A file with `text` that only this user can read, in a folder that only this user can enter;
    both are gone afterwards, with whatever else the editor has left there. Raises LibraryError."""
    try:
        folder = Path(tempfile.mkdtemp(dir=private_folder(home.cache / "editing")))
    except OSError as error:
        raise LibraryError(
            f"No file could be made for the editor: {os_reason(error)}.", "Free some space."
        ) from error
    try:
        file = folder / "passage.txt"
        private_write(file, f"{text}\n".encode())
        yield file
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(program: Sequence[str], file: Path) -> str:
    """Let the editor work until it ends; '' where it ended well, else what went wrong. Raises
    nothing: whoever lent the terminal must get it back."""
    with _undisturbed():
        try:
            status = subprocess.run([*program, str(file)], check=False).returncode
        except (OSError, ValueError) as error:
            return os_reason(error) if isinstance(error, OSError) else str(error)
    if status < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-status).name
    return f"exit {status}" if status else ""


def taken(before: str, file: Path, program: Sequence[str], problem: str) -> Returned:
    """The text that goes on: what the editor saved, also where it failed afterwards, for that was
    typed; `before` where it left nothing that can be read."""
    name = clean_line(Path(program[0]).name)
    try:
        saved = clean(file.read_bytes().decode(errors="replace")).removesuffix("\n")
    except OSError as error:
        problem = problem or os_reason(error)
        return Returned(before, f"{name} left no file ({problem}). Your text is as it was.")
    if problem and (not saved.strip() or saved == before):
        return Returned(before, f"{name} ended badly ({problem}). Your text is as it was.")
    if problem:
        kept = "What it had saved is here; undo takes it back."
        return Returned(saved, f"{name} ended badly ({problem}). {kept}")
    if before.strip() and not saved.strip():
        return Returned(saved, "The text came back empty; undo brings it back.")
    return Returned(saved)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl+C in the terminal is the editor's now. A handler that does nothing, not SIG_IGN: what
    is ignored here the editor would inherit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
