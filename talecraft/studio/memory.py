"""Is there room? What a run and the engine need of memory and disk, against what is free."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from talecraft.config.models import ModelSpec
from talecraft.process.machine import Machine
from talecraft.process.run_events import PatternSettings, PpoSettings
from talecraft.studio.needs import ADAM_STATES, MB, SOUND_STATES, Needs, Shape

ASLEEP = "The engine sleeps while the run works: there is no memory for both."


@dataclass(frozen=True, slots=True)
class Room:
    """What a run needs and what there is, in MB; None where that cannot be told.

    `free` is what there would be with this program's own engine asleep, `nearest` the choice that
    would fit where a run does not, in words.
    """

    run: float
    engine: float
    free: float | None
    disk: float
    free_disk: float | None
    nearest: str = ""

    @property
    def together(self) -> bool:
        """Do run and engine fit into memory at once?"""
        return self.free is None or self.run + self.engine <= self.free

    @property
    def short(self) -> bool:
        """Is there too little memory for a run alone?"""
        return self.free is not None and self.run > self.free

    @property
    def refusal(self) -> str:
        """Why a run would not fit at all, with figures; empty where it does."""
        if self.short:
            assert self.free is not None
            words = f"It needs about {size(self.run)} of memory; {size(self.free)} are free."
            return f"{words} {self.nearest}".strip()
        if self.free_disk is not None and self.disk > self.free_disk:
            return f"It needs about {size(self.disk)} on the disk; {size(self.free_disk)} are free."
        return ""


def room(
    spec: ModelSpec,
    folder: Path,
    order: PpoSettings | PatternSettings,
    data: Path,
    machine: Machine,
    engine_pid: int | None = None,
) -> Room:
    """The room that a run of the model in `folder` needs on this machine.

    `engine_pid` is an engine that can be put to sleep, and `data` the folder that the run writes
    to. A model whose files do not tell is taken at its catalogue's word.
    """
    shape = Shape.read(folder)
    if shape is None:
        run, engine, lora = spec.memory_to_train * 1e3, spec.memory_to_write * 1e3, 100.0
    else:
        needs = Needs(shape, spec.quantisation, machine)
        lora = needs.adapter(spec.lora_rank)
        run = (
            needs.pattern(spec.lora_rank, order)
            if isinstance(order, PatternSettings)
            else needs.run(spec.lora_rank, order)
        )
        engine = needs.engine(spec.context_length, spec.lora_rank)
    # The checkpoint is written beside the last one; then the candidate, and the events and log.
    checkpoint = lora * (1 + ADAM_STATES + SOUND_STATES)
    free = free_for(machine, engine_pid)
    return Room(run, engine, free, 2 * checkpoint + lora + 5.0, free_disk_mb(data))


# ---------------------------------------------------------------------- what is free
def free_for(machine: Machine, engine_pid: int | None = None) -> float | None:
    """What there is, in MB, for a model where it computes, this program's own engine asleep: of a
    GPU what was free when it was measured, else main memory."""
    if machine.gpu_free:
        return machine.gpu_free
    free = free_mb()
    if free is not None and engine_pid is not None:
        free += _own_mb(engine_pid)
    return free


def free_mb() -> float | None:
    """What a new program could have: as the kernel estimates it, within this group's limit."""
    found = [value for value in (_available(), *_groups()) if value is not None]
    return min(found) / MB if found else None


def free_disk_mb(folder: Path) -> float | None:
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    try:
        return shutil.disk_usage(there).free / MB
    except OSError:
        return None


def size(mb: float) -> str:
    """`640 MB`, `1.4 GB`."""
    return f"{mb:.0f} MB" if mb < 1000 else f"{mb / 1000:.1f} GB"


def _available(proc: Path = Path("/proc")) -> float | None:
    return _field(proc / "meminfo", "MemAvailable")


def _own_mb(pid: int, proc: Path = Path("/proc")) -> float:
    """The memory that goes free when this process ends: what it shares with no file."""
    return (_field(proc / str(pid) / "status", "RssAnon") or 0.0) / MB


def _field(path: Path, name: str) -> float | None:
    """Bytes of a line like `MemAvailable:  21690 kB`."""
    try:
        lines = path.read_text().splitlines()
        return next(
            (float(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None
        )
    except (OSError, ValueError, IndexError):
        return None


def _groups(
    proc: Path = Path("/proc"), mounted: Path = Path("/sys/fs/cgroup")
) -> Iterator[float | None]:
    """What each control group that this process is in leaves it, of either version."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers not in ("", "memory"):
            continue
        top = mounted / controllers
        own = top / path.strip("/")
        names = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            if controllers
            else ("memory.max", "memory.current", "inactive_file")
        )
        for folder in (own, *own.parents):
            yield _left(folder, *names)
            if folder == top:
                break


def _left(folder: Path, limit: str, usage: str, cached: str) -> float | None:
    """Limit less usage; files that are only cached give way. None where there is no limit."""
    try:
        allowed = int((folder / limit).read_text())  # "max" is no number
        used = int((folder / usage).read_text())
        stats = dict(
            line.split(maxsplit=1) for line in (folder / "memory.stat").read_text().splitlines()
        )
        return allowed - used + float(stats.get(cached, 0))
    except (OSError, ValueError):
        return None
