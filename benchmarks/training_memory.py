"""Peak memory of one update of PPO on models of 7 to 11 billion weights in nf4, on a GPU.

python -m benchmarks.training_memory

Random weights in the shapes of Llama 3 8B and SOLAR 10.7B; 16 passages of 256 tokens, as many at
once as the catalogue's entry says. Told is what was taken of the card, not what tensors held.
"""

from __future__ import annotations

import sys

import msgspec

from benchmarks import report
from benchmarks.generation import ON_GPU
from benchmarks.report import Row
from benchmarks.subjects import child, folder
from talecraft.config import models
from talecraft.paths import home
from talecraft.process.run_events import PpoSettings

AIM = 14_000.0  # MB
ENTRIES = {"llama-8b": "llama-3-8b", "solar": "solar-10.7b"}


def main() -> None:
    import torch

    if not torch.cuda.is_available():
        sys.exit("There is no GPU here; `python -m benchmarks.memory` measures on the CPU.")
    catalogue, rows = models.load(home()), []
    for model in ON_GPU:
        spec = catalogue.get(ENTRIES[model.name])
        settings = PpoSettings(
            updates=1, epochs=1, batch=16, minibatch=16, micro_batch=spec.micro_batch,
            prompt_tokens=56, outline_tokens=40, prose_tokens=160, reference_samples=20,
            kl_target=1e9, approx_kl_stop=1e9,
        )  # fmt: skip
        given = (
            str(folder(model.name)), model.quantisation, str(model.window), str(spec.lora_rank),
            msgspec.json.encode(settings).decode(),
        )  # fmt: skip
        peak = float(child("memory_work", "train", *given).split()[-1])
        row = Row(f"{model.title}: one update", f"{peak:.0f} MB", f"<= {AIM:.0f} MB", peak <= AIM)
        print(f"{row.what}: {row.figure}", flush=True)
        rows.append(row)
    report.write(
        f"Training on a GPU: {torch.cuda.get_device_name()}",
        "python -m benchmarks.training_memory",
        rows,
        "16 passages of 256 tokens, LoRA on every matrix.",
    )


if __name__ == "__main__":
    main()
