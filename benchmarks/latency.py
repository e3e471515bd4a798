"""`python -m benchmarks.latency`: from a key to its paint, while a run works and while it waits.

The real program in a pseudo-terminal, the real engine, a real run over sixty passages that it wrote
and a simulated writer scored. Keys are pressed at a quick typist's pace, at random moments.
"""

from __future__ import annotations

import json
import os
import pty
import random
import select
import statistics
import string
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyte

from benchmarks import report
from benchmarks.report import Row
from talecraft.config.assets import reference
from talecraft.studio import simulated

WIDTH, HEIGHT = 120, 40
KEYS = 200  # of each kind
LINE = 30  # typed before Enter sends them
PAUSE = (0.04, 0.16)  # seconds between two keys
BAR_MS = 100.0
ENTER, ESCAPE = b"\r", b"\x1b"


class Page:
    """The program in a terminal whose screen can be read."""

    def __init__(self, home: Path) -> None:
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.ByteStream(self._screen)
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            size = {"COLUMNS": str(WIDTH), "LINES": str(HEIGHT)}
            env = {**os.environ, **size, "TERM": "xterm-256color", "TALECRAFT_HOME": str(home)}
            os.execve(sys.executable, [sys.executable, "-m", "talecraft"], env)

    def read(self, seconds: float) -> float | None:
        """Take in what is painted within `seconds`; when it came, or None."""
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, seconds))
        if not ready:
            return None
        data = os.read(self._terminal, 65536)
        came = time.perf_counter()
        self._stream.feed(data)
        return came

    @property
    def lines(self) -> list[str]:
        return list(self._screen.display)

    @property
    def status(self) -> str:
        """The status line: what the engine and the run do."""
        return self.lines[-2]

    def press(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def until(self, words: str, seconds: float = 120) -> None:
        end = time.perf_counter() + seconds
        while not any(words in line for line in self.lines):
            self.read(0.1)
            if time.perf_counter() > end:
                raise RuntimeError(f"'{words}' did not come:\n" + "\n".join(self.lines))

    def settle(self, seconds: float) -> None:
        """Take in what is painted, for so long."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left)

    def painted(self, key: str, typed: str) -> float:
        """Press `key`; seconds until `typed`, which ends with it, is on the screen."""
        started = time.perf_counter()
        self.press(key.encode())
        while True:
            came = self.read(5.0)
            if came is None:
                raise RuntimeError(f"'{typed}' was not painted:\n" + "\n".join(self.lines))
            if any(typed in line for line in self.lines):
                return came - started

    def close(self) -> None:
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self._terminal)


def talecraft(home: Path, *words: str, given: str = "") -> str:
    """A command of the CLI; returns its stdout."""
    return subprocess.run(
        [sys.executable, "-m", "talecraft", *words],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TALECRAFT_HOME": str(home)},
        check=True,
    ).stdout


def scored(home: Path) -> None:
    """Sixty passages by the real engine, scored by a writer who likes long sentences."""
    premises = home / "premises.txt"
    premises.write_text("\n".join(reference("prompt")[40:52]))
    told = talecraft(
        home, "write", "--prompts", str(premises), "--count", "5", "--json", "--seed", "3"
    )
    turns = [json.loads(line) for line in told.splitlines()]
    stars = simulated.grade([simulated.long_sentences(t["prose"]) for t in turns], 0.05, seed=1)
    lines = (
        json.dumps({"turn": turn["turn"], "stars": star}) + "\n"
        for turn, star in zip(turns, stars, strict=True)
    )
    talecraft(home, "feedback", "add", "--from", "-", given="".join(lines))


def typing(home: Path) -> tuple[list[float], list[float]]:
    """Milliseconds from key to paint: while the run works, and while it waits for a generation."""
    chance = random.Random(1)
    working: list[float] = []
    generating: list[float] = []
    page = Page(home)
    try:
        page.until("llama-ember")
        page.press(ENTER)  # the newest story
        page.until("Write on, or press Enter")
        run = talecraft(home, "train", "run", "--detach", "--seed", "1").strip()
        page.until("training 1/")
        while min(len(working), len(generating)) < KEYS:
            typed = ""
            for _ in range(LINE):
                page.settle(chance.uniform(*PAUSE))
                if "training" not in page.status:
                    raise RuntimeError(f"Run {run} ended before enough keys were pressed.")
                kind = generating if "●" in page.status else working
                typed += chance.choice(string.ascii_lowercase)
                kind.append(1000 * page.painted(typed[-1], typed))
            if "●" not in page.status:
                page.press(ENTER)
                page.settle(0.3)
            else:
                for _ in typed:
                    page.press(b"\x7f")
                page.settle(0.5)
        return working, generating
    finally:
        page.close()
        subprocess.run(
            [sys.executable, "-m", "talecraft", "train", "stop"],
            env={**os.environ, "TALECRAFT_HOME": str(home)},
            stderr=subprocess.DEVNULL,
            check=False,
        )


def row(what: str, times: list[float]) -> Row:
    p50, p95, p99 = (statistics.quantiles(times, n=100)[i - 1] for i in (50, 95, 99))
    figure = f"p95 {p95:.0f} ms (p50 {p50:.0f}, p99 {p99:.0f}, {len(times)} keys)"
    return Row(what, figure, f"<= {BAR_MS:.0f} ms", p95 <= BAR_MS)


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        scored(home)
        working, generating = typing(home)
    return [
        row("key to paint while a run works", working),
        row("key to paint while a passage is written and a run waits for it", generating),
    ]


if __name__ == "__main__":
    report.write("Typing while it trains", "python -m benchmarks.latency", rows())
