"""The models that are measured: where they are, and the processes that each is measured in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from talecraft.config import models
from talecraft.paths import home
from talecraft.process.environment import child_environment

CACHE = Path(__file__).parents[1] / ".cache" / "memory"


def environment(threads: int | None = None) -> dict[str, str]:
    """A child's; with so many threads, or as many as the program itself would take."""
    one = child_environment()
    return one if threads is None else {**one, "OMP_NUM_THREADS": str(threads)}


def child(module: str, *arguments: str, threads: int | None = None) -> str:
    """What `python -m benchmarks.MODULE` prints. Raises RuntimeError where it fails."""
    ended = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        env=environment(threads),
        capture_output=True,
        text=True,
    )
    if ended.returncode != 0:
        raise RuntimeError(f"{module} {arguments[0]} failed:\n{ended.stderr[-4000:]}")
    return ended.stdout


def folder(name: str) -> Path:
    """The bundled model's, or that of random weights in the shape of this name, made once."""
    if name == "bundled":
        catalogue = models.load(home())
        return catalogue.folder(catalogue.default, home())
    made = CACHE / name
    if not (made / "tokenizer.json").exists():
        child("memory_work", "make", name, str(made))
    return made
