"""Small models of each architecture with an adapter that changes much, and the real child."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from talecraft.engine import loading
from talecraft.exporting.__main__ import carry_out
from talecraft.learning.policy import Policy
from talecraft.process import adapter_files
from talecraft.process.export import Exported, ExportOrder, Form, export
from talecraft.process.messages import AdapterRef, ModelRef
from tests.support.models import bundled_ref
from tests.support.small_run import small_model


@dataclass
class Taught:
    """A model on disk, an adapter of it, and what both together say."""

    model: ModelRef
    adapter: AdapterRef
    policy: Policy
    place: Path

    def order(self, form: Form, bare: bool = False) -> ExportOrder:
        ending = ".gguf" if form.startswith("gguf") else ""
        target = self.place / f"{'bare' if bare else 'taught'}-{form}{ending}"
        adapter = None if bare else self.adapter
        return ExportOrder(self.model, adapter, form, str(target), "A title", "MIT", "who/what")

    def export(self, form: Form, bare: bool = False, child: bool = False) -> tuple[Path, Exported]:
        """By the program's own code here, or (`child`) as the program has it done."""
        order = self.order(form, bare)
        shutil.rmtree(order.target, ignore_errors=True)
        if child:
            return Path(order.target), export(order, lambda event: None)
        return Path(order.target), carry_out(order, lambda done, total: None)

    @torch.no_grad()
    def logits(self, ids: torch.Tensor, bare: bool = False) -> torch.Tensor:
        if bare:
            with self.policy.model.disable_adapter():
                return self.policy.model(ids).logits
        return self.policy.model(ids).logits


def taught(model: ModelRef, place: Path) -> Taught:
    policy = Policy(loading.load_base(model)[0], 4, 8, "all-linear")
    dice = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, part in policy.lora.items():
            if "lora_B" in name:
                part.normal_(std=0.1, generator=dice)
    files = policy.save(place / "adapter", model.key)
    adapter = AdapterRef(adapter_files.content_id(files), str(place / "adapter"), files, model.key)
    return Taught(model, adapter, policy, place)


def small_gpt2(folder: Path) -> ModelRef:
    """Named as on the hub, where the model's own first name is left out of its tensors."""
    source = Path(bundled_ref().folder)
    torch.manual_seed(3)
    size = json.loads((source / "config.json").read_bytes())["vocab_size"]
    config = GPT2Config(
        vocab_size=size, n_positions=1024, n_embd=32, n_layer=2, n_head=4, initializer_range=0.15
    )
    GPT2LMHeadModel(config).transformer.save_pretrained(folder)
    table = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps(table | {"architectures": ["GPT2LMHeadModel"]}))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, folder / name)
    return msgspec.structs.replace(bundled_ref(), id="small", folder=str(folder))


def sharded_llama(folder: Path) -> ModelRef:
    """Grouped queries, bfloat16, several files."""
    model = small_model(folder)
    base: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    (folder / "model.safetensors").unlink()
    base.save_pretrained(folder, max_shard_size="200KB")
    assert len(list(folder.glob("*.safetensors"))) > 1
    return model


MAKES = {"llama": small_model, "gpt2": small_gpt2, "shards": sharded_llama}


@pytest.fixture(scope="session", params=list(MAKES))
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Taught:
    place = tmp_path_factory.mktemp(request.param)
    return taught(MAKES[request.param](place / "model"), place)


@pytest.fixture(scope="session")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Taught:
    return taught(bundled_ref(), tmp_path_factory.mktemp("bundled"))
