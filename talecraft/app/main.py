"""Opening Talecraft in a terminal."""

from __future__ import annotations

from talecraft.app import pasting
from talecraft.app.app import TalecraftApp
from talecraft.studio import Studio


def run(model: str | None = None) -> int:
    """Open the studio and show the page until the writer quits; returns the exit code.

    Raises TalecraftError before the screen is taken: nothing is drawn over it.
    """
    pasting.quicken()
    app = TalecraftApp(lambda listener: Studio(listener, model=model))
    try:
        code = app.run()
    finally:
        app.studio.close()
    return code if code is not None else app.return_code or 0
