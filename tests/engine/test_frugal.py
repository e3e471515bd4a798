"""Loading holds one tensor of the files at a time: not the whole 16-bit model beside its nf4."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, modeling_utils

from talecraft.engine.frugal import frugally

LOAD = """
import sys
from talecraft.engine import loading
from talecraft.learning import probe
from talecraft.process.messages import ModelRef
from talecraft.story.context import PromptStyle
loading.settle_in()
small, large = (ModelRef("m", "1", one, "nf4", 128, PromptStyle()) for one in sys.argv[1:])
loading.load_base(small)  # what is imported and laid out at the first
begun = probe.resident()
probe._forget_peak()
base, _ = loading.load_base(large)
print(probe.peak() - begun, base.get_memory_footprint() / 1e6)
"""


def model(folder: Path, layers: int) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=512, hidden_size=512, intermediate_size=1376, num_hidden_layers=layers,
        num_attention_heads=8, max_position_embeddings=128,
    )  # fmt: skip
    LlamaForCausalLM(config).bfloat16().save_pretrained(folder, max_shard_size="20MB")
    return folder


def test_the_whole_16_bit_model_is_never_held(tmp_path: Path) -> None:
    small, large = model(tmp_path / "small", 1), model(tmp_path / "large", 10)
    files = [one.stat().st_size / 1e6 for one in large.glob("*.safetensors")]
    assert sum(files) > 60
    ended = subprocess.run(
        [sys.executable, "-c", LOAD, str(small), str(large)],
        capture_output=True, text=True, check=True, timeout=200,
    )  # fmt: skip
    peak, held = map(float, ended.stdout.split())
    assert held < 30
    assert peak <= 1.3 * held + max(files)


def test_afterwards_files_are_opened_as_ever() -> None:
    before = modeling_utils.safe_open
    with frugally(ever_after=False):
        assert modeling_utils.safe_open is not before
    assert modeling_utils.safe_open is before
