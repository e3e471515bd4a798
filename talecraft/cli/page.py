"""Opening the page, and the one place where errors become a line and an exit code.

Without typer: whoever only opens the page need not wait for a parser of command lines.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from talecraft.cli import console
from talecraft.errors import TalecraftError, UsageError

# Opens the page on a model, or the one in use, plainly or not.
OpenPage = Callable[[str | None, bool], int]


def open_on(
    model: str | None, open_page: OpenPage, plain: bool = False, colour: bool = True
) -> int:
    """The page until the writer leaves it. Raises UsageError where there is no terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "The page needs a terminal on both ends.",
            "In scripts and pipes use the commands: see `talecraft --help`.",
        )
    if not colour:
        os.environ["NO_COLOR"] = "1"
    return open_page(model, plain)


def guarded(command: Callable[[], object]) -> int:
    """Do it; returns the exit code. No error leaves as a traceback."""
    console.prepare()
    try:
        code = command()
        sys.stdout.flush()
    except TalecraftError as error:
        return console.fail(error)
    except KeyboardInterrupt:
        console.note("Interrupted.")
        return 130
    except BrokenPipeError:  # whoever read us has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # a defect: to be reported, not shown as a traceback
        return console.crash(error)
    return code if isinstance(code, int) else 0
