"""What is computed from a model's files, against what was measured (benchmarks/RESULTS.md)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from talecraft.config import models
from talecraft.config.lean import copied
from talecraft.config.precision import Quantisation
from talecraft.paths import home
from talecraft.process.machine import Machine, typical
from talecraft.process.run_events import PatternSettings, PpoSettings
from talecraft.studio.needs import Needs, Shape

LLAMA = {
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "vocab_size": 128256,
    "num_attention_heads": 32, "num_key_value_heads": 8, "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}  # fmt: skip
GPT2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257}
LARGE = 16_060_000_000  # bytes of Llama 3 8B's files


@pytest.fixture
def machine() -> Machine:
    """The one that the figures here were measured on."""
    return msgspec.structs.replace(typical(), device="cpu", native=False)


def shape(folder: Path, tensors: dict[str, tuple[int, ...]], config: object, kind: str) -> Shape:
    header = {n: {"dtype": kind, "shape": s, "data_offsets": [0, 0]} for n, s in tensors.items()}
    told = json.dumps(header).encode()
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(len(told).to_bytes(8, "little") + told)
    found = Shape.read(folder)
    assert found is not None
    return found


def gpt2(folder: Path) -> Shape:
    tensors: dict[str, tuple[int, ...]] = {"wte.weight": (50257, 768), "wpe.weight": (1024, 768)}
    for at in range(12):
        tensors |= {
            f"h.{at}.ln_1.weight": (768,),
            f"h.{at}.attn.c_attn.weight": (768, 2304),
            f"h.{at}.attn.c_attn.bias": (2304,),
            f"h.{at}.attn.c_proj.weight": (768, 768),
            f"h.{at}.mlp.c_fc.weight": (768, 3072),
            f"h.{at}.mlp.c_proj.weight": (3072, 768),
        }
    return shape(folder, tensors, GPT2, "F32")


def llama(folder: Path) -> Shape:
    tensors: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (128256, 4096),
        "lm_head.weight": (128256, 4096),
    }
    for at in range(32):
        tensors |= {
            f"model.layers.{at}.self_attn.{one}.weight": size
            for one, size in (
                ("q_proj", (4096, 4096)), ("k_proj", (1024, 4096)), ("v_proj", (1024, 4096)),
                ("o_proj", (4096, 4096)),
            )
        }  # fmt: skip
        tensors |= {
            f"model.layers.{at}.mlp.gate_proj.weight": (14336, 4096),
            f"model.layers.{at}.mlp.up_proj.weight": (14336, 4096),
            f"model.layers.{at}.mlp.down_proj.weight": (4096, 14336),
        }
    return shape(folder, tensors, LLAMA, "BF16")


@pytest.mark.parametrize(
    ("quantisation", "writing", "training"),
    [("fp32", 650, 1453), ("int8", 576, 1009), ("nf4", 576, 996)],
)
def test_the_bundled_model_needs_what_was_measured(
    machine: Machine, quantisation: Quantisation, writing: float, training: float
) -> None:
    found = Shape.read(models.load(home()).folder(models.load(home()).default, home()))
    assert found is not None
    needs = Needs(found, quantisation, machine)
    assert needs.engine(1024) == pytest.approx(writing, rel=0.15)
    ppo = PpoSettings(updates=1, reference_samples=32)
    assert needs.run(8, ppo) == pytest.approx(training, rel=0.15)


def test_what_is_quantised_and_adapted_is_told_from_the_headers(tmp_path: Path) -> None:
    found = gpt2(tmp_path)
    assert found.in_matrices == 12 * (768 * 2304 + 768 * 768 + 2 * 768 * 3072)
    assert found.sides == 12 * (3072 + 1536 + 2 * 3840)
    assert found.inputs == 12 * (768 + 768 + 768 + 3072)
    assert (found.inner, found.cached, found.gated) == (3072, 768, False)
    assert found.largest == 4 * 50257 * 768
    large = llama(tmp_path)
    assert (large.cached, large.gated, large.widest) == (1024, True, 14336 * 4096)
    assert large.weights - large.in_matrices == 2 * 128256 * 4096
    assert large.inputs == 32 * (6 * 4096 + 14336)


def test_a_model_that_is_not_here_yet_is_foreseen_from_its_configuration(tmp_path: Path) -> None:
    here = llama(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    assert Shape.read(tmp_path) is None
    foreseen = Shape.read(tmp_path, stored=LARGE)
    assert foreseen is not None
    assert foreseen.weights == pytest.approx(here.weights, rel=0.01)
    for name in ("in_matrices", "sides", "inputs", "gated", "widest", "largest", "cached"):
        assert getattr(foreseen, name) == getattr(here, name), name


def test_a_quantised_model_is_smaller_and_its_embeddings_are_not(
    tmp_path: Path, machine: Machine
) -> None:
    found = llama(tmp_path)
    needs = {name: Needs(found, name, machine) for name in ("fp32", "bf16", "int8", "nf4")}
    sizes = [one.weights for one in needs.values()]
    assert sizes == sorted(sizes, reverse=True)
    # 6.98 G weights of 0.516 bytes (double quantised), 1.05 G of two in embeddings and head.
    assert needs["nf4"].weights == pytest.approx(3602 + 2101, rel=0.01)
    assert needs["bf16"].weights == pytest.approx(16_060, rel=0.01)
    assert needs["fp32"].weights == 2 * needs["bf16"].weights


def test_a_cpu_without_bfloat16_computes_in_twice_the_memory(
    tmp_path: Path, machine: Machine
) -> None:
    found = gpt2(tmp_path)
    native = msgspec.structs.replace(machine, native=True)
    slow, quick = Needs(found, "none", machine), Needs(found, "none", native)
    assert (slow.width, quick.width) == (4, 2)
    assert slow.weights == 2 * quick.weights


def test_more_at_once_needs_more(tmp_path: Path, machine: Machine) -> None:
    needs = Needs(gpt2(tmp_path), "nf4", machine)
    usual = needs.run(16, PpoSettings())
    assert needs.run(16, PpoSettings(micro_batch=16)) > 1.3 * usual
    assert needs.run(16, PpoSettings(prose_tokens=400)) > 1.3 * usual
    assert needs.run(64, PpoSettings()) > usual + needs.adapter(48) * 4
    assert needs.engine(8192) > needs.engine(1024) + 400
    assert needs.engine(8192, rank=16) > needs.engine(8192)


def test_lean_steps_copy_matrices_and_head_on_a_cpu(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    plain = replace(gpt2(tmp_path), largest=0)  # loading is not its peak
    lean = replace(plain, lean=True)

    def more(quantisation: Quantisation, here: Machine = machine) -> float:
        with_, without = (Needs(one, quantisation, here).engine(512) for one in (lean, plain))
        return with_ - without

    assert more("fp32") == pytest.approx(1e-6 * (plain.in_matrices + 50257 * 768))
    assert more("nf4") == 0
    assert more("fp32", msgspec.structs.replace(machine, device="cuda")) == 0
    # A cache of twice the bytes beside a model in bfloat16.
    native = msgspec.structs.replace(machine, native=True)
    assert more("bf16", native) > more("fp32") + 9
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert more("fp32") == pytest.approx(2e-6 * (plain.in_matrices + 50257 * 768))


def test_copies_are_of_8_bits_unless_many_cores_may_be_as_quick_with_16() -> None:
    assert [copied(weights, 1) for weights in (1e6, 1e9, 2e9)] == [1e6, 1e9, 0]
    assert [copied(weights, 8) for weights in (1e6, 1e8, 1e9, 2e9)] == [1e6, 2e8, 1e9, 0]


def test_whether_there_are_lean_steps_is_told_by_the_configuration(tmp_path: Path) -> None:
    assert not llama(tmp_path).lean
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(
        json.dumps(config | {"architectures": ["LlamaForCausalLM"]})
    )
    found = Shape.read(tmp_path)
    assert found is not None
    assert found.lean
    # 7.5 G weights: more than are copied.
    assert Needs(found, "fp32", typical()).engine(64) == Needs(
        replace(found, lean=False), "fp32", typical()
    ).engine(64)


def test_learning_the_pattern_is_foreseen_too(tmp_path: Path, machine: Machine) -> None:
    needs = Needs(gpt2(tmp_path), "fp32", machine)
    few, many = (needs.pattern(16, PatternSettings(micro_batch=n)) for n in (1, 4))
    assert many > few > needs.weights + machine.run
