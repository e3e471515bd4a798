"""`talecraft engine` whose runs are tiny ones."""

from __future__ import annotations

import sys

from talecraft.paths import home
from talecraft.process import run_client
from talecraft.studio.serving import serve
from tests.support import tiny

if __name__ == "__main__":
    run_client.COMMAND = tiny.RUN
    sys.exit(serve(home()))
