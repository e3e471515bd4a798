"""PPO here against TRL 1.12's PPOTrainer: the same model, log, reward, prompts and rollouts.

python -m benchmarks.against_trl [--taste dialogue] [--seed 1] [--only RATE:KL ...] [--table]

TRL has four learning rates and two KL coefficients, and the best of what came of them counts that
is no further from the root than ours. What is done is kept in .cache/learning; TRL 1.12 alone lies
in .cache/peers, in front of the TRL that Talecraft uses.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np

from benchmarks import report, writers
from benchmarks.learning import COMPARED, KEPT, code
from benchmarks.report import Row
from talecraft.process.environment import child_environment
from talecraft.studio import simulated
from talecraft.studio.waiting import follow

HERE = Path(__file__).parent
PEER = HERE.parent / ".cache" / "peers" / "trl-1.12-alone"
RATES, COEFFICIENTS = (3e-5, 1e-4, 3e-4, 1e-3), (0.05, 0.2)  # 0.05 is the trainer's own
OURS, ADAPTER = "talecraft", "adapter"


class Fared(msgspec.Struct, frozen=True):
    """What became of one training: each unseen prompt's first passage by the hidden taste, `before`
    and `after`; how far from the root in nats; the score of its updates in reference deviations."""

    name: str
    code: str
    before: list[float]
    after: list[float]
    kl: float
    scores: list[float]
    seconds: float

    @property
    def wins(self) -> np.ndarray:
        """(PROMPTS,); ties half."""
        before, after = np.array(self.before), np.array(self.after)
        return np.where(before == after, 0.5, after > before)


def run_of(taste: str, seed: int) -> Path:
    """The folder of our own run, with its adapter, whatever the gate says of it."""
    place = KEPT / f"versus-{taste}-{seed}"
    if not (place / ADAPTER).exists():
        with writers.at_work(KEPT, seed) as writer:
            writer.score(simulated.taste(taste))
            studio = writer.studio
            began = time.monotonic()
            run = studio.training.start(studio.model, seed)
            for _ in follow(studio.training, run.id):
                pass
            studio.training.settle()
            ended = studio.library.runs.get(run.id)
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(studio.home.runs / run.id, place)
            (place / "seconds").write_text(f"{time.monotonic() - began:.0f}")
            shutil.copytree(studio.home.adapters / ended.adapter_id, place / ADAPTER)
    return place


def trained(place: Path, name: str, rate: float, kl: float) -> tuple[list[float], float]:
    """Let TRL train; returns the mean score of each update, and the seconds."""
    env = {**child_environment(), "PYTHONPATH": f"{PEER}:{HERE.parent}"}
    script = str(HERE / "peers" / "trl_on_our_reward.py")
    command = [sys.executable, script, str(place), str(place / name), str(rate), str(kl)]
    began = time.monotonic()
    ended = subprocess.run(command, env=env, capture_output=True, text=True)
    if ended.returncode != 0:
        raise RuntimeError(f"TRL failed:\n{ended.stderr[-4000:]}")
    told = [msgspec.json.decode(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    return [one["score"] for one in told if "score" in one], time.monotonic() - began


def judged(place: Path, taste: str, name: str, scores: list[float], seconds: float) -> Fared:
    from benchmarks.our_reward import Court
    from talecraft.engine import loading

    loading.settle_in()
    court, adapter = Court(place), place / (ADAPTER if name == OURS else name)
    hidden = simulated.taste(taste)
    before, after = (court.values(hidden, one).tolist() for one in (None, adapter))
    return Fared(name, code(), before, after, court.kl(adapter), scores, seconds)


def cells(taste: str, seed: int, wanted: Iterable[tuple[float, float]]) -> None:
    place = run_of(taste, seed)
    for rate, kl in [(0.0, 0.0), *wanted]:  # the first is ours
        name = f"trl-{rate:g}-{kl:g}" if rate else OURS
        file = place / f"{name}.json"
        if file.exists():
            continue
        if rate:
            scores, seconds = trained(place, name, rate, kl)
        else:
            scores, seconds = [], float((place / "seconds").read_text())
        found = judged(place, taste, name, scores, seconds)
        file.write_bytes(msgspec.json.encode(found))
        print(
            f"{name}: win {found.wins.mean():.3f}, KL {found.kl:.1f}, {seconds:.0f} s", flush=True
        )


def rows(taste: str, found: list[Fared]) -> list[Row]:
    """TRL's best is the one that wins most of those that are no further from the root."""
    ours = next(one for one in found if one.name == OURS)
    theirs = [one for one in found if one.name != OURS]
    made = [_row(taste, one) for one in sorted(found, key=lambda one: -one.wins.mean())]
    near = [one for one in theirs if one.kl <= ours.kl]
    if not near:
        return made
    best = max(near, key=lambda one: one.wins.mean())
    gain = ours.wins - best.wins
    draws = np.random.default_rng(0).integers(0, len(gain), (2000, len(gain)))
    low, high = np.percentile(gain[draws].mean(1), [5, 95])
    tried = len(theirs)
    return [
        Row(
            f"{taste}: win rate, ours less TRL's best ({best.name}) of {tried} at no higher KL",
            f"{gain.mean():+.3f} [{low:+.3f}, {high:+.3f}]",
            "not below 0; aim +0.05",
            bool(high >= 0),
        ),
        *made,
    ]


def _row(taste: str, one: Fared) -> Row:
    score = f", score {one.scores[0]:+.2f} to {one.scores[-1]:+.2f}" if one.scores else ""
    figure = f"win {one.wins.mean():.3f}, KL {one.kl:.1f}, {one.seconds:.0f} s{score}"
    return Row(f"{taste}: {one.name}", figure, "", True)


def write() -> None:
    """The table, from what is done."""
    every = []
    for place in sorted(KEPT.glob("versus-*")):
        found = [msgspec.json.decode(f.read_bytes(), type=Fared) for f in place.glob("t*.json")]
        if any(one.name == OURS for one in found):
            every += rows(place.name.split("-")[1], found)
    note = (
        "The bundled model, 120 scores of a simulated writer, the reward that our run froze, its"
        " prompts, 12 updates of 64 turns each, LoRA of the same shape. Names are"
        " trl-RATE-COEFFICIENT. Win: share of 96 unseen prompts whose first passage, at the page's"
        " sampling and by the same seed, the hidden taste prefers after training, ties half; the"
        " interval is 90 %, bootstrapped over prompts. KL in nats a turn, from fresh samples."
    )
    report.write("PPO against TRL 1.12's", "python -m benchmarks.against_trl", every, note)


def install() -> None:
    if not PEER.exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--target", str(PEER), "trl==1.12.0"], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--taste", choices=COMPARED, default="dialogue")
    parser.add_argument("--seed", type=int, default=1)
    every = [f"{rate:g}:{kl:g}" for rate in RATES for kl in COEFFICIENTS]
    parser.add_argument("--only", nargs="+", choices=every, default=every, metavar="RATE:KL")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    os.environ.update({k: v for k, v in child_environment().items() if k.startswith("OMP")})
    KEPT.mkdir(parents=True, exist_ok=True)
    if not options.table:
        install()
        wanted = [tuple(map(float, one.split(":"))) for one in options.only]
        cells(options.taste, options.seed, [(rate, kl) for rate, kl in wanted])
    write()


if __name__ == "__main__":
    main()
