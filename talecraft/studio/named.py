"""What is fitted and kept by a name of the writer's choosing."""

from __future__ import annotations

from collections.abc import Iterable

from talecraft.errors import UsageError
from talecraft.paths import file_stem


def checked(name: str, what: str) -> str:
    """The name, which can be a file's. Raises UsageError where it cannot."""
    if not name or file_stem(name) != name or name.startswith("."):
        raise UsageError(
            f"'{name}' is no name for a {what}.",
            "Use letters, digits, dots and hyphens, at most 40.",
        )
    return name


def unknown(name: str, what: str, known: Iterable[str]) -> UsageError:
    """That there is none of this name."""
    return UsageError(
        f"There is no {what} '{name}' (known: {', '.join(known) or 'none yet'}).",
        f"Fit one: `talecraft {what} fit`.",
    )
