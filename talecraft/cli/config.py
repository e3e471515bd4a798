"""`talecraft config`: the settings, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from talecraft.cli import console

if TYPE_CHECKING:
    from talecraft.config.entries import Entry
    from talecraft.studio.preferences import Preferences

app = typer.Typer(help="Look at the settings and change them.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="As `config list` names it.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every setting; '*' marks those that are not at their default."""
    preferences = _open()
    shown = [_shape(preferences, entry) for entry in preferences.entries]
    if as_json:
        console.out_json(shown)
        return
    console.table(
        ("", "key", "value", "default", "range", "meaning"),
        [
            (
                "*" if entry.default != preferences.value(entry) else "",
                entry.key,
                entry.words(preferences.value(entry)),
                entry.words(entry.default),
                preferences.range(entry),
                entry.description,
            )
            for entry in preferences.entries
        ],
    )


@app.command()
def get(key: Key, as_json: Json = False) -> None:
    """The value of one setting; an empty line where it is automatic."""
    preferences = _open()
    _tell(preferences, _find(key), as_json)


@app.command("set")
def set_(
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="'' leaves it out.")],
    as_json: Json = False,
) -> None:
    """Set one. The file's comments and order stay. An open page reads it when F5 is pressed."""
    _put(key, value, as_json)


@app.command()
def reset(key: Key, as_json: Json = False) -> None:
    """Take one back to its default."""
    _put(key, None, as_json)


def _put(key: str, text: str | None, as_json: bool) -> None:
    preferences, entry = _open(), _find(key)
    preferences.put(entry, text)
    console.note(
        f"{entry.key} is {entry.words(preferences.value(entry))}, {preferences.holds(entry)}."
    )
    if as_json:
        _tell(preferences, entry, as_json)


def _open() -> Preferences:
    from talecraft.config import models
    from talecraft.paths import home
    from talecraft.studio.preferences import Preferences

    here = home()
    return Preferences(here, models.load(here))


def _find(key: str) -> Entry:
    from talecraft.config.entries import find

    return find(key)


def _tell(preferences: Preferences, entry: Entry, as_json: bool) -> None:
    if as_json:
        console.out_json(_shape(preferences, entry))
        return
    value = preferences.value(entry)
    console.out("" if value is None or value == "" else entry.words(value))


def _shape(preferences: Preferences, entry: Entry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "value": preferences.value(entry),
        "default": entry.default,
        "range": preferences.range(entry),
        "choices": list(preferences.choices(entry)),
        "meaning": entry.description,
        "holds": preferences.holds(entry),
    }
