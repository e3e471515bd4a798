"""What the writer wants remembered beside the text: memory, lore and characters, a note to the
model, the story so far. Values; where in the tree each holds is for `library` to know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec
import regex

from talecraft.errors import UsageError

EntryKind = Literal["lore", "character"]

_PATTERN = re.compile(r"/(?P<pattern>.+)/(?P<flags>[ims]*)", re.DOTALL)
_PATIENCE = 0.1  # seconds a pattern may look through the newest passages
SCAN = 3  # passages looked through for an entry's keys where it does not say
DEPTH = 1


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person, a place, a rule of the story's world: shown to the model when it is spoken of.

    It is called where one of its `keys` (a word, a phrase, or `/a regular expression/`; without any
    its title) stands in one of the last `scan` passages; `always` it needs no call. Where there is
    no room for all, those of the highest `priority` come in. `limit` is the most of it that is
    shown, in tokens; 0: all of it.
    """

    title: str
    text: str
    kind: EntryKind = "lore"
    keys: tuple[str, ...] = ()
    always: bool = False
    priority: int = 0
    scan: int = SCAN
    limit: int = 0

    @property
    def told(self) -> str:
        """As it stands before the model: what it is about is said first."""
        if self.text.lower().startswith(self.title.lower()):
            return self.text
        return f"{self.title}: {self.text}"


class AuthorsNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A word to the model that stands `depth` passages before the end of the text."""

    text: str = ""
    depth: int = DEPTH


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The story up to and with turn `upto` (0: from no turn on) in the writer's own words."""

    text: str = ""
    upto: int = 0


class Notes(msgspec.Struct, frozen=True):
    """All that holds at one place of a story. `entries` by their keys in the library; without
    `plans` the model is not shown its earlier outlines."""

    memory: str = ""
    note: AuthorsNote = AuthorsNote()
    summary: Summary = Summary()
    plans: bool = True
    entries: dict[str, Entry] = {}

    @property
    def ordered(self) -> list[Entry]:
        """What needs no call first, then by priority, then by title."""
        return sorted(
            self.entries.values(), key=lambda one: (not one.always, -one.priority, one.title)
        )


def check(entry: Entry) -> None:
    """Raise UsageError unless this entry can be used."""
    if not entry.title.strip():
        raise UsageError("An entry needs a title.")
    if not entry.text.strip():
        raise UsageError(f"{entry.title}: there is nothing to tell the model.")
    for name, value, least in (("scan", entry.scan, 1), ("limit", entry.limit, 0)):
        if value < least:
            raise UsageError(f"{entry.title}: {name} is {value}.", f"At least {least}.")
    for key in entry.keys:
        found = _PATTERN.fullmatch(key)
        if found is not None:
            try:
                _compiled(found)
            except regex.error as error:
                raise UsageError(
                    f"{entry.title}: {key} is no regular expression: {error}"
                ) from None


def called(entry: Entry, passages: Sequence[str]) -> bool:
    """Whether `passages`, the newest last, speak of it. Words are found whole, in any case; a
    pattern that takes too long finds nothing."""
    newest = "\n".join(passages[-entry.scan :])
    return entry.always or any(_found(key, newest) for key in entry.keys or (entry.title,))


def _found(key: str, text: str) -> bool:
    pattern = _PATTERN.fullmatch(key)
    if pattern is None:
        words = r"\s+".join(re.escape(word) for word in key.split())
        return bool(words) and re.search(rf"(?<!\w){words}(?!\w)", text, re.I) is not None
    try:
        return _compiled(pattern).search(text, timeout=_PATIENCE) is not None
    except (regex.error, TimeoutError):
        return False


def _compiled(found: re.Match[str]) -> regex.Pattern[str]:
    flags = {"i": regex.I, "m": regex.M, "s": regex.S}
    chosen = 0
    for letter in found["flags"]:
        chosen |= flags[letter]
    return regex.compile(found["pattern"], chosen)
