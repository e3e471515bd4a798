"""The command `talecraft`. Nothing but the standard library is imported before it is needed."""

from __future__ import annotations

import gc
import sys
from typing import Any


def main() -> None:
    """Run the command line; without a command open the page."""
    if not sys.argv[1:]:
        from talecraft.cli.page import guarded, open_on

        sys.exit(guarded(lambda: open_on(None, _open_page)))
    from talecraft.cli.main import run

    sys.exit(run(sys.argv[1:], _open_page, _list_keys))


def _open_page(model: str | None, plain: bool = False) -> int:
    # Little of what is made while the page opens is garbage; it can wait until the first frame.
    gc.disable()
    from talecraft.app.main import run

    return run(model, plain)


def _list_keys() -> tuple[list[dict[str, Any]], list[str]]:
    from talecraft.app.main import list_keys

    return list_keys()


if __name__ == "__main__":
    main()
