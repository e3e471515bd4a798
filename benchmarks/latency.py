"""`python -m benchmarks.latency`: from a key to its paint, while a run works and while it waits.

The real program in a pseudo-terminal, the real engine, a real run over sixty passages that it wrote
and a simulated writer scored. Keys are pressed at a quick typist's pace, at random moments.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import string
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.report import Row
from benchmarks.terminal import BACKSPACE, ENTER, FIRST, Page
from talecraft.config.assets import reference
from talecraft.studio import simulated

KEYS = 200  # of each kind
LINE = 30  # typed before Enter sends them
PAUSE = (0.04, 0.16)  # seconds between two keys
BAR_MS = 100.0


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
            typed = FIRST
            page.press(FIRST.encode())
            for _ in range(LINE):
                page.settle(chance.uniform(*PAUSE))
                kind = generating if page.generating else working
                typed += chance.choice(string.ascii_lowercase)
                kind.append(1000 * page.painted(typed))
            if page.generating or chance.random() < 0.5:
                page.press(BACKSPACE * len(typed))
            else:
                page.press(ENTER)
            page.settle(0.5)
        if f"{run} is going" not in talecraft(home, "train", "status", run):
            raise RuntimeError(f"Run {run} ended before enough keys were pressed.")
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
