"""Simulated writers through the whole program: written, scored, trained, judged on unseen prompts.

python -m benchmarks.learning [--only dialogue] [--seeds 3] [--first 1] [--table]

A cell is one writer and one seed. Cells are kept in .cache/learning as they are done and not done
again while the code that learns is the same: kill it and start it again at will, also side by side
with --only. --table only writes RESULTS.md from what is there: the tables in which what is named
stands.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

import msgspec
import numpy as np

import talecraft
from benchmarks import learning_report, writers
from benchmarks.learning_report import BY
from benchmarks.writers import Writer
from talecraft.process.environment import child_environment
from talecraft.process.run_events import Outcome, Step
from talecraft.story.methods import METHODS, Method
from talecraft.studio import simulated
from talecraft.studio.recipe import AS_SET, Recipe
from talecraft.studio.waiting import follow

KEPT = Path(".cache/learning")
TASTES = ("long_sentences", "dialogue", "named_animal", "plain_words", "landscape")
NULL, ADVERSARY = "random", "repetition"
NULL_SEEDS = 9
ROUND, CHOICES = "-round", 24
ROUNDS = (f"dialogue{ROUND}",)
GROWING = "-growing"
GROWN = (f"long_sentences{GROWING}",)
COMPARED = ("long_sentences", "dialogue", "landscape")
BY_METHOD = tuple(f"{taste}{BY}{one}" for one in METHODS if one != "ppo" for taste in COMPARED)
_LEARNS = (
    "learning", "engine", "studio/simulated.py", "studio/evidence.py", "process/run_events.py",
    "assets",
)  # fmt: skip


class Cell(msgspec.Struct, frozen=True):
    """How one simulated writer fared. `win` on unseen prompts, ties half; 0.5 if not adopted."""

    name: str
    seed: int
    code: str
    state: str
    words: str
    win: float
    low: float
    high: float
    before: float
    after: float
    perplexity: float
    kl: float
    kl_target: float
    seconds: float
    rewards: list[float]
    distances: list[float]


def cell(name: str, seed: int) -> Cell:
    """Everything through the program itself, in a home of its own."""
    taste = simulated.taste(name)
    with writers.at_work(KEPT, seed, dogs=name == "named_animal") as writer:
        writer.score(taste)
        return _train(writer, name, seed, taste)


def by_method(name: str, seed: int) -> Cell:
    """The same log, learned from by the method that `name` ends in."""
    taste, method = name.split(BY)
    hidden = simulated.taste(taste)
    with writers.at_work(KEPT, seed) as writer:
        writer.score(hidden)
        return _train(writer, name, seed, hidden, Recipe(cast(Method, method)))


def taste_round(name: str, seed: int) -> Cell:
    """One taste round of CHOICES, and nothing else: `name` ends in ROUND."""
    taste = simulated.taste(name.removesuffix(ROUND))
    with writers.at_work(KEPT, seed, stories=False) as writer:
        writer.start()
        writer.taste_round(taste, CHOICES)
        return _train(writer, name, seed, taste)


def growing(name: str, seed: int) -> Cell:
    """Three runs in a row over a log that grows from a third to the whole; the last one's figures,
    and the furthest that any of them went from the root."""
    taste = simulated.taste(name.removesuffix(GROWING))
    with writers.at_work(KEPT, seed) as writer:
        turns = writer.written()
        stars = {turn.id: s for turn, s in zip(turns, writer.stars(taste), strict=True)}
        cells = []
        for third in range(3):
            new = turns[third * len(turns) // 3 : (third + 1) * len(turns) // 3]
            writer.say({turn.id: stars[turn.id] for turn in new})
            cells.append(_train(writer, name, seed, taste))
    return msgspec.structs.replace(cells[-1], kl=max(one.kl for one in cells))


def _train(
    writer: Writer, name: str, seed: int, taste: simulated.Taste, recipe: Recipe = AS_SET
) -> Cell:
    studio = writer.studio
    started = time.monotonic()
    run = studio.training.start(studio.model, seed, recipe=recipe)
    steps = [one for one in follow(studio.training, run.id) if isinstance(one, Step)]
    seconds = time.monotonic() - started
    studio.training.settle()
    ended = studio.library.runs.get(run.id)
    if not ended.outcome:
        raise RuntimeError(ended.error)
    outcome = msgspec.json.decode(ended.outcome, type=Outcome)
    figures = {check.name: check.value for check in outcome.checks}
    before = np.array([taste(prose) for prose in _base_passages()])
    after = before
    if outcome.state == "adopted":
        writer.start(ended.adapter_id)
        after = np.array([taste(prose) for prose in writer.first_passages()])
    wins = np.where(before == after, 0.5, after > before)
    draws = np.random.default_rng(0).integers(0, len(wins), (2000, len(wins)))
    low, high = np.percentile(wins[draws].mean(1), [5, 95])
    return Cell(
        name,
        seed,
        code(),
        outcome.state,
        outcome.words,
        float(wins.mean()),
        float(low),
        float(high),
        float(before.mean()),
        float(after.mean()),
        figures.get("perplexity", 1.0),
        figures.get("kl", 0.0),
        studio.training.ppo(studio.model).kl_target,
        seconds,
        [step.reward for step in steps],
        [step.kl for step in steps],
    )


def _base_passages() -> list[str]:
    """The first passages of the untouched model after the unseen prompts; written once."""
    file = KEPT / "before.json"
    if not file.exists():
        with writers.at_work(KEPT, 0, stories=False) as writer:
            writer.start()
            _save(file, writer.first_passages())
    return msgspec.json.decode(file.read_bytes(), type=list[str])


def code() -> str:
    """A checksum of what decides the result: the code that learns, and the model."""
    root = Path(talecraft.__file__).parent
    files = sorted(
        file
        for part in _LEARNS
        for file in ((root / part).rglob("*") if (root / part).is_dir() else [root / part])
        if file.suffix in (".py", ".safetensors", ".json", ".jsonl")
    )
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def done() -> list[Cell]:
    """Every cell that was ever finished, whatever the code was."""
    return [
        msgspec.json.decode(file.read_bytes(), type=Cell)
        for file in sorted(KEPT.glob("cell-*.json"))
    ]


def _do(name: str, seed: int, make: Callable[[str, int], Cell]) -> None:
    file = KEPT / f"cell-{name}-{seed}.json"
    if file.exists() and msgspec.json.decode(file.read_bytes(), type=Cell).code == code():
        return
    found = make(name, seed)
    _save(file, found)
    print(
        f"{name} {seed}: {found.state}, win {found.win:.2f} [{found.low:.2f}, {found.high:.2f}],"
        f" perplexity {found.perplexity:.2f}x, KL {found.kl:.1f}, {found.seconds:.0f} s."
        f" {found.words}",
        flush=True,
    )


def _save(file: Path, value: object) -> None:
    new = file.with_suffix(f".{os.getpid()}")
    new.write_bytes(msgspec.json.encode(value))
    new.rename(file)


def _cells(only: Iterable[str], first: int, seeds: int) -> None:
    for name in only:
        for seed in range(first, (NULL_SEEDS if name == NULL else seeds) + 1):
            makes = {ROUNDS: taste_round, GROWN: growing, BY_METHOD: by_method}
            _do(name, seed, next((make for group, make in makes.items() if name in group), cell))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    every = (*TASTES, *ROUNDS, *GROWN, NULL, ADVERSARY)
    choices = (*every, *BY_METHOD)
    parser.add_argument("--only", nargs="+", choices=choices, default=every, metavar="CELL")
    parser.add_argument("--seeds", type=int, default=3, help="the last seed")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    os.environ.update({k: v for k, v in child_environment().items() if k.startswith("OMP")})
    KEPT.mkdir(parents=True, exist_ok=True)
    if not options.table:
        _cells(options.only, options.first, options.seeds)
    learning_report.write(done(), code(), options.only)


if __name__ == "__main__":
    main()
