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
OURS, ADAPTER, DONE = "talecraft", "adapter", ".installed"
SURE = 1.645  # standard errors that one must be further to be further surely
BAR = "not shown to be below 0; aim +0.05"


class Fared(msgspec.Struct, frozen=True):
    """What became of one training: each unseen prompt's first passage by the hidden taste, `before`
    and `after`; how far from the root in nats, and the standard error of that; the mean score of
    each update in reference deviations."""

    name: str
    code: str
    before: list[float]
    after: list[float]
    kl: float
    kl_error: float
    scores: list[float]
    seconds: float

    @property
    def wins(self) -> np.ndarray:
        """(PROMPTS,); ties half."""
        before, after = np.array(self.before), np.array(self.after)
        return np.where(before == after, 0.5, after > before)


def run_of(taste: str, seed: int) -> Path:
    """The folder of our own run, with its adapter, whatever the gate says of it."""
    place, half = KEPT / f"versus-{taste}-{seed}", KEPT / f".versus-{taste}-{seed}"
    made_by = place / "code"
    if not (made_by.exists() and made_by.read_text() == code()):
        shutil.rmtree(place, ignore_errors=True)  # what others made of that run's reward, too
        shutil.rmtree(half, ignore_errors=True)
        with writers.at_work(KEPT, seed) as writer:
            writer.score(simulated.taste(taste))
            studio = writer.studio
            began = time.monotonic()
            run = studio.training.start(studio.model, seed)
            for _ in follow(studio.training, run.id):
                pass
            studio.training.settle()
            ended = studio.library.runs.get(run.id)
            shutil.copytree(studio.home.runs / run.id, half)
            (half / "seconds").write_text(f"{time.monotonic() - began:.0f}")
            (half / "code").write_text(code())
            shutil.copytree(studio.home.adapters / ended.adapter_id, half / ADAPTER)
        half.rename(place)
    return place


def trained(place: Path, name: str, rate: float, kl: float) -> tuple[list[float], float]:
    """Let TRL train, unless it has; returns the mean score of each update, and the seconds."""
    log = place / f"{name}.log"
    if not log.exists():
        env = {**child_environment(), "PYTHONPATH": f"{PEER}:{HERE.parent}"}
        script = str(HERE / "peers" / "trl_on_our_reward.py")
        command = [sys.executable, script, str(place), str(place / name), str(rate), str(kl)]
        half, began = place / f".{name}.log", time.monotonic()
        with half.open("w") as told:
            ended = subprocess.run(command, env=env, stdout=told, stderr=subprocess.PIPE, text=True)
            if ended.returncode != 0:
                raise RuntimeError(f"TRL failed:\n{ended.stderr[-4000:]}")
            told.write(f'\n{{"seconds": {time.monotonic() - began:.0f}}}\n')
        half.rename(log)
    lines = [line for line in log.read_text().splitlines() if line.startswith('{"')]
    found = [msgspec.json.decode(line) for line in lines]  # of TRL's own lines none is JSON
    return [one["score"] for one in found if "score" in one], found[-1]["seconds"]


def judged(place: Path, taste: str, name: str, scores: list[float], seconds: float) -> Fared:
    from benchmarks.our_reward import Court
    from talecraft.engine import loading

    loading.settle_in()
    court, adapter = Court(place), place / (ADAPTER if name == OURS else name)
    hidden = simulated.taste(taste)
    before, after = (court.values(hidden, one).tolist() for one in (None, adapter))
    far = court.kl(adapter)
    error = float(far.std(ddof=1) / len(far) ** 0.5)
    return Fared(name, code(), before, after, float(far.mean()), error, scores, seconds)


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


def rows(title: str, found: list[Fared]) -> list[Row]:
    """TRL's best, of those that are no further from the root than ours as far as can be told, is
    chosen on every other prompt and compared on the rest, and the other way round: who is chosen
    for winning on some prompts has been lucky on these."""
    ours = next(one for one in found if one.name == OURS)
    theirs = [one for one in found if one.name != OURS]
    made = [_row(title, one) for one in sorted(found, key=lambda one: -one.wins.mean())]
    near = [
        one
        for one in theirs
        if one.kl - ours.kl <= SURE * (one.kl_error**2 + ours.kl_error**2) ** 0.5
    ]
    what = f"{title}: win rate, ours less that of TRL's best of {len(near)} at no higher KL"
    if not near:
        return [Row(what, f"none of {len(theirs)} is as near", BAR, not theirs), *made]
    gain, names = np.zeros(len(ours.wins)), []
    for half in (slice(0, None, 2), slice(1, None, 2)):
        other = slice(1 - half.start, None, 2)
        best = max(near, key=lambda one: one.wins[half].mean())
        gain[other] = (ours.wins - best.wins)[other]
        names.append(best.name)
    draws = np.random.default_rng(0).integers(0, len(gain), (2000, len(gain)))
    low, high = np.percentile(gain[draws].mean(1), [5, 95])
    chosen = " and ".join(dict.fromkeys(names))
    figure = f"{gain.mean():+.3f} [{low:+.3f}, {high:+.3f}] from {chosen}"
    tried = f" ({len(theirs)} of {len(RATES) * len(COEFFICIENTS)} tried)"
    return [Row(what + tried, figure, BAR, bool(high >= 0)), *made]


def _row(title: str, one: Fared) -> Row:
    score = f", score {one.scores[0]:+.2f} to {one.scores[-1]:+.2f}" if one.scores else ""
    figure = (
        f"win {one.wins.mean():.3f}, KL {one.kl:.1f} (standard error {one.kl_error:.1f}),"
        f" {one.seconds:.0f} s{score}"
    )
    return Row(f"{title}: {one.name}", figure, "", True)


def write() -> None:
    """The table, from what is done by this code."""
    every = []
    for place in sorted(KEPT.glob("versus-*")):
        found = [msgspec.json.decode(f.read_bytes(), type=Fared) for f in place.glob("t*.json")]
        found = [one for one in found if one.code == code()]
        if any(one.name == OURS for one in found):
            _, taste, seed = place.name.split("-")
            every += rows(f"{taste} {seed}", found)
    note = (
        "The bundled model, 120 scores of a simulated writer, the reward that our run froze, its"
        " prompts, 12 updates of 64 turns each, LoRA of the same shape; one seed of training. Names"
        " are trl-RATE-COEFFICIENT. Win: share of 96 unseen prompts whose first passage, at the"
        " page's sampling and by the same seed, the hidden taste prefers after training, ties half;"
        " the interval is 90 %, bootstrapped over prompts. KL in nats a turn, from fresh samples."
        " Two things differ: our turns are drawn with the plan cut at 40 tokens and prose at 160,"
        " TRL's with 200 in all (a turn without the tag of its prose is worth -3); and our seconds"
        " hold the gate, TRL's the building of the reward."
    )
    report.write("PPO against TRL 1.12's", "python -m benchmarks.against_trl", every, note)


def install() -> None:
    if not (PEER / DONE).exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        wanted = ["--no-deps", "--upgrade", "--target", str(PEER), "trl==1.12.0"]
        subprocess.run([*pip, *wanted], check=True)
        (PEER / DONE).touch()


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
