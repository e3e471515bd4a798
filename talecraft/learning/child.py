"""How a process that learns begins: its log, its manners, its place behind the page."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from talecraft.engine import loading
from talecraft.errors import TalecraftError
from talecraft.learning.events import Events
from talecraft.process import run_client, run_events
from talecraft.process.child import answers, log_to_stderr
from talecraft.process.errand import Unfit
from talecraft.process.run_events import Outcome, RunEvent, RunSettings

WAITED_FOR = 5  # how far a child steps back that somebody waits for
Order = TypeVar("Order")
Say = Callable[[object], None]


def begin(nice: int) -> None:
    """`nice` is how far it steps back behind others, where it was asked to (background)."""
    log_to_stderr()
    if os.environ.get("TALECRAFT_BACKGROUND"):
        os.nice(nice)  # before there are threads, which would stay where they began
    loading.settle_in()


def answer(work: Callable[[Path, RunSettings], RunEvent]) -> int:
    """The whole life of a short child (process/errand.py), returning its exit code: the order in
    the folder that its command line names, and one event by `work`, or the outcome that says in
    words why there is none."""
    begin(WAITED_FOR)
    folder = Path(sys.argv[1])
    events = Events(folder)
    try:
        settings = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
        events.send(work(folder, settings))
    except (TalecraftError, MemoryError) as error:
        events.finish(Outcome("failed", str(error) or "Memory ran out."))
        return 1
    except Exception as error:
        logging.getLogger(__name__).exception("errand")
        events.finish(Outcome("failed", f"{type(error).__name__}: {error}."))
        return 1
    return 0


def fit(order: type[Order], work: Callable[[Order, Say], object], what: str, less: str) -> int:
    """The whole life of a child that fits `what` (errand.obtain): an order on standard input, and
    on standard output what `work` says of it and answers, or that it is Unfit. `less` is what helps
    where memory runs out. Returns its exit code."""
    begin(WAITED_FOR)
    say = answers()
    try:
        say(work(msgspec.json.decode(sys.stdin.buffer.read(), type=order), say))
    except TalecraftError as error:
        say(Unfit(error.message, error.hint))
    except MemoryError:
        say(Unfit("Memory ran out.", less))
    except Exception as error:
        logging.getLogger(__name__).exception("fitting")
        say(Unfit(f"{what} could not be fitted ({type(error).__name__}: {error})."))
    return 0
