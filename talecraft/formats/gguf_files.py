"""GGUF, the files of llama.cpp: a whole model, or an adapter to lay over one.

Names and layout are llama.cpp's: a Llama's query and key rows are put in the order in which its
rotary embedding pairs them, GPT-2's transposed weights are turned back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType
from torch import Tensor

from talecraft.errors import UsageError
from talecraft.formats import vocabulary
from talecraft.formats.weights import Hear, Weights

# A model this small loses more by rounding than its file grows by.
FULL_PRECISION_BYTES = 200e6
_KINDS = {
    "LlamaForCausalLM": gguf.MODEL_ARCH.LLAMA,
    "MistralForCausalLM": gguf.MODEL_ARCH.LLAMA,
    "GPT2LMHeadModel": gguf.MODEL_ARCH.GPT2,
}
_TRANSPOSED = (
    ".attn.c_attn.weight",
    ".attn.c_proj.weight",
    ".mlp.c_fc.weight",
    ".mlp.c_proj.weight",
)
_BUFFERS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")
_TYPES = {
    "F32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
    "F16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "BF16": (GGMLQuantizationType.BF16, LlamaFileType.MOSTLY_BF16),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A model's architecture in llama.cpp's terms."""

    arch: gguf.MODEL_ARCH
    config: dict[str, Any]
    names: gguf.TensorNameMap

    @classmethod
    def of(cls, folder: Path) -> Kind:
        """Raises UsageError for an architecture that is not known here."""
        config = json.loads((folder / "config.json").read_bytes())
        name = (config.get("architectures") or [""])[0]
        if name not in _KINDS:
            raise UsageError(
                f"A {name or 'model of no named architecture'} cannot be written as GGUF here.",
                f"Known are {', '.join(_KINDS)}; export it as peft or merged.",
            )
        layers = config.get("num_hidden_layers") or config["n_layer"]
        return cls(_KINDS[name], config, gguf.get_tensor_name_map(_KINDS[name], layers))

    @property
    def arch_name(self) -> str:
        return str(gguf.MODEL_ARCH_NAMES[self.arch])

    def name(self, tensor: str) -> str:
        """A tensor's name in GGUF."""
        for known in (tensor, f"transformer.{tensor}"):
            found = self.names.get_name(known, try_suffixes=(".weight", ".bias"))
            if found is not None:
                return str(found)
        raise UsageError(
            f"The model's tensor {tensor} has no name in GGUF.", "Export it as merged."
        )

    def laid_out(self, tensor: str, rows: Tensor) -> Tensor:
        """A matrix (out, in), a bias (out,) or an adapter's B (out, r), with its rows in
        llama.cpp's order."""
        heads = self.config.get("num_attention_heads", 0)
        if self.arch is gguf.MODEL_ARCH.LLAMA and tensor.endswith(("q_proj.weight", "q_proj.bias")):
            return _paired(rows, heads)
        if self.arch is gguf.MODEL_ARCH.LLAMA and tensor.endswith(("k_proj.weight", "k_proj.bias")):
            return _paired(rows, self.config.get("num_key_value_heads") or heads)
        return rows

    def describe(self, writer: GGUFWriter) -> None:
        """The hyperparameters. Raises UsageError for a rotary embedding that is not known here."""
        (self._gpt2 if self.arch is gguf.MODEL_ARCH.GPT2 else self._llama)(writer)

    def _gpt2(self, writer: GGUFWriter) -> None:
        config = self.config
        writer.add_context_length(config.get("n_positions", 1024))
        writer.add_embedding_length(config["n_embd"])
        writer.add_block_count(config["n_layer"])
        writer.add_feed_forward_length(config.get("n_inner") or 4 * config["n_embd"])
        writer.add_head_count(config["n_head"])
        writer.add_layer_norm_eps(config.get("layer_norm_epsilon", 1e-5))

    def _llama(self, writer: GGUFWriter) -> None:
        config = self.config
        rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
        kind = rope.get("rope_type", rope.get("type", "default"))
        if kind not in ("default", "linear"):
            raise UsageError(
                f"Its rotary embedding is scaled by '{kind}', which is not written as GGUF here.",
                "Export it as peft or merged.",
            )
        heads, width = config["num_attention_heads"], config["hidden_size"]
        each = config.get("head_dim") or width // heads
        # llama.cpp's llama attends to everything: beyond a window it would be another model.
        window = config.get("sliding_window") or config["max_position_embeddings"]
        writer.add_context_length(min(window, config["max_position_embeddings"]))
        writer.add_embedding_length(width)
        writer.add_block_count(config["num_hidden_layers"])
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_head_count(heads)
        writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
        writer.add_key_length(each)
        writer.add_value_length(each)
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_rope_dimension_count(each)
        writer.add_rope_freq_base(rope.get("rope_theta") or config.get("rope_theta", 10_000.0))
        if kind == "linear":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(rope["factor"])
        writer.add_vocab_size(config["vocab_size"])


def _paired(rows: Tensor, heads: int) -> Tensor:
    """transformers turns the first half of a head's rows against the second, llama.cpp each even
    row against the next odd one."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def model(
    weights: Weights, folder: Path, target: Path, title: str, licence: str, hear: Hear
) -> str:
    """The whole model, the adapter's change in it; returns its precision. `hear` gets bytes
    written, and how many there will be. Raises UsageError for what has no form in GGUF."""
    kind = Kind.of(folder)
    kept = precision(weights)
    matrices, file_type = _TYPES[kept]
    writer = GGUFWriter(target, kind.arch_name)
    writer.add_type("model")
    _name(writer, title, licence)
    kind.describe(writer)
    writer.add_file_type(file_type)
    vocabulary.write(writer, vocabulary.read(folder, kind.config["vocab_size"]), folder)
    wanted = [name for name in weights if not name.endswith(_BUFFERS)]
    types = {}
    for name in wanted:
        shape = weights.shape(name)
        shape = shape[::-1] if _turned(kind, name) else shape
        types[name] = matrices if len(shape) > 1 else GGMLQuantizationType.F32
        size = _bytes(types[name]) * int(np.prod(shape))
        # Its shape is that of the bytes where numpy does not know the type.
        raw = (*shape[:-1], shape[-1] * 2) if types[name] is GGMLQuantizationType.BF16 else shape
        plain = np.dtype(_NUMPY[types[name]])
        writer.add_tensor_info(kind.name(name), raw, plain, size, raw_dtype=types[name])
    _write(writer, wanted, lambda name: _plain(kind, name, weights[name], types[name]), hear)
    return kept


def precision(weights: Weights) -> str:
    """That of the matrices in a model's file: as they are, but in full for a small model."""
    return "F32" if weights.size < FULL_PRECISION_BYTES else _main_precision(weights)


def adapter(weights: Weights, folder: Path, target: Path, title: str, licence: str) -> None:
    """The adapter alone, in float32, for `llama_adapter_lora_init` over the base's GGUF."""
    kind = Kind.of(folder)
    writer = GGUFWriter(target, kind.arch_name)
    writer.add_type("adapter")
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    scales = {change.scale * len(change.a) for change in weights.lora.values()}
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, scales.pop())  # llama.cpp divides by the rank
    _name(writer, title, licence)
    parts = {}
    for name, change in weights.lora.items():
        known = kind.name(name)
        parts[f"{known}.lora_a"] = change.a
        parts[f"{known}.lora_b"] = kind.laid_out(name, change.b)
    for name, part in parts.items():
        writer.add_tensor_info(name, tuple(part.shape), np.dtype(np.float32), 4 * part.numel())
    _write(writer, list(parts), lambda name: parts[name].contiguous().numpy(), lambda *_: None)


def _write(
    writer: GGUFWriter, names: list[str], make: Callable[[str], np.ndarray[Any, Any]], hear: Hear
) -> None:
    """The file, a tensor at a time."""
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    total = sum(info.nbytes for shard in writer.tensors for info in shard.values())
    done = 0
    for name in names:
        data = make(name)
        writer.write_tensor_data(data)
        done += data.nbytes
        hear(done, total)
    writer.close()


def _plain(
    kind: Kind, name: str, tensor: Tensor, wanted: GGMLQuantizationType
) -> np.ndarray[Any, Any]:
    laid = kind.laid_out(name, tensor.T if _turned(kind, name) else tensor)
    if wanted is GGMLQuantizationType.BF16:
        return laid.to(torch.bfloat16).contiguous().view(torch.uint8).numpy()
    exact = torch.float32 if wanted is GGMLQuantizationType.F32 else torch.float16
    return laid.to(exact).contiguous().numpy()


_NUMPY = {
    GGMLQuantizationType.F32: np.float32,
    GGMLQuantizationType.F16: np.float16,
    GGMLQuantizationType.BF16: np.uint8,
}


def _turned(kind: Kind, name: str) -> bool:
    return kind.arch is gguf.MODEL_ARCH.GPT2 and name.endswith(_TRANSPOSED)


def _bytes(kind: GGMLQuantizationType) -> int:
    return 4 if kind is GGMLQuantizationType.F32 else 2


def _main_precision(weights: Weights) -> str:
    """That of its matrices; float32 becomes float16, as which models of that size are used."""
    types = {weights.dtype(name) for name in weights if len(weights.shape(name)) > 1}
    return "BF16" if types == {"BF16"} else "F16"


def _name(writer: GGUFWriter, title: str, licence: str) -> None:
    writer.add_name(title)
    if licence:
        writer.add_license(licence)
