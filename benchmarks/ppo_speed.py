"""One PPO update, generation included: Talecraft's against TRL's, old and new, in one run.

python -m benchmarks.ppo_speed [--rounds 3]

The peers live in virtual environments of their own under .cache/peers, made at the first run (some
hundred MB each). The same model (GPT-2's shape, 4 x 256, 8,192 words, random weights), prompts,
batch, lengths, epochs and one thread for all; they take turns, so that what else the machine does
falls on each alike.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks import report
from benchmarks.report import Row
from talecraft.process.environment import child_environment

HERE = Path(__file__).parent
CACHE = HERE.parent / ".cache" / "peers"
MODEL = CACHE / "model"
TORCH = version("torch").split("+")[0]  # the same for all


@dataclass(frozen=True)
class Contestant:
    """`needs` go into a virtual environment named `home`; without any it is our own."""

    title: str
    script: str
    arguments: Sequence[str] = ()
    home: str = ""
    needs: Sequence[str] = ()

    def python(self) -> str:
        """Its interpreter, installed where it is not yet there."""
        if not self.home:
            return sys.executable
        folder = CACHE / self.home
        done = folder / ".installed"
        wanted = "\n".join([f"torch=={TORCH}", *self.needs])
        interpreter = str(folder / "bin" / "python")
        if not done.exists() or done.read_text() != wanted:
            print(f"installing {self.home} ...", flush=True)
            venv.create(folder, with_pip=True, clear=True)
            pip = [interpreter, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            subprocess.run([*pip, *wanted.split("\n")], check=True)
            done.write_text(wanted)
        return interpreter

    def run(self) -> Figures:
        env = {**child_environment(), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parent)}
        script = str(HERE / "peers" / self.script)
        ended = subprocess.run(
            [self.python(), script, str(MODEL), *self.arguments],
            env=env,
            capture_output=True,
            text=True,
        )
        if ended.returncode != 0:
            raise RuntimeError(f"{self.title} failed:\n{ended.stderr[-4000:]}")
        told = [
            json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"update"')
        ]
        if len(told) < 2:
            raise RuntimeError(f"{self.title} told of {len(told)} updates:\n{ended.stdout[-4000:]}")
        timed = told[1:]  # the first warms up
        return Figures(
            [one["seconds"] for one in timed],
            [one["processor"] for one in timed],
            told[-1]["peak_rss_mb"],
        )


@dataclass(frozen=True)
class Figures:
    """Of each update, by the clock and of the processor; the peak in MB."""

    seconds: list[float]
    processor: list[float]
    peak: float


OURS = Contestant("Talecraft", "talecraft_ppo.py")
NEW = Contestant(
    "TRL 1.12 PPOTrainer",
    "trl_1_12.py",
    home="trl-1.12",
    needs=("trl==1.12.0", "transformers==5.23.*", "peft==0.21.*"),
)
OLD_NEEDS = ("trl==0.11.4", "transformers<4.46", "peft<0.14", "rich")
OLD = Contestant("trl 0.11.4 step()", "trl_0_11_4.py", ("16",), "trl-0.11.4", OLD_NEEDS)
# Not its default, but its best: four rows at a time, one optimiser step from all of them.
OLD_BY_FOURS = Contestant(
    "trl 0.11.4 step(), four rows at a time", "trl_0_11_4.py", ("4",), "trl-0.11.4", OLD_NEEDS
)
BARS = {NEW: 0.55, OLD: 0.80, OLD_BY_FOURS: 0.80}
MOST_MEMORY = 0.50  # of TRL 1.12's


def make_model() -> None:
    """Once, with our own transformers."""
    if not (MODEL / "tokenizer.json").exists():
        code = (
            "import sys, setting; from pathlib import Path; setting.make_model(Path(sys.argv[1]))"
        )
        env = {**os.environ, "PYTHONPATH": str(HERE / "peers")}
        subprocess.run([sys.executable, "-c", code, str(MODEL)], check=True, env=env)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    make_model()
    contestants = [OURS, *BARS]
    for one in contestants:
        one.python()
    found: dict[Contestant, list[Figures]] = {one: [] for one in contestants}
    for number in range(rounds):
        for one in contestants:
            new = one.run()
            found[one].append(new)
            clock, busy = statistics.median(new.seconds), statistics.median(new.processor)
            print(
                f"{number + 1}: {one.title}: {clock:.2f} s, {busy:.2f} s of the processor,"
                f" {new.peak:.0f} MB",
                flush=True,
            )
    seconds = {one: [s for f in figures for s in f.seconds] for one, figures in found.items()}
    processor = {one: [s for f in figures for s in f.processor] for one, figures in found.items()}
    peaks = {one: [f.peak for f in figures] for one, figures in found.items()}
    rows = []
    for one, bar in BARS.items():
        rows += [
            Row.ratio(f"update / {one.title}", seconds[OURS], seconds[one], bar),
            Row.ratio(f"... in processor time / {one.title}", processor[OURS], processor[one], bar),
        ]
    ours, peer = (statistics.median(peaks[one]) for one in (OURS, NEW))
    detail = f"x ({ours:.0f} MB / {peer:.0f} MB)"
    rows.append(
        Row.most(f"peak memory / {NEW.title}", ours / peer, MOST_MEMORY, detail),
    )
    report.write(
        "PPO: one update",
        f"python -m benchmarks.ppo_speed --rounds {rounds}",
        rows,
        "GPT-2's shape, 4 x 256, 8,192 words, random weights; batch 16, prompts of 32 and responses"
        " of 64 tokens, 4 epochs of one step, generation included, 1 thread;"
        f" {rounds} rounds in turn of 4 timed updates after 1 to warm up. LoRA of rank"
        " 16 in Talecraft and trl 0.11.4; TRL 1.12 trains all weights, as it does by default, and"
        " asks a reward model of the same size, where Talecraft asks its taste head. Processor time"
        " hardly feels other work on the machine. Memory is the whole process's.",
    )


if __name__ == "__main__":
    main()
