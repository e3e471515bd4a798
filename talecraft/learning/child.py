"""How a process that learns begins: its log, its manners, its place behind the page."""

from __future__ import annotations

import os

from talecraft.engine import loading
from talecraft.process.child import log_to_stderr


def begin(nice: int) -> None:
    """`nice` is how far it steps back behind others, where it was asked to (background)."""
    log_to_stderr()
    if os.environ.get("TALECRAFT_BACKGROUND"):
        os.nice(nice)  # before there are threads, which would stay where they began
    loading.settle_in()
