"""The command `talecraft`. Nothing but the standard library is imported before it is needed."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; `talecraft engine` becomes the engine's own process instead."""
    if sys.argv[1:2] == ["engine"]:
        from talecraft.process.environment import child_environment

        command = [sys.executable, "-m", "talecraft.engine", *sys.argv[2:]]
        os.execve(sys.executable, command, child_environment())
    from talecraft.cli.main import run

    sys.exit(run(sys.argv[1:], _open_page))


def _open_page(model: str | None) -> int:
    from talecraft.app.main import run

    return run(model)


if __name__ == "__main__":
    main()
