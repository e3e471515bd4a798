"""What the writer wants remembered beside the text: memory, lore and characters, a note to the
model, the story so far. Values; where in the tree each holds is for `library` to know."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import msgspec
import regex

from talecraft.errors import UsageError

EntryKind = Literal["lore", "character"]

# As SillyTavern writes them; of the flags g, u and y say nothing here.
_PATTERN = re.compile(r"/(?P<pattern>.+)/(?P<flags>[gimsuy]*)", re.DOTALL)
_REPEATS = re.compile(r"(?<=[{,])\d+(?=[,}])")
_NEVER = regex.compile(r"(?!)")
LONGEST_PATTERN, MOST_REPEATS = 500, 2000
_WRONG = (regex.error, ValueError, RecursionError, MemoryError, OverflowError)
PATIENCE = 0.2  # seconds for all patterns of a story, each time it is shown to the model
NOT_CALLED, TOO_SLOW = "not spoken of", "its pattern takes too long"
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
        if why := unusable(key):
            raise UsageError(f"{entry.title}: {key[:80]} {why}.")


def unusable(key: str) -> str:
    """Why this key can call nothing; empty where it can."""
    found = _PATTERN.fullmatch(key)
    if found is None:
        return ""
    if len(key) > LONGEST_PATTERN:
        return f"is longer than {LONGEST_PATTERN} characters"
    times = 1
    for count in _REPEATS.findall("".join(found["pattern"].split())):
        times *= max(1, int(count))
    if times > MOST_REPEATS:  # one within another: that is how many there would be
        return f"repeats something more than {MOST_REPEATS} times"
    try:
        _made(found)
    except _WRONG as error:
        return f"is no regular expression: {str(error)[:80]}"
    return ""


def keys_of(line: str) -> tuple[str, ...]:
    """The keys of a line: commas divide them, but not within a /pattern/."""
    keys: list[str] = []
    for part in line.split(","):
        open_pattern = keys and keys[-1].startswith("/") and keys[-1].count("/") < 2
        if open_pattern:
            keys[-1] += f",{part}"
        else:
            keys.append(part.strip())
    return tuple(key for key in keys if key)


class Calling:
    """What `passages`, the newest last, speak of. All patterns together have PATIENCE seconds: an
    entry whose pattern takes longer is not called by it."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._passages = passages
        self._left = PATIENCE

    def why_not(self, entry: Entry) -> str:
        """Why this entry is not called; empty where it is. Words are found whole, in any case."""
        if entry.always:
            return ""
        newest, why = "\n".join(self._passages[-entry.scan :]), NOT_CALLED
        for key in entry.keys or (entry.title,):
            if _PATTERN.fullmatch(key) is None:
                if _compiled(key).search(newest):
                    return ""
                continue
            started = time.monotonic()
            try:
                if self._left > 0 and _compiled(key).search(newest, timeout=self._left):
                    return ""
                why = why if self._left > 0 else TOO_SLOW
            except TimeoutError:
                why = TOO_SLOW
            finally:
                self._left -= time.monotonic() - started
        return why


@lru_cache(4096)
def _compiled(key: str) -> regex.Pattern[str]:
    """A pattern as it is, or one that finds nothing; words with any blanks between them, and whole:
    where an edge is a letter of a script that puts blanks between words, none may stand there."""
    found = _PATTERN.fullmatch(key)
    if found is not None:
        return _NEVER if unusable(key) else _made(found)
    words = r"\s+".join(regex.escape(word) for word in key.split())
    if not words:
        return _NEVER
    before = r"(?<!\w)" if _is_spaced(key.strip()[0]) else ""
    after = r"(?!\w)" if _is_spaced(key.strip()[-1]) else ""
    return regex.compile(before + words + after, regex.I)


def _made(found: re.Match[str]) -> regex.Pattern[str]:
    flags = {"i": regex.I, "m": regex.M, "s": regex.S}
    chosen = 0
    for letter in found["flags"]:
        chosen |= flags.get(letter, 0)
    return regex.compile(found["pattern"], chosen)


def _is_spaced(letter: str) -> bool:
    return letter.isdigit() or letter.lower() != letter.upper()
