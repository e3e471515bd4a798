"""A classifier of 400 labelled passages of a known taste, and PPO on its score.

python -m benchmarks.classifier [--taste dialogue] [--seed 1]

The passages are the bundled model's own, of four simulated writers' stories; what the hidden taste
puts above its median is labelled good. The three steps are the program's: fit, train, judge.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from pathlib import Path

import msgspec
import numpy as np

from benchmarks import report, writers
from benchmarks.learning import KEPT, TASTES
from benchmarks.parts import HELD, PREMISES
from benchmarks.prompts import unseen
from benchmarks.report import Row
from talecraft.config import entries
from talecraft.process.environment import child_environment
from talecraft.process.run_events import Outcome, Step
from talecraft.studio import simulated
from talecraft.studio.recipe import Recipe
from talecraft.studio.waiting import follow

LABELLED = 400
SEEDS = (1, 2, 3, 4)


def passages() -> list[tuple[str, str]]:
    """Passages with the story that they are of."""
    found = []
    for seed in SEEDS:
        with writers.at_work(KEPT, seed) as writer:
            found += [(one.prose, f"{seed}/{one.story_id}") for one in writer.written()]
    random.Random(0).shuffle(found)
    return found[:LABELLED]


def labels(taste: simulated.Taste, file: Path) -> None:
    found = passages()
    values = np.array([taste(prose) for prose, _ in found])
    middle = float(np.median(values))
    with file.open("w") as out:
        for (prose, story), value in zip(found, values, strict=True):
            row = {"text": prose, "label": "good" if value > middle else "bad", "group": story}
            out.write(json.dumps(row) + "\n")


def measure(name: str, seed: int) -> list[Row]:
    file = KEPT / f"labelled-{name}.jsonl"
    labels(simulated.taste(name), file)
    with writers.at_work(KEPT, seed, stories=False) as writer:
        studio = writer.studio
        studio.preferences.put(entries.find("training.gate_prompts"), str(HELD))
        fitted = studio.training.classifiers.fit(studio.model, file).fitted
        assert fitted is not None
        rewards = {"classifier": 1.0, "finished": 0.7}
        recipe = Recipe(rewards=rewards, prompts=tuple(unseen(PREMISES)))
        run = studio.training.start(studio.model, seed, recipe=recipe)
        steps = [one for one in follow(studio.training, run.id) if isinstance(one, Step)]
        studio.training.settle()
        ended = studio.library.runs.get(run.id)
        outcome = msgspec.json.decode(ended.outcome, type=Outcome)
    checks = {check.name: check for check in outcome.checks}
    lifted = checks["reward: classifier"]
    assert lifted.low is not None
    assert lifted.high is not None
    course = [one.parts["classifier"] for one in steps]
    kl = checks["kl"].value
    bounds = f"[{fitted.low:.2f}, {fitted.high:.2f}], {fitted.held} passages"
    return [
        Row.least(f"{name}: held-out accuracy", fitted.accuracy, 0.80, f" {bounds}"),
        Row.most(f"{name}: calibration error (ECE)", fitted.calibration, 0.10),
        Row(
            f"{name}: log-odds on {HELD} held-out prompts, after - before",
            f"{lifted.value:+.2f} [{lifted.low:+.2f}, {lifted.high:+.2f}], KL {kl:.1f},"
            f" {ended.state}",
            "> 0, KL <= 2 targets",
            lifted.low > 0 and kl <= 2 * steps[0].kl_target,
        ),
        Row(
            f"{name}: its share of the reward, first and last three updates",
            f"{np.mean(course[:3]):+.2f} -> {np.mean(course[-3:]):+.2f}",
            "rises",
            bool(np.mean(course[-3:]) > np.mean(course[:3])),
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--taste", choices=TASTES, default="dialogue")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.update({k: v for k, v in child_environment().items() if k.startswith("OMP")})
    KEPT.mkdir(parents=True, exist_ok=True)
    rows = measure(options.taste, options.seed)
    command = "python -m benchmarks.classifier"
    report.write("A classifier of labelled passages, and PPO on its score", command, rows)


if __name__ == "__main__":
    main()
