"""`talecraft` over an engine and runs without torch: scripted_engine writes, tiny_run learns."""

from __future__ import annotations

import functools
import sys

import talecraft.studio
from talecraft.process import look, run_client
from tests.support import tiny

ENGINE = (sys.executable, "-m", "tests.support.scripted_engine")


def main() -> None:
    run_client.COMMAND = tiny.RUN
    look.COMMAND = tiny.LOOK
    talecraft.studio.Studio = functools.partial(  # type: ignore[assignment, misc]
        talecraft.studio.Studio, engine_command=ENGINE
    )
    from talecraft.__main__ import main as program

    program()


if __name__ == "__main__":
    main()
