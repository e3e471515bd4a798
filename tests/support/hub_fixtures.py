"""A hub with one model on it, and a home whose client keeps its tokens to itself."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from talecraft.paths import home
from tests.support.hub import Hub, Repository

ID, REPO = "small", "writers/small-tales"
MIB = 1 << 20
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "max_position_embeddings": 2048,
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "vocab_size": 97, "torch_dtype": "bfloat16",
}  # fmt: skip
ENTRY = f"""
[[model]]
id = "{ID}"
title = "Small Tales"
source = "hub"
location = "{REPO}"
revision = "main"
context_length = 2048
licence = "MIT"
parameters = "3 M"
style = "plain"
"""


def known_as(*ids: str) -> None:
    """The bundled model's files under other names, in the user's own models.toml."""
    folder = Path(str(files("talecraft"))) / "assets" / "llama-ember"
    home().config.mkdir(parents=True, exist_ok=True)
    there = home().models_file.read_text() if home().models_file.exists() else ""
    home().models_file.write_text(
        there
        + "".join(
            f'[[model]]\nid = "{one}"\ntitle = "{one}"\nsource = "local"\nrevision = "1"\n'
            f'location = "{folder}"\ncontext_length = 1024\nlicence = "MIT"\nparameters = "4 M"\n'
            for one in ids
        )
    )


def a_model() -> dict[str, bytes]:
    """A repository's files: what is wanted, and what is not."""
    return {
        "config.json": json.dumps(CONFIG).encode(),
        "tokenizer.json": b'{"version": "1.0"}',
        "tokenizer_config.json": b"{}",
        "model.safetensors": os.urandom(5 * MIB),
        "pytorch_model.bin": b"a pickle",
        "consolidated.safetensors": b"the same again",
        "modeling_small.py": b"import os",
        "README.md": b"# Small",
        "original/params.json": b"{}",
    }


def weights(size: int) -> bytes:
    """A sound file of so many bytes for the configurations here: two layers' worth, of 97 words."""
    room, table, at = 1000, {}, 0
    for name, shape in {"embed": [97, 64], "one": [(size - room - 8 - 97 * 64 * 2) // 2]}.items():
        end = at + 2 * math.prod(shape)
        table[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, end]}
        at = end
    header = json.dumps(table).encode().ljust(room)
    return len(header).to_bytes(8, "little") + header + b"\0" * at


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    found = Hub()
    found.repositories[REPO] = Repository(a_model())
    monkeypatch.setenv("HF_ENDPOINT", found.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "20")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE"):
        monkeypatch.delenv(name, raising=False)
    yield found
    found.close()
