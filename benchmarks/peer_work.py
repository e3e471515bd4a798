"""Greedy steps of llama.cpp on a model's weights as Q8_0, in a process of its own; prints JSON.

python -m benchmarks.peer_work FOLDER
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import gguf
import msgspec
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kinds

from benchmarks.generation_work import LENGTHS, STEPS, after
from talecraft.formats.gguf_files import _BUFFERS, Kind, _plain
from talecraft.formats.weights import Weights

ROOM = max(LENGTHS) + STEPS


def export(folder: Path, target: Path) -> None:
    """The weights alone, of any vocabulary: only ids travel. Matrices are Q8_0, but for positions,
    which llama.cpp leaves as they are."""
    kind = Kind.of(folder)
    writer = gguf.GGUFWriter(target, kind.arch_name)
    writer.add_type("model")
    kind.describe(writer)
    writer.add_tokenizer_model("none")
    if kind.arch is gguf.MODEL_ARCH.GPT2:
        writer.add_vocab_size(kind.config["vocab_size"])
    with Weights(folder) as weights:
        for tensor in weights:
            if tensor.endswith(_BUFFERS):
                continue
            name, data = kind.name(tensor), _plain(kind, tensor, weights[tensor], Kinds.F32)
            if data.ndim > 1 and not name.startswith("position_embd"):
                packed = gguf.quants.quantize(data, Kinds.Q8_0)
                writer.add_tensor(name, packed, raw_dtype=Kinds.Q8_0)
            else:
                writer.add_tensor(name, data)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    writer.close()


def measure(folder: Path) -> dict[int, float]:
    """Tokens a second after so many tokens. Raises ImportError without llama-cpp-python."""
    import llama_cpp

    with tempfile.TemporaryDirectory() as place:
        export(folder, target := Path(place) / "model.gguf")
        model = llama_cpp.Llama(
            str(target), n_ctx=ROOM, n_threads=torch.get_num_threads(),
            n_threads_batch=torch.get_num_threads(), verbose=False,
        )  # fmt: skip
        size = model.n_vocab()

        def step(token: int) -> int:
            model.eval([token])
            return int(np.argmax(np.ctypeslib.as_array(model._ctx.get_logits(), shape=(size,))))

        def read(ids: list[int]) -> int:
            model.reset()
            model.eval(ids[:-1])
            return step(ids[-1])

        return {length: after(length, read, step) for length in LENGTHS}


if __name__ == "__main__":
    print(msgspec.json.encode(measure(Path(sys.argv[1]))).decode())
