"""What is quantised learns by the weights it writes with, whatever was generated before."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import bitsandbytes as bnb
import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.integrations.bitsandbytes import dequantize_bnb_weight
from transformers.pytorch_utils import Conv1D

from talecraft.engine import loading, quantising
from talecraft.errors import UsageError
from talecraft.learning.policy import Policy
from talecraft.process.messages import ModelRef
from talecraft.story.context import PromptStyle

WORDS, LENGTH = 97, 32
QUANTISED = (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)


def llama() -> LlamaForCausalLM:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=WORDS, hidden_size=64, intermediate_size=96, num_hidden_layers=4,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
            pad_token_id=0, eos_token_id=1,
        )
    )  # fmt: skip


def gpt2() -> GPT2LMHeadModel:
    """Its linear layers are Conv1D, whose weights lie transposed."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=WORDS, n_embd=64, n_layer=4, n_head=4, n_positions=128, attn_pdrop=0.0,
            resid_pdrop=0.0, embd_pdrop=0.0,
            bos_token_id=1, eos_token_id=1,
        )
    )  # fmt: skip


@pytest.fixture(params=[llama, gpt2], ids=["llama", "gpt2"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    request.param().save_pretrained(tmp_path)
    return tmp_path


def load(folder: Path, quantisation: str):
    return loading.load_base(ModelRef("m", "1", str(folder), quantisation, 128, PromptStyle()))[0]


def dequantised(folder: Path, base):
    """The same model in float32, its weights what the quantised ones stand for."""
    plain = load(folder, "fp32")
    for name, module in base.named_modules():
        if isinstance(module, QUANTISED):
            weight = dequantize_bnb_weight(module.weight, getattr(module, "state", None)).float()
            layer = plain.get_submodule(name)
            layer.weight.data = (weight.T if isinstance(layer, Conv1D) else weight).contiguous()
    return plain


def gradients(base, draw: int = 0) -> torch.Tensor:
    """Of all the adapter's numbers, one after the other."""
    policy = Policy(base, 8, 16, "all-linear")
    torch.manual_seed(draw)
    for parameter in policy.lora.values():
        parameter.data = torch.randn_like(parameter) * 0.1
    ids = (torch.arange(2 * LENGTH) % WORDS).reshape(2, LENGTH)
    logits = policy.model(input_ids=ids).logits.float()
    torch.log_softmax(logits[:, :-1], -1).gather(2, ids[:, 1:, None]).mean().backward()
    return torch.cat([one.grad.flatten() for one in policy.lora.values() if one.grad is not None])


def generate(base) -> None:
    with torch.inference_mode():
        base.generate(torch.arange(2, 10)[None], max_new_tokens=4, pad_token_id=0)


@pytest.mark.parametrize("packs", [False, True], ids=["", "a CPU that would pack"])
@pytest.mark.parametrize("quantisation", ["nf4", "int8"])
def test_after_a_generation_gradients_are_those_of_the_dequantised_model(
    folder: Path, quantisation: str, packs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bnb.nn.modules, "has_avx512bf16", lambda: packs)
    base = load(folder, quantisation)
    quantised = [one for one in base.modules() if isinstance(one, QUANTISED)]
    assert len(quantised) == 4 * (4 if base.config.model_type == "gpt2" else 7)
    generate(base)
    states = [getattr(one.weight, "quant_state", None) for one in quantised]
    assert not any(getattr(one, "packing_format_for_cpu", False) for one in states)
    expected = gradients(dequantised(folder, base))
    found = gradients(base)
    assert len(found) == len(expected)
    assert float(torch.cosine_similarity(found, expected, dim=0)) >= 0.999
    assert float(found.norm() / expected.norm()) == pytest.approx(1, abs=0.01)


def test_four_bits_are_quantised_twice(tmp_path: Path) -> None:
    llama().save_pretrained(tmp_path)
    layers = [one for one in load(tmp_path, "nf4").modules() if isinstance(one, bnb.nn.Linear4bit)]
    assert {one.weight.quant_state.quant_type for one in layers} == {"nf4"}
    assert all(one.weight.quant_state.nested for one in layers)


@pytest.mark.parametrize("quantisation", ["nf4", "int8", "bf16"])
def test_a_run_leaves_the_base_as_the_engine_has_it(folder: Path, quantisation: str) -> None:
    """Nobody prepares it (see quantising.py): with the adapter off they give the same, bit for bit,
    in training as in evaluation."""
    ids = torch.arange(2, 42)[None] % WORDS
    engine = load(folder, quantisation)
    with torch.inference_mode():
        written = engine(input_ids=ids).logits
    run = load(folder, quantisation)
    policy = Policy(run, 8, 16, "all-linear")
    kinds = {name: one.dtype for name, one in engine.named_parameters()}
    of_run = {name: one.dtype for name, one in policy.model.get_base_model().named_parameters()}
    left = {name.replace(".base_layer", ""): kind for name, kind in of_run.items()}
    assert {name: left[name] for name in kinds} == kinds
    for module in policy.model.modules():
        module.training = not isinstance(module, nn.Dropout)
    with torch.no_grad(), policy.model.disable_adapter():
        assert torch.equal(policy.model(input_ids=ids).logits, written)


@pytest.mark.parametrize(
    ("asked", "dtype", "quantised"),
    [
        ("none", torch.float32, False), ("fp32", torch.float32, False),
        ("bf16", torch.bfloat16, False), ("nf4", torch.float32, True),
        ("int8", torch.float32, True),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_what_is_loaded(
    tmp_path: Path, asked: str, dtype: torch.dtype, quantised: bool
) -> None:
    llama().save_pretrained(tmp_path)
    model = ModelRef("m", "1", str(tmp_path), asked, 128, PromptStyle())
    base, device = loading.load_base(model)
    assert (device.dtype, base.dtype) == (dtype, dtype)
    assert (getattr(base, "quantization_method", None) is not None) == quantised


def test_a_quantisation_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'int4' is not a quantisation"):
        load(tmp_path, "int4")


def test_only_what_is_quantised_is_repaired() -> None:
    plain = nn.Sequential(nn.Linear(4, 4))
    quantising.repair(plain)
    assert type(plain[0]) is nn.Linear


def test_a_dropped_gradient_is_an_error_in_tests() -> None:
    """The only sign that torch gives of it is a warning; pyproject.toml makes it an error."""
    with pytest.raises(UserWarning, match="autograd kernel was not registered"):
        warnings.warn("op: an autograd kernel was not registered to the key", UserWarning, 2)


NOISE = """
import sys, torch
from talecraft.process.child import log_to_stderr
log_to_stderr()
from talecraft.engine import loading
from talecraft.process.messages import ModelRef
from talecraft.story.context import PromptStyle
loading.settle_in()
base, _ = loading.load_base(ModelRef("m", "1", sys.argv[1], sys.argv[2], 128, PromptStyle()))
for _ in range(20):
    base(torch.arange(2, 10)[None])
"""


@pytest.mark.parametrize("quantisation", ["nf4", "int8"])
def test_libraries_say_nothing_on_the_wire_and_little_in_the_log(
    tmp_path: Path, quantisation: str
) -> None:
    llama().bfloat16().save_pretrained(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-c", NOISE, str(tmp_path), quantisation],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) < 10, ended.stderr
