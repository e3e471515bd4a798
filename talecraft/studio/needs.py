"""How much memory a model needs to write and to learn, computed from its own files without torch.

From config.json and the headers of its safetensors; what the programs themselves hold is measured
on this machine (process/machine.py). `benchmarks.memory` compares all this with measured peaks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from talecraft.config.lean import GPT2, LLAMA, copied
from talecraft.config.precision import BYTES, SMALL, Quantisation, precision
from talecraft.process import tensors
from talecraft.process.environment import torch_threads
from talecraft.process.machine import Machine
from talecraft.process.run_events import PatternSettings, PpoSettings
from talecraft.process.tensors import Tensor

MB = 1e6
CACHE_AHEAD = 64  # tokens of room that the cache keeps, as in the engine
CHUNK = 128  # tokens that the engine reads at once
TRL_MB = 250.0  # TRL, its datasets and their pyarrow, measured
LOGITS_ROWS = 4096  # of logits that TRL's loss holds, with what they become, measured
TRAINER_KEPT = 2.1  # times what a run of PPO keeps, measured on the bundled model alone
SMALL_HEAP = 1.7  # measured on the bundled model
REWARD_MB = 45.0  # what a run reads of its passages, and the heads that are fitted to it, measured
SOUND_STATES, ADAM_STATES = 3, 2
STAGES = 2.5  # of a batch's scores, in double precision, while it draws its next tokens
# Bytes a quantised weight. int8: the scale of a row is nothing beside it. nf4: four bits, a scale
# of 8 bits for 64 weights, and one of 32 bits for 256 of these (QLoRA, 2305.14314, section 3).
_EACH = {"int8": 1.0, "nf4": 0.5 + 1 / 64 + 4 / (64 * 256)}


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how much a model needs: its sizes, and how many weights of how many bytes.

    The matrices are those of its layers, which are quantised and adapted; embeddings and output
    head are not. `sides` are their rows and columns together, `inputs` the columns that they read.
    """

    hidden: int
    inner: int
    layers: int
    vocabulary: int
    cached: int  # width of a layer's keys, or values
    gated: bool  # two matrices lead into the feed-forward instead of one
    weights: int
    in_matrices: int  # of these
    sides: int
    inputs: int
    widest: int  # weights of the largest matrix
    largest: int  # bytes of the largest tensor in the files
    stored: int  # bytes of the files
    lean: bool = False  # whether its steps are done leanly on a CPU (config/lean.py)

    @classmethod
    def read(cls, folder: Path, stored: int = 0) -> Shape | None:
        """From config.json and the headers of the weights' files (or from their bytes, `stored`,
        where they are not here yet, or have no headers); None where these do not tell."""
        try:
            config = json.loads((folder / "config.json").read_text())
            hidden = int(config.get("hidden_size") or config["n_embd"])
            layers = int(config.get("num_hidden_layers") or config["n_layer"])
            vocabulary = int(config["vocab_size"])
            heads = int(config.get("num_attention_heads") or config["n_head"])
            width = int(config.get("head_dim") or hidden // heads)
            cached = int(config.get("num_key_value_heads") or heads) * width
            gpt2 = "n_embd" in config
            inner = int(config.get("intermediate_size") or config.get("n_inner") or 4 * hidden)
            found = [] if stored else tensors.read(folder)
            if not found:
                files = tensors.files(folder) if not stored else []
                stored = stored or sum(file.stat().st_size for file in files)
                if not stored:
                    return None
                found = _foreseen(config, hidden, inner, layers, vocabulary, cached, stored)
            of_layers = [one for one in found if _is_matrix(one, vocabulary)]
            wide = sum(inner in one.shape and one.shape[0] != one.shape[1] for one in of_layers)
            return cls(
                hidden=hidden,
                inner=inner,
                layers=layers,
                vocabulary=vocabulary,
                cached=cached,
                gated=wide >= 3 * layers,
                weights=sum(one.numbers for one in found),
                in_matrices=sum(one.numbers for one in of_layers),
                sides=sum(sum(one.shape) for one in of_layers),
                # GPT-2's lie transposed.
                inputs=sum(one.shape[0 if gpt2 else 1] for one in of_layers),
                widest=max((one.numbers for one in of_layers), default=0),
                largest=max(one.size for one in found),
                stored=sum(one.size for one in found),
                lean=bool({*LLAMA, *GPT2} & set(config.get("architectures") or ())),
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError):
            return None


def _is_matrix(tensor: Tensor, vocabulary: int) -> bool:
    """A linear layer's weight, but for embeddings and output head."""
    name = tensor.name.lower()
    if len(tensor.shape) != 2 or not name.endswith(".weight") or vocabulary in tensor.shape:
        return False
    return not any(part in name for part in ("embed", "wpe", "wte", "lm_head"))


def _foreseen(
    config: dict[str, object],
    hidden: int,
    inner: int,
    layers: int,
    vocabulary: int,
    cached: int,
    stored: int,
) -> list[Tensor]:
    """The tensors of a model whose files are not here, in a Llama's shape and as large as they."""
    wide = str(config.get("dtype") or config.get("torch_dtype") or "float32") == "float32"
    width = 4 if wide else 2
    shapes = [("q", hidden, hidden), ("o", hidden, hidden), ("k", cached, hidden),
              ("v", cached, hidden), ("up", inner, hidden), ("down", hidden, inner)]  # fmt: skip
    embeddings = [("embed", vocabulary, hidden)]
    if not config.get("tie_word_embeddings", "n_embd" in config):
        embeddings.append(("lm_head", vocabulary, hidden))
    known = width * (
        sum(a * b for _, a, b in embeddings) + layers * sum(a * b for _, a, b in shapes)
    )
    if stored - known > width * layers * hidden * inner // 2:
        shapes.append(("gate", inner, hidden))
    made = [Tensor(f"{name}.weight", (rows, columns), width) for name, rows, columns in embeddings]
    made += [
        Tensor(f"{at}.{name}.weight", (rows, columns), width)
        for at in range(layers)
        for name, rows, columns in shapes
    ]
    rest = stored - sum(one.size for one in made)
    return [*made, Tensor("rest", (max(0, rest // width),), width)]


@dataclass(frozen=True, slots=True)
class Needs:
    """What one model needs at one quantisation on this machine, all in MB."""

    shape: Shape
    quantisation: Quantisation
    machine: Machine

    @property
    def width(self) -> int:
        """Bytes of a number in what it computes with."""
        weights = self.shape.weights
        return BYTES[
            precision(self.quantisation, self.machine.device, weights, self.machine.native)
        ]

    @property
    def quantised(self) -> bool:
        return self.quantisation in _EACH

    @property
    def weights(self) -> float:
        """The weights as they are held; of a quantised model only the matrices are quantised."""
        shape = self.shape
        each = _EACH.get(self.quantisation, self.width)
        return (shape.in_matrices * each + (shape.weights - shape.in_matrices) * self.width) / MB

    def engine(self, window: int, rank: int = 0) -> float:
        """An engine with a window of so many tokens full, with an adapter of `rank` or none:
        weights, keys and values, and what comes and goes while it reads. Or, if that is more, its
        loading (see `_held`)."""
        shape = self.shape
        cached = 4 if self._lean else self.width
        cache = 2 * shape.layers * shape.cached * (window + CACHE_AHEAD) * cached
        reading = CHUNK * self.width * (6 * shape.hidden + 3 * shape.inner)
        drawing = 6 * 4 * shape.vocabulary
        working = (cache + reading + drawing) / MB + self._unpacked + self.adapter(rank)
        working += self._lean
        extras = self.machine.extras if rank or self.quantised else 0.0
        return self.machine.engine + extras + self._held(working)

    def run(self, rank: int, ppo: PpoSettings) -> float:
        """The peak of a run of PPO: the backward pass of one micro-batch, or sampling a batch."""
        shape = self.shape
        tokens = ppo.prompt_tokens + ppo.outline_tokens + ppo.prose_tokens
        backward = ppo.micro_batch * tokens * self._kept * shape.layers / MB
        cache = 2 * shape.layers * shape.cached * self.width
        rows = self._together(ppo, 4 / self.width * cache)
        drawing = STAGES * 8 * rows * shape.vocabulary
        sampling = (rows * (tokens + CACHE_AHEAD) * cache + drawing) / MB
        adapter = self.adapter(rank) * (2 + ADAM_STATES + min(SOUND_STATES, ppo.updates))
        # A float32 layer is trained as one matrix (learning/folding.py), and sampled from so.
        folded = shape.in_matrices * 4 / MB if self.width == 4 and not self.quantised else 0.0
        working = folded + adapter + self._heap * max(backward, sampling) + self._unpacked
        return self.machine.run + REWARD_MB + self._held(working)

    def pattern(self, rank: int, settings: PatternSettings) -> float:
        """The peak of a run that learns the pattern: the backward pass of one micro-batch of the
        longest sequences. Coarser models than float32 keep a layer's inputs only, and one layer's
        inside at a time."""
        shape = self.shape
        tokens = settings.micro_batch * settings.max_tokens
        kept = TRAINER_KEPT * self._kept * shape.layers
        if self.width < 4:
            kept = TRAINER_KEPT * self._kept + self.width * shape.hidden * shape.layers
        logits = 4 * 4 * min(tokens, LOGITS_ROWS) * shape.vocabulary
        working = self._heap * (tokens * kept + logits) / MB
        working += self.adapter(rank) * (2 + ADAM_STATES) + self._unpacked
        return self.machine.run + TRL_MB + self._held(working)

    def adapter(self, rank: int) -> float:
        """An adapter on every matrix, in float32: the most there can be."""
        return 4 * rank * self.shape.sides / MB

    def _held(self, working: float) -> float:
        """The weights with what works on them; or while they are loaded, the largest tensor last
        and there twice."""
        return self.weights + max(working, self.shape.largest / MB)

    @property
    def _lean(self) -> float:
        """The copies of matrices and output head that a CPU's lean steps multiply by."""
        if not self.shape.lean or self.quantised or self.machine.device != "cpu":
            return 0.0
        weights = self.shape.in_matrices + self.shape.vocabulary * self.shape.hidden
        return copied(weights, torch_threads()) / MB

    @property
    def _heap(self) -> float:
        """How much more than its tensors a step takes: a small model's leave holes (frugal.py)."""
        small = self.shape.weights < SMALL and not self.quantised
        return SMALL_HEAP if small else self.machine.heap

    @property
    def _unpacked(self) -> float:
        """A quantised matrix while it is multiplied with."""
        return self.shape.widest * self.width / MB if self.quantised else 0.0

    @property
    def _kept(self) -> float:
        """Bytes kept for the backward pass, a token and layer.

        Six hidden states, keys and values, and the inside of the feed-forward twice for each
        matrix that leads into it; counted with torch's saved_tensors_hooks on both architectures
        (after Korthikanti et al. 2022, 2205.05198, for attention that keeps no scores). Adapters
        are float32: beside a coarser model they keep what each of them reads.
        """
        shape, width = self.shape, self.width
        inside = 4 if shape.gated else 2
        kept = width * (6 * shape.hidden + 2 * shape.cached + inside * shape.inner)
        return kept + (4 * shape.inputs / shape.layers - 2 * shape.inner if width < 4 else 0)

    @staticmethod
    def _together(ppo: PpoSettings, cache: float) -> int:
        """Rows that turns are drawn by, as learning/rollouts.py chooses them."""
        room = 256 * 2**20 / max(1.0, cache * 400)
        return min(max(ppo.drawn, ppo.reference_samples), int(min(64, max(32, room))))
