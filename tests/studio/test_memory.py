"""What is needed and what is free, from files of the test's own."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from talecraft.config import models
from talecraft.config.models import ModelSpec
from talecraft.paths import home
from talecraft.process.run_events import PpoSettings
from talecraft.studio import memory
from talecraft.studio.memory import Room, Shape


@pytest.fixture
def spec() -> ModelSpec:
    return models.load(home()).default


def shape(folder: Path, size: int, **config: object) -> Shape | None:
    (folder / "config.json").write_text(json.dumps(config))
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(size)  # a hole: it takes no room
    return Shape.read(folder)


LLAMA = {
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "vocab_size": 128256,
    "num_attention_heads": 32, "num_key_value_heads": 8, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
GPT2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257}


def test_the_bundled_model_needs_what_was_measured(spec: ModelSpec) -> None:
    """A run of it peaked at 1045 MB, an engine at 384."""
    found = Shape.read(models.load(home()).folder(spec, home()))
    assert found is not None
    assert memory.run_mb(found, spec, PpoSettings()) == pytest.approx(1250, rel=0.15)
    assert memory.engine_mb(found, spec) == pytest.approx(384, rel=0.15)


def test_both_ways_of_writing_a_config_are_read(tmp_path: Path) -> None:
    llama = shape(tmp_path, 16_060_000_000, **LLAMA)
    assert llama is not None
    assert (llama.inner, llama.cached, llama.weights) == (14336, 1024, 8_030_000_000)
    assert llama.embedded == 2 * 128256 * 4096
    gpt2 = shape(tmp_path, 497_000_000, **GPT2)
    assert gpt2 is not None
    assert (gpt2.inner, gpt2.cached, gpt2.weights) == (3072, 768, 124_250_000)


def test_a_quantised_model_is_smaller_and_its_embeddings_are_not(
    tmp_path: Path, spec: ModelSpec
) -> None:
    llama = shape(tmp_path, 16_060_000_000, **LLAMA)
    assert llama is not None
    need = {
        name: memory.engine_mb(llama, msgspec.structs.replace(spec, quantisation=name))
        for name in ("none", "int8", "nf4")
    }
    assert need["none"] > need["int8"] > need["nf4"]
    # 6.98 G linear weights of 0.5625 bytes and 2.1 GB of bf16 embeddings and head (SPEED.md, 1).
    assert need["nf4"] == pytest.approx(6030, rel=0.1)


def test_more_at_once_needs_more(tmp_path: Path, spec: ModelSpec) -> None:
    gpt2 = shape(tmp_path, 497_000_000, **GPT2)
    assert gpt2 is not None
    usual = memory.run_mb(gpt2, spec, PpoSettings())
    assert memory.run_mb(gpt2, spec, PpoSettings(micro_batch=16)) > 1.3 * usual
    assert memory.run_mb(gpt2, spec, PpoSettings(prose_tokens=400)) > 1.3 * usual


def test_files_that_tell_nothing_are_taken_at_the_catalogues_word(
    tmp_path: Path, spec: ModelSpec
) -> None:
    assert Shape.read(tmp_path) is None
    for text in ("{", "[]", "{}", '{"hidden_size": "many"}', '{"hidden_size": 4, "vocab_size": 1}'):
        (tmp_path / "config.json").write_text(text)
        assert Shape.read(tmp_path) is None, text
    room = memory.room(spec, tmp_path, PpoSettings(), tmp_path)
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
    tmp_path: Path, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_mb", lambda: 100.0)
    monkeypatch.setattr(memory, "_own_mb", {7: 30.0}.__getitem__)
    assert memory.room(spec, tmp_path, PpoSettings(), tmp_path).free == 100.0
    assert memory.room(spec, tmp_path, PpoSettings(), tmp_path, 7).free == 130.0


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
