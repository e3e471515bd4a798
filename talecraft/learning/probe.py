"""`python -m talecraft.learning.probe`: measures this machine, see process/machine.py.

Each figure is this process's own peak, in the order in which an engine and a run come to it. `heap`
is of one training step of a small random model: what its process grew by, against what its
tensors fill by the formula of the estimate (studio/needs.py).
"""

from __future__ import annotations

from pathlib import Path

from talecraft.config import models
from talecraft.paths import home
from talecraft.process.child import answers, log_to_stderr
from talecraft.process.machine import Machine, native_bfloat16
from talecraft.process.messages import ModelRef

MB = 1e6
LAYERS, HIDDEN, INNER, HEADS, VOCABULARY = 6, 512, 1376, 8, 4096
ROWS, TOKENS, RANK = 8, 256, 8
# Bytes that a float32 Llama keeps a token and layer, its keys and values as wide as its states.
KEPT = 4 * (8 * HIDDEN + 4 * INNER)
LEAST, MOST = 0.8, 2.0  # what a measured `heap` is believed to be


def probe() -> Machine:
    """What a fresh process measures of itself: after others its peak is theirs."""
    import torch

    from talecraft.engine import loading, service  # noqa: F401 (what an engine imports)

    loading.settle_in()
    # Much is imported, and buffers are laid out, when the first model is loaded and asked.
    here = home()
    catalogue = models.load(here)
    spec = catalogue.shipped
    folder = str(catalogue.folder(spec, here))
    style = catalogue.style(spec)
    opened = loading.open_model(
        ModelRef(spec.id, spec.revision, folder, "fp32", spec.context_length, style)
    )
    with torch.inference_mode():
        for tokens in (64, 1):  # many and one are multiplied by different libraries
            opened.base(torch.arange(tokens)[None])
    weights = opened.base.get_memory_footprint() / MB
    engine = peak() - weights
    import bitsandbytes  # noqa: F401
    import peft  # noqa: F401

    extras = peak() - weights - engine
    from talecraft.learning import run  # noqa: F401 (what a run imports)

    of_run = peak() - weights
    heap = _step()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    free, whole = torch.cuda.mem_get_info() if device == "cuda" else (0, 0)
    return Machine(
        engine=engine,
        run=of_run,
        extras=extras,
        heap=min(MOST, max(LEAST, heap)),
        device=device,
        native=native_bfloat16(),
        gpu=whole / MB,
        gpu_free=free / MB,
    )


def _step() -> float:
    """How much larger the process became than what the tensors of a training step fill."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from talecraft.engine.frugal import give_back
    from talecraft.engine.products import quicken
    from talecraft.learning.policy import Policy

    base = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=HIDDEN,
            intermediate_size=INNER,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            max_position_embeddings=TOKENS,
        )
    )
    quicken(base)
    give_back()  # as with a model that is not small
    policy = Policy(base, RANK, RANK, "all-linear")
    ids = torch.randint(VOCABULARY, (ROWS, TOKENS))
    policy.hidden(ids[:1, :16])
    begun = resident()
    _forget_peak()
    with policy.folded():
        policy.hidden(ids).square().mean().backward()
    folded = 4 * LAYERS * (4 * HIDDEN**2 + 3 * HIDDEN * INNER)
    return (peak() - begun - folded / MB) / (ROWS * TOKENS * LAYERS * KEPT / MB)


def peak() -> float:
    """The most memory this process held, in MB, since it began or since `_forget_peak`."""
    return _status("VmHWM")


def resident() -> float:
    """What it holds now, in MB."""
    return _status("VmRSS")


def _status(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / MB
    raise OSError(f"/proc/self/status does not tell {name}")


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    say = answers()
    log_to_stderr()
    say(probe())


if __name__ == "__main__":
    main()
