"""Everything Talecraft tells a user has gone wrong, each kind with its exit code.

The codes are an interface (scripts rely on them) and are listed in README.md:
0 ok, 1 failed, 2 usage, configuration or no terminal, 3 try again later, 4 does not fit,
5 gated or not authorised, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def meant(name: str, known: Iterable[str]) -> str:
    """What was probably meant by a name that is none, as a question; '' where nothing is near."""
    near = get_close_matches(name, list(known), 1, 0.7)
    return f"Is it {near[0]}?" if near else ""


class TalecraftError(Exception):
    """Something the user can understand and act on; never a programming error.

    `message` says what happened and where, `hint` what to do about it. Both are one line.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = " ".join(message.split())
        self.hint = " ".join(hint.split())
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(TalecraftError):
    """The request itself cannot be right: an unknown id, an empty prompt, no terminal."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file says something that cannot be used; names file and line."""


class LibraryError(TalecraftError):
    """The library on disk cannot be read or written."""


class EngineError(TalecraftError):
    """The engine could not do what was asked, or has stopped."""


class AdapterError(TalecraftError):
    """An adapter is damaged, foreign or unknown, and was not loaded."""


class BusyError(TalecraftError):
    """Something else is at work; the same request may succeed later."""

    exit_code = 3


class DoesNotFit(TalecraftError):
    """There is not enough memory or disk for what was asked."""

    exit_code = 4


class NotAuthorised(TalecraftError):
    """A gated model needs a licence accepted or a token."""

    exit_code = 5


def os_reason(error: OSError) -> str:
    """The operating system's own words for `error`, without the path it repeats."""
    return (error.strerror or type(error).__name__).lower()
