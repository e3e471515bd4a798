"""`talecraft engine`: this machine's models write for a page on another."""

from __future__ import annotations

import typer


def engine() -> None:
    """Write, or train, for a page on another machine: speaks JSON lines on stdin and stdout.

    There, `talecraft config set engine.command "ssh THIS-MACHINE talecraft engine"`. Models are
    this machine's own; adapters are sent from there and checked.
    """
    from talecraft.paths import home
    from talecraft.studio.serving import serve

    raise typer.Exit(serve(home()))
