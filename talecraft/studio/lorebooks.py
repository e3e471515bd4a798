"""Lorebooks of other programs: SillyTavern's world info and character cards, NovelAI, KoboldAI."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from talecraft.errors import UsageError
from talecraft.story.clean import clean
from talecraft.story.notes import Entry, check, unusable
from talecraft.studio import foreign

MOST_BYTES = 20_000_000
MOST_SCAN = 100  # passages
_FURTHEST = 1_000_000  # of a priority
# What others call it; the first that is there counts.
_KEYS = ("keys", "key")
_TEXTS = ("content", "text", "entry")
_TITLES = ("displayName", "comment", "name")
_ALWAYS = ("constant", "forceActivation")
_PRIORITIES = ("order", "insertion_order", "priority", "budgetPriority")


def read(path: Path) -> tuple[list[Entry], int]:
    """Every entry of the file that is in use there, and how many of these say nothing that could
    be used. Of several with one title all but the first are numbered.

    Raises UsageError where there are none.
    """
    used = [one for one in _entries(foreign.read(path, "lorebook", MOST_BYTES)) if _in_use(one)]
    found = [entry for one in used if (entry := _entry(one)) is not None]
    if not found:
        raise UsageError(
            f"{path}: no lore is there.",
            "SillyTavern, NovelAI and KoboldAI export lorebooks as JSON.",
        )
    entries: dict[str, Entry] = {}
    numbers: Counter[str] = Counter()
    for entry in found:
        title = entry.title
        while title.lower() in entries:
            numbers[entry.title.lower()] += 1
            title = f"{entry.title} {numbers[entry.title.lower()] + 1}"
        entries[title.lower()] = msgspec.structs.replace(entry, title=title)
    return list(entries.values()), len(used) - len(found)


def _in_use(table: object) -> bool:
    return (
        isinstance(table, dict)
        and table.get("disable") is not True
        and table.get("enabled") is not False
    )


def _entries(table: object) -> Sequence[Any]:
    """Where the entries are: each program has a place of its own."""
    if isinstance(table, list):
        return table
    if not isinstance(table, dict):
        return ()
    for name in ("entries", "worldinfo"):
        held = table.get(name)
        if isinstance(held, list):
            return held
        if isinstance(held, dict):
            return list(held.values())
    for name in ("data", "character_book"):
        if isinstance(table.get(name), dict):
            return _entries(table[name])
    return ()


def _entry(table: Mapping[str, Any]) -> Entry | None:
    """None for what is no entry. A pattern of another dialect is left out, its entry is not."""
    keys = [key for key in _words(_first(table, _KEYS)) if not unusable(key)]
    text = _first(table, _TEXTS)
    title = _first(table, _TITLES)
    title = foreign.line(title) if isinstance(title, str) else ""
    title = title or next((key for key in keys if not key.startswith("/")), "")
    if not isinstance(text, str) or not title:
        return None
    inner = table.get("contextConfig")
    numbers = {**(inner if isinstance(inner, dict) else {}), **table}
    entry = Entry(
        title[:80],
        clean(text.encode("utf-8", "ignore").decode()).strip(),
        keys=tuple(keys),
        always=_first(table, _ALWAYS) is True,
        priority=_whole(_first(numbers, _PRIORITIES), -_FURTHEST, _FURTHEST, 0),
        scan=_whole(table.get("scanDepth"), 1, MOST_SCAN, Entry("", "").scan),
    )
    try:
        check(entry)
    except UsageError:
        return None
    return entry


def _first(table: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((table[name] for name in names if table.get(name) not in (None, [], "")), None)


def _words(value: object) -> list[str]:
    """A list of keys, or a line of them with commas between."""
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list):
        return []
    return [one for one in (foreign.line(key) for key in found if isinstance(key, str)) if one]


def _whole(value: object, low: int, high: int, otherwise: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return otherwise
    return int(min(high, max(low, value)))
