"""Opening Talecraft in a terminal."""

from __future__ import annotations

import sys
from typing import Any

from talecraft.app import pasting
from talecraft.app.app import TalecraftApp
from talecraft.studio import Studio


def run(model: str | None = None, plain: bool = False) -> int:
    """Open the studio and show the page until the writer quits; returns the exit code.

    Raises TalecraftError before the screen is taken: nothing is drawn over it.
    """
    pasting.quicken()
    app = TalecraftApp(lambda listener: Studio(listener, model=model), plain=plain)
    try:
        code = app.run()
    finally:
        app.let_go_of_terminal()
        app.studio.close()
        if app.farewell:
            print(app.farewell, file=sys.stderr)
    return code if code is not None else app.return_code or 0


def list_keys() -> tuple[list[dict[str, Any]], list[str]]:
    """Everything that keys do, with the keys in force, and what does not hold of the writer's own.

    Raises ConfigError.
    """
    from talecraft.app.rebinding import known_ids, of_settings
    from talecraft.config import models
    from talecraft.paths import home
    from talecraft.studio.preferences import Preferences

    place = home()
    keymap, refused = of_settings(Preferences(place, models.load(place)).settings, place)
    rows = [
        {
            "id": name,
            "keys": list(keymap.own.get(name, known.keys)),
            "does": known.words,
            "rebound": name in keymap.own,
        }
        for name, known in known_ids().items()
    ]
    return rows, refused
