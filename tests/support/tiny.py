"""How tests use the tiny engine and the tiny run: real processes, no torch."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from talecraft.process.messages import Generate, Load, ModelRef
from talecraft.story.context import Block, PromptStyle
from talecraft.story.turns import Sampling

HERE = Path(__file__).parent
ENGINE = (sys.executable, str(HERE / "tiny_engine.py"))
RUN = (sys.executable, str(HERE / "tiny_run.py"))
LOOK = (sys.executable, str(HERE / "tiny_look.py"))
PROBE = (sys.executable, str(HERE / "tiny_probe.py"))
SURVEY = (sys.executable, str(HERE / "tiny_survey.py"))
FITTING = (sys.executable, str(HERE / "tiny_fitting.py"))
STYLING = (sys.executable, str(HERE / "tiny_styling.py"))
SECONDS = 20.0
T = TypeVar("T")


class Heard:
    """Every event so far; `wait` until one of them is as wanted."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self._news = threading.Condition()

    def __call__(self, event: Any) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def wait(
        self, kind: type[T], wanted: Callable[[T], bool] = lambda one: True, nth: int = 1
    ) -> T:
        """The nth event of a kind, once it has come."""
        deadline = time.monotonic() + SECONDS
        with self._news:
            while True:
                found = [one for one in self.events if isinstance(one, kind) and wanted(one)]
                if len(found) >= nth:
                    return found[nth - 1]
                left = deadline - time.monotonic()
                assert left > 0, f"no {kind.__name__} among {self.events}"
                self._news.wait(left)


def until(happened: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait for what no event tells."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """No such process, or only its zombie, waiting to be read by whoever inherited it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def load(model: str = "m") -> Load:
    return Load(ModelRef(model, "r1", "/m", "none", 512, PromptStyle()))


def generate(request: int, text: str, seed: int = 1) -> Generate:
    return Generate(request, [Block(text)], Sampling(seed=seed))
