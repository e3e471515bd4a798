"""As PEFT has an adapter, and merged into the model's own safetensors: both are folders."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from safetensors.torch import save_file

from talecraft.formats.weights import Hear, Weights
from talecraft.process.adapter_files import FILES

# What stands beside the weights and is no code.
_BESIDE = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model",
    "chat_template.jinja", "model.safetensors.index.json",
)  # fmt: skip


def peft(adapter: Path, target: Path, source: str) -> None:
    """The adapter as `PeftModel.from_pretrained` takes it, its base named by `source`."""
    target.mkdir(mode=0o700)
    for name in FILES:
        shutil.copyfile(adapter / name, target / name)
    file = target / "adapter_config.json"
    config = json.loads(file.read_bytes())
    config["base_model_name_or_path"] = source
    file.write_text(json.dumps(config, indent=2) + "\n")
    _private(target)


def merged(weights: Weights, model: Path, target: Path, hear: Hear) -> str:
    """The whole model with the change in its weights, shard by shard as it lay; returns its
    precision. `hear` gets bytes written, and how many there will be."""
    target.mkdir(mode=0o700)
    done = 0
    for shard, names in weights.shards.items():
        tensors = {name: weights[name].contiguous() for name in names}
        save_file(tensors, target / shard, metadata={"format": "pt"})
        done += (target / shard).stat().st_size
        hear(done, weights.size)
    for name in _BESIDE:
        if (model / name).is_file():
            shutil.copyfile(model / name, target / name)
    _private(target)
    return "/".join(sorted({weights.dtype(name) for name in weights}))


def _private(folder: Path) -> None:
    for file in folder.iterdir():
        file.chmod(0o600)
