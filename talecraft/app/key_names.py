"""Names of keys: as they are put into the `[keymap]` table, and as they are said on the page."""

from __future__ import annotations

import unicodedata

from textual.keys import (
    KEY_NAME_REPLACEMENTS,
    KEY_TO_UNICODE_NAME,
    Keys,
    _character_to_key,
    format_key,
    key_to_character,
)

from talecraft.app.marks import plain

_MODIFIERS = {"alt", "ctrl", "hyper", "meta", "shift", "super"}
_OTHER_NAMES = {
    "del": "delete", "esc": "escape", "ins": "insert", "page_down": "pagedown",
    "page_up": "pageup", "pgdn": "pagedown", "pgup": "pageup", "return": "enter",
}  # fmt: skip
_KNOWN = {key.value for key in Keys if key.value.isalnum()} | set(KEY_TO_UNICODE_NAME)
_KNOWN |= set(KEY_NAME_REPLACEMENTS.values())
# What most terminals send for these cannot be told from another key.
_TAKEN = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape"}
_SAID = {
    "enter": "Enter", "escape": "Esc", "tab": "Tab", "backspace": "Backspace", "delete": "Delete",
    "pageup": "Page up", "pagedown": "Page down", "home": "Home", "end": "End",
    "insert": "Insert",
}  # fmt: skip
_ARROWS = ("left", "right", "up", "down")


def parse(keys: str) -> tuple[str, ...]:
    """Comma-separated names of keys, in Textual's spelling. Raises ValueError that says why not."""
    names = [name.strip() for name in keys.split(",")]
    if not all(names):
        raise ValueError("a key is missing (a comma itself is called comma)")
    return tuple(dict.fromkeys(_parse(name) for name in names))


def _parse(name: str) -> str:
    *modifiers, base = [name] if len(name) == 1 else name.split("+")
    modifiers = sorted({modifier.strip().lower() for modifier in modifiers})
    base = base.strip()
    if len(base) > 1:
        base = base.lower().replace("-", "_")
        base = _OTHER_NAMES.get(base, base)
    elif base and modifiers:
        base = base.lower()
    if modifiers == ["shift"] and len(base) == 1 and base.isalpha():
        modifiers, base = [], base.upper()  # that is what comes from the keyboard
    if not set(modifiers) <= _MODIFIERS or not _known(base):
        raise ValueError(f"there is no key called '{name}'")
    key = "+".join([*modifiers, _character_to_key(base) if len(base) == 1 else base])
    if key in _TAKEN:
        raise ValueError(f"most terminals cannot tell {key} from {_TAKEN[key]}")
    return key


def _known(base: str) -> bool:
    if len(base) == 1:
        return base.isprintable()
    if base in _KNOWN:
        return True
    try:
        return unicodedata.lookup(base.replace("_", " ")).isprintable()
    except KeyError:
        return False


def character(key: str) -> str:
    """What `key` types into a text; nothing where it types nothing."""
    typed = key_to_character(key) or ""
    return typed if typed.isprintable() else ""


def told(key: str) -> str:
    """`key` where one reads of it: `Ctrl+R`, `F3`, `Esc`, `u`, `=`."""
    *modifiers, base = key.split("+")
    return "+".join([*(modifier.capitalize() for modifier in modifiers), _told(base, modifiers)])


def _told(base: str, modifiers: list[str]) -> str:
    if base in _SAID:
        return _SAID[base]
    if base in _ARROWS and plain():
        return base.capitalize()
    if base[0] == "f" and base[1:].isdigit():
        return base.upper()
    sign = format_key(base)
    return sign.upper() if modifiers else sign


def plainly(key: str) -> str:
    """`key` in letters only, for the footer and the help of a plain page."""
    return key.replace("escape", "esc").replace("_", " ")
