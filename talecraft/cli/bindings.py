"""`talecraft keys`: which keys do what, and by which names they are rebound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import typer

from talecraft.cli import console
from talecraft.cli.page import OpenPage

# What can be rebound, a row each, and a line on every entry of the writer's that does not hold.
ListKeys = Callable[[], tuple[list[dict[str, Any]], list[str]]]


class Front(NamedTuple):
    """What the command line asks of the page, which it does not import itself."""

    open_page: OpenPage
    list_keys: ListKeys


def keys(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Which keys do what. The [keymap] of config.toml takes these ids; '*' marks yours."""
    front: Front = context.obj
    rows, refused = front.list_keys()
    for words in refused:
        console.note(words)
    if as_json:
        console.out_json(rows)
        return
    console.table(
        ("", "id", "keys", "what it does"),
        [
            ("*" if row["rebound"] else "", row["id"], ", ".join(row["keys"]), row["does"])
            for row in rows
        ],
    )
