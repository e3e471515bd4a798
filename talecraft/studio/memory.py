"""Is there room? What a run and the engine need of memory and disk, against what is free.

The needs are computed from the model's own config.json and the size of its files, without torch.
Their constants were measured on the bundled model (4.4 M weights, float32) and on a random one of
90 M (bfloat16); for larger models, for quantised ones and for those on a GPU they are estimates.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from talecraft.config.models import ModelSpec
from talecraft.process.run_events import PatternSettings, PpoSettings

MB = 1e6
ENGINE_MB = 380.0  # Python, torch and transformers, measured
RUN_MB = 800.0  # ... and peft, the reward's heads and features, and the heap's gaps, measured
TRL_MB = 250.0  # TRL, its datasets and their pyarrow, measured
LOGITS_ROWS = 4096  # of logits that its loss holds, with what they become, measured
TRAINER_KEPT = 1.7  # times what a run of PPO keeps a token and layer, measured
GPU_MB = 3000.0  # the host's share of a process that computes on a GPU; an estimate
FULL_PRECISION_BYTES = 200e6  # as in the engine: beyond it a CPU computes in bfloat16
GAPS = 1.15  # of what tensors would fill, what the heap takes at its peak
SOUND_STATES, ADAM_STATES = 3, 2


@dataclass(frozen=True, slots=True)
class Room:
    """What a run needs and what there is, in MB; None where that cannot be told.

    `free` is what there would be with this program's own engine asleep.
    """

    run: float
    engine: float
    free: float | None
    disk: float
    free_disk: float | None

    @property
    def together(self) -> bool:
        """Do run and engine fit into memory at once?"""
        return self.free is None or self.run + self.engine <= self.free

    @property
    def refusal(self) -> str:
        """Why a run would not fit at all, with figures; empty where it does."""
        if self.free is not None and self.run > self.free:
            return f"It needs about {size(self.run)} of memory; {size(self.free)} are free."
        if self.free_disk is not None and self.disk > self.free_disk:
            return f"It needs about {size(self.disk)} on the disk; {size(self.free_disk)} are free."
        return ""


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how much a model needs: its sizes, and how many weights of how many bytes."""

    hidden: int
    inner: int
    layers: int
    vocabulary: int
    cached: int  # width of a layer's keys, or values
    weights: int
    embedded: int  # of these, in the embedding and the output head
    stored: int  # bytes of the files

    @classmethod
    def read(cls, folder: Path, stored: int = 0) -> Shape | None:
        """From config.json and the weights' files (or `stored`, their bytes, where they are not
        here yet); None where they do not tell."""
        try:
            config = json.loads((folder / "config.json").read_text())
            stored = stored or sum(file.stat().st_size for file in folder.glob("*.safetensors"))
            hidden = int(config.get("hidden_size") or config["n_embd"])
            layers = int(config.get("num_hidden_layers") or config["n_layer"])
            vocabulary = int(config["vocab_size"])
            heads = int(config.get("num_attention_heads") or config["n_head"])
            width = int(config.get("head_dim") or hidden // heads)
            wide = str(config.get("dtype") or config.get("torch_dtype") or "float32") == "float32"
            tied = bool(config.get("tie_word_embeddings", True))
            return cls(
                hidden=hidden,
                inner=int(config.get("intermediate_size") or config.get("n_inner") or 4 * hidden),
                layers=layers,
                vocabulary=vocabulary,
                cached=int(config.get("num_key_value_heads") or heads) * width,
                weights=stored // (4 if wide else 2),
                embedded=vocabulary * hidden * (1 if tied else 2),
                stored=stored,
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError):
            return None


def room(
    spec: ModelSpec,
    folder: Path,
    order: PpoSettings | PatternSettings,
    data: Path,
    engine_pid: int | None = None,
    device: str = "cpu",
) -> Room:
    """The room that a run of the model in `folder` needs on this machine.

    `engine_pid` is an engine that can be put to sleep, `device` where the model computes, and
    `data` the folder that the run writes to. A model whose files do not tell is taken at its
    catalogue's word.
    """
    shape = Shape.read(folder)
    free = free_mb()
    if free is not None and engine_pid is not None:
        free += _own_mb(engine_pid)
    if shape is None:
        run, engine, lora = spec.memory_to_train * 1e3, spec.memory_to_write * 1e3, 100.0
    else:
        lora = _lora_mb(shape, spec.lora_rank)
        run = (
            pattern_mb(shape, spec, order)
            if isinstance(order, PatternSettings)
            else run_mb(shape, spec, order)
        )
        engine = engine_mb(shape, spec)
    if device != "cpu":
        run = engine = GPU_MB
    # The checkpoint is written beside the last one; then the candidate, and the events and log.
    checkpoint = lora * (1 + ADAM_STATES + SOUND_STATES)
    return Room(run, engine, free, 2 * checkpoint + lora + 5.0, free_disk_mb(data))


def engine_mb(shape: Shape, spec: ModelSpec) -> float:
    """What an engine takes with its window full: weights, and keys and values in its cache."""
    cache = 2 * shape.layers * shape.cached * spec.context_length * _width(shape)
    return ENGINE_MB + (_weights(shape, spec) + cache) / MB


def run_mb(shape: Shape, spec: ModelSpec, ppo: PpoSettings) -> float:
    """The peak of a run: the backward pass of one micro-batch, or sampling a batch of rollouts."""
    width = _width(shape)
    tokens = ppo.prompt_tokens + ppo.outline_tokens + ppo.prose_tokens
    kept = _kept(shape)
    chosen = min(1024, ppo.micro_batch * (ppo.outline_tokens + ppo.prose_tokens))
    logits = 4 * 4 * chosen * shape.vocabulary  # made, scaled, normalised, and their gradient
    backward = ppo.micro_batch * tokens * kept * shape.layers + logits
    cache = 2 * 2 * shape.layers * shape.cached * ppo.batch * tokens * width  # old and grown
    adapter = _lora_mb(shape, spec.lora_rank) * (2 + ADAM_STATES + SOUND_STATES)
    weights = _weights(shape, spec) / MB
    folded = weights if spec.quantisation == "none" and width == 4 else 0.0
    return RUN_MB + weights + folded + adapter + GAPS * max(backward, cache) / MB


def pattern_mb(shape: Shape, spec: ModelSpec, pattern: PatternSettings) -> float:
    """The peak of a run that learns the pattern: the backward pass of one micro-batch of the
    longest sequences. Coarser models than float32 keep a layer's inputs only, and one layer's
    inside at a time."""
    width = _width(shape)
    tokens = pattern.micro_batch * pattern.max_tokens
    kept = TRAINER_KEPT * _kept(shape) * shape.layers
    if width < 4:
        kept = TRAINER_KEPT * _kept(shape) + width * shape.hidden * shape.layers
    logits = 4 * 4 * min(tokens, LOGITS_ROWS) * shape.vocabulary
    adapter = _lora_mb(shape, spec.lora_rank) * (2 + ADAM_STATES)
    return (
        RUN_MB
        + TRL_MB
        + _weights(shape, spec) / MB
        + adapter
        + GAPS * (tokens * kept + logits) / MB
    )


def _kept(shape: Shape) -> int:
    """Bytes kept for the backward pass, a token and layer: inputs and outputs of norms, projections
    and attention (10 hidden states) and the inside of the feed-forward (5); after Korthikanti et
    al. 2022 (2205.05198), without dropout and with attention that keeps no scores."""
    width = _width(shape)
    kept = width * (10 * shape.hidden + 5 * shape.inner)
    if width < 4:  # the adapter is float32, and keeps its inputs so
        kept += 4 * (6 * shape.hidden + shape.inner)
    return kept


def _width(shape: Shape) -> int:
    """Bytes of a number in what the CPU computes with."""
    return 4 if shape.stored < FULL_PRECISION_BYTES else 2


def _weights(shape: Shape, spec: ModelSpec) -> float:
    """Bytes of the weights as they are held; a quantised model's embeddings are not quantised."""
    if spec.quantisation == "none":
        return shape.weights * _width(shape)
    each = {"nf4": 0.5625, "int8": 1.0}[spec.quantisation]
    return (shape.weights - shape.embedded) * each + shape.embedded * 2


def _lora_mb(shape: Shape, rank: int) -> float:
    """An adapter on every linear layer, in float32: the most there can be."""
    attention = 2 * (2 * shape.hidden) + 2 * (shape.hidden + shape.cached)
    return 4 * rank * shape.layers * (attention + 3 * (shape.hidden + shape.inner)) / MB


# ---------------------------------------------------------------------- what is free
def free_mb() -> float | None:
    """What a new program could have: as the kernel estimates it, within this group's limit."""
    found = [value for value in (_available(), *_groups()) if value is not None]
    return min(found) / MB if found else None


def free_disk_mb(folder: Path) -> float | None:
    there = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    try:
        return shutil.disk_usage(there).free / MB
    except OSError:
        return None


def likely_device() -> str:
    """Where torch will compute, told without importing it, before an engine has said so."""
    try:
        on_cpu_only = metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return "cpu"
    return "cuda" if not on_cpu_only and Path("/dev/nvidiactl").exists() else "cpu"


def size(mb: float) -> str:
    """`640 MB`, `1.4 GB`."""
    return f"{mb:.0f} MB" if mb < 1000 else f"{mb / 1000:.1f} GB"


def _available(proc: Path = Path("/proc")) -> float | None:
    return _field(proc / "meminfo", "MemAvailable")


def _own_mb(pid: int, proc: Path = Path("/proc")) -> float:
    """The memory that goes free when this process ends: what it shares with no file."""
    return (_field(proc / str(pid) / "status", "RssAnon") or 0.0) / MB


def _field(path: Path, name: str) -> float | None:
    """Bytes of a line like `MemAvailable:  21690 kB`."""
    try:
        lines = path.read_text().splitlines()
        return next(
            (float(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None
        )
    except (OSError, ValueError, IndexError):
        return None


def _groups(
    proc: Path = Path("/proc"), mounted: Path = Path("/sys/fs/cgroup")
) -> Iterator[float | None]:
    """What each control group that this process is in leaves it, of either version."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers not in ("", "memory"):
            continue
        top = mounted / controllers
        own = top / path.strip("/")
        names = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            if controllers
            else ("memory.max", "memory.current", "inactive_file")
        )
        for folder in (own, *own.parents):
            yield _left(folder, *names)
            if folder == top:
                break


def _left(folder: Path, limit: str, usage: str, cached: str) -> float | None:
    """Limit less usage; files that are only cached give way. None where there is no limit."""
    try:
        allowed = int((folder / limit).read_text())  # "max" is no number
        used = int((folder / usage).read_text())
        stats = dict(
            line.split(maxsplit=1) for line in (folder / "memory.stat").read_text().splitlines()
        )
        return allowed - used + float(stats.get(cached, 0))
    except (OSError, ValueError):
        return None
