"""Simulated writers through the whole program: written, scored, trained, judged on unseen prompts.

python -m benchmarks.learning [--taste dialogue] [--seeds 1] [--stories 12] [--turns 10]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from benchmarks import report
from benchmarks.prompts import unseen
from benchmarks.report import Row
from talecraft.config.assets import reference
from talecraft.paths import Home
from talecraft.process.environment import child_environment
from talecraft.process.run_events import Outcome
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Turn
from talecraft.studio import Studio, simulated
from talecraft.studio.waiting import Inbox, follow

NOISE = 0.15
PROMPTS = 96


@dataclass(frozen=True)
class Cell:
    """One simulated writer, one seed. `win` on unseen prompts, ties half; 0.5 if not adopted."""

    state: str
    words: str
    win: float
    low: float
    high: float
    before: float
    after: float
    perplexity: float
    kl: float
    seconds: float


class Bench:
    def __init__(self, folder: Path, seed: int) -> None:
        self.inbox = Inbox()
        base = folder / "home"
        self.studio = Studio(self.inbox.put, Home(base / "d", base / "c", base / "k", base / "l"))
        self.studio.start_engine()
        self.inbox.loaded(None, lambda event: None)
        self.seed = seed

    def turn(self, story: int, seed: int) -> Turn:
        request = self.studio.writing.continue_story(story, seed=seed)
        return self.inbox.written(request, lambda event: None).turn

    def log(self, stories: int, turns: int) -> list[Turn]:
        premises = np.random.default_rng(self.seed).permutation(reference("prompt"))[:stories]
        written = []
        for number, premise in enumerate(premises):
            story = self.studio.writing.new_story(str(premise)).id
            written += [
                self.turn(story, self.seed * 100_000 + number * 100 + i) for i in range(turns)
            ]
        return written

    def values(self, taste: simulated.Taste) -> np.ndarray:
        """What the hidden taste thinks of a first passage after each unseen prompt."""
        return np.array(
            [
                taste(self.turn(self.studio.writing.new_story(premise).id, 1_000 + i).prose)
                for i, premise in enumerate(unseen(PROMPTS))
            ]
        )


def cell(taste_name: str, seed: int, stories: int, turns: int) -> Cell:
    """Everything through the program itself, in a home of its own."""
    taste = simulated.taste(taste_name)
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name), seed)
        studio = bench.studio
        with studio:
            written = bench.log(stories, turns)
            stars = simulated.grade([taste(turn.prose) for turn in written], NOISE, seed)
            studio.writing.score_many(
                [Feedback(0, t.id, "stars", s) for t, s in zip(written, stars, strict=True)]
            )
            started = time.monotonic()
            run = studio.training.start(studio.model, seed)
            for _ in follow(studio.training, run.id):
                pass
            seconds = time.monotonic() - started
            studio.training.settle()
            ended = studio.library.runs.get(run.id)
            if not ended.outcome:
                raise RuntimeError(ended.error)
            outcome = msgspec.json.decode(ended.outcome, type=Outcome)
            figures = {check.name: check.value for check in outcome.checks}
            shared = (figures.get("perplexity", 1.0), figures.get("kl", 0.0), seconds)
            before = bench.values(taste)
            if outcome.state != "adopted":
                mean = float(before.mean())
                return Cell(outcome.state, outcome.words, 0.5, 0.5, 0.5, mean, mean, *shared)
            studio.reload()
            bench.inbox.loaded(ended.adapter_id, lambda event: None)
            after = bench.values(taste)
    wins = np.where(before == after, 0.5, after > before)
    draws = np.random.default_rng(0).integers(0, len(wins), (2000, len(wins)))
    low, high = np.percentile(wins[draws].mean(1), [5, 95])
    return Cell(
        outcome.state, outcome.words, float(wins.mean()), float(low), float(high),
        float(before.mean()), float(after.mean()), *shared,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--taste", default="dialogue")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--stories", type=int, default=12)
    parser.add_argument("--turns", type=int, default=10)
    options = parser.parse_args()
    os.environ.update({k: v for k, v in child_environment().items() if k.startswith("OMP")})
    rows = []
    for seed in range(1, options.seeds + 1):
        found = cell(options.taste, seed, options.stories, options.turns)
        print(seed, found, flush=True)
        interval = f" [{found.low:.2f}, {found.high:.2f}] ({found.state})"
        interval += f", taste {found.before:.2f} -> {found.after:.2f}"
        rows += [
            Row.least(f"seed {seed}: win on {PROMPTS} unseen prompts", found.win, 0.70, interval),
            Row.most(f"seed {seed}: perplexity of neutral prose", found.perplexity, 1.25, "x"),
            Row.seconds(f"seed {seed}: the run", [found.seconds], 240),
        ]
    report.write(
        f"Learning: {options.taste}, {options.stories} stories x {options.turns} turns",
        f"python -m benchmarks.learning --taste {options.taste} --seeds {options.seeds}",
        rows,
        f"A simulated writer (noise {NOISE:.0%} of the range), not a human one. Win: share of"
        " prompts whose first passage the hidden taste prefers after training, ties half, with its"
        " 90 % bootstrap interval.",
    )


if __name__ == "__main__":
    main()
