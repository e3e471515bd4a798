"""What is needed and what is free, from files of the test's own."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from talecraft.config import models
from talecraft.config.models import ModelSpec
from talecraft.paths import home
from talecraft.process.machine import Machine, typical
from talecraft.process.run_events import PpoSettings
from talecraft.studio import memory
from talecraft.studio.memory import Room
from talecraft.studio.needs import Shape


@pytest.fixture
def spec() -> ModelSpec:
    return models.load(home()).default


@pytest.fixture
def machine() -> Machine:
    return typical()


def test_files_that_tell_nothing_are_taken_at_the_catalogues_word(
    tmp_path: Path, spec: ModelSpec, machine: Machine
) -> None:
    assert Shape.read(tmp_path) is None
    for text in ("{", "[]", "{}", '{"hidden_size": "many"}', '{"hidden_size": 4, "vocab_size": 1}'):
        (tmp_path / "config.json").write_text(text)
        assert Shape.read(tmp_path) is None, text
    room = memory.room(spec, tmp_path, PpoSettings(), tmp_path, machine)
    assert (room.run, room.engine) == (spec.memory_to_train * 1e3, spec.memory_to_write * 1e3)


@pytest.mark.parametrize(
    ("free", "free_disk", "together", "refusal"),
    [
        (None, None, True, ""),
        (1500.0, 50.0, True, ""),
        (1499.0, 50.0, False, ""),
        (999.0, 50.0, False, "It needs about 1.0 GB of memory; 999 MB are free."),
        (5000.0, 9.0, True, "It needs about 10 MB on the disk; 9 MB are free."),
    ],
)
def test_what_fits(
    free: float | None, free_disk: float | None, together: bool, refusal: str
) -> None:
    room = Room(1000.0, 500.0, free, 10.0, free_disk)
    assert (room.together, room.refusal) == (together, refusal)


def test_memory_that_a_sleeping_engine_gives_back_counts_as_free(
    tmp_path: Path, spec: ModelSpec, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_mb", lambda: 100.0)
    monkeypatch.setattr(memory, "_own_mb", {7: 30.0}.__getitem__)
    assert memory.room(spec, tmp_path, PpoSettings(), tmp_path, machine).free == 100.0
    assert memory.room(spec, tmp_path, PpoSettings(), tmp_path, machine, 7).free == 130.0


def test_a_gpu_has_memory_of_its_own(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_mb", lambda: 100.0)
    assert memory.free_for(machine) == 100.0
    there = msgspec.structs.replace(machine, device="cuda", gpu=24_000.0, gpu_free=20_000.0)
    assert memory.free_for(there, 7) == 20_000.0


def test_what_would_fit_is_told_with_the_refusal() -> None:
    room = Room(1000.0, 500.0, 900.0, 10.0, 50.0, nearest="With nf4 it needs 800 MB.")
    assert room.refusal.endswith("900 MB are free. With nf4 it needs 800 MB.")


# ---------------------------------------------------------------------------- what is free
def test_the_kernels_estimate_is_read(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   2000 kB\n")
    assert memory._available(tmp_path) == 2000 * 1024
    assert memory._available(tmp_path / "nowhere") is None
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "status").write_text("RssAnon:\t 500000 kB\nRssFile:\t 9 kB\n")
    assert memory._own_mb(7, tmp_path) == 512.0
    assert memory._own_mb(8, tmp_path) == 0.0


@pytest.mark.parametrize("version", [1, 2])
def test_the_limit_of_any_group_above_counts(tmp_path: Path, version: int) -> None:
    top = tmp_path / "group"
    controllers, names = ("", ("memory.max", "memory.current", "inactive_file"))
    if version == 1:
        controllers = "memory"
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    (tmp_path / "proc" / "self").mkdir(parents=True)
    lines = f"9:cpu:/a/b\n1:{controllers}:/a/b\n"
    (tmp_path / "proc" / "self" / "cgroup").write_text(lines)
    for folder, limit in (("", "max"), ("a", "1000"), ("a/b", "max")):
        at = top / controllers / folder
        at.mkdir(parents=True, exist_ok=True)
        for name, text in zip(names, (limit, "700", ""), strict=True):
            (at / name).write_text(text)
        (at / "memory.stat").write_text(f"anon 5\n{names[2]} 200\n")
    found = memory._groups(tmp_path / "proc", top)
    assert [one for one in found if one is not None] == [500.0]


def test_this_machine_tells(tmp_path: Path) -> None:
    free = memory.free_mb()
    assert free is not None
    assert free > 50
    disk = memory.free_disk_mb(tmp_path / "not" / "yet")
    assert disk is not None
    assert disk > 1
