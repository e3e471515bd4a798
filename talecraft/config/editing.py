"""Changing one key in the text of config.toml; comments, order and layout stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from talecraft.config import strict
from talecraft.config.entries import Entry, Value
from talecraft.config.settings import Settings
from talecraft.errors import ConfigError

if TYPE_CHECKING:
    from tomlkit.items import Table


def changed(source: str, path: Path, entry: Entry, value: Value) -> str:
    """`source` with this value at this key; None leaves the key out.

    Raises ConfigError where `source` cannot be read, or would not read as meant afterwards: then
    it is laid out so that it is changed better by hand.
    """
    before = strict.parse(source, path, Settings)
    wanted = entry.laid(before, entry.default if value is None else value)
    after = _edited(source, entry, value)
    try:
        read = strict.parse(after, path, Settings)
    except ConfigError:
        read = before
    if read != wanted:
        raise ConfigError(
            f"{path}: {entry.key} stands there in a way that is not changed from here.",
            "Change it in an editor; nothing was written.",
        )
    return after


def _edited(source: str, entry: Entry, value: Value) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError
    from tomlkit.items import Table

    try:
        document = tomlkit.parse(source)
        section: Any = document.get(entry.section)
        if value is None:
            if section is not None and entry.name in section:
                _leave_out(section, entry.name)
        elif section is None:
            section = tomlkit.table()
            section.append(entry.name, value)
            document.append(entry.section, section)
        elif entry.name in section or not isinstance(section, Table):
            section[entry.name] = value
        else:
            _append(section, entry.name, value)
        return document.as_string()
    except TOMLKitError:
        return source


def _append(section: Table, name: str, value: Value) -> None:
    """Put a key after the section's last one, before the words that introduce the next section:
    for tomlkit these are still of this one."""
    body = section.value.body
    last = max((at for at, (key, _) in enumerate(body) if key is not None), default=-1)
    blanks = [at for at, (_, item) in enumerate(body) if at > last and not item.as_string().strip()]
    tail = [item for _, item in body[blanks[0] :]] if blanks else []
    if blanks:
        del body[blanks[0] :]
    section.append(name, value)
    for item in tail:
        section.value.append(None, item)


def _leave_out(section: Any, name: str) -> None:
    """Take a key away; a line with a comment of its own becomes one altogether."""
    import tomlkit
    from tomlkit.items import Table

    body = section.value.body if isinstance(section, Table) else []
    for at, (key, item) in enumerate(body):
        if key is not None and key.key == name and item.trivia.comment:
            line = f"{name} = {item.as_string()}{item.trivia.comment_ws}{item.trivia.comment}"
            del section[name]
            body[at] = (None, tomlkit.comment(line))
            return
    del section[name]
