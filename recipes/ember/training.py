"""The training loop of every stage: packed windows, Muon and AdamW, resumable after a kill."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from recipes.ember.muon import Muon
from recipes.ember.recipe import Shape, Stage

IGNORED = -100
SAVE_SECONDS = 300.0
MEASURED_SHARE = 0.1  # of a budget, after which the held-out loss is looked at
TELL_STEPS = 20


class Stream(Protocol):
    """Where the windows come from: (rows, window + 1) ids, and which of them are learned."""

    def batch(self, at: int, rows: int, window: int) -> tuple[np.ndarray, np.ndarray]: ...


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def products() -> torch.dtype:
    """bfloat16 where the hardware multiplies it; a CPU that has to imitate it takes 14 times as
    long as in float32 (measured)."""
    quick = (
        torch.cuda.is_available()
        or torch.cpu._is_avx512_bf16_supported()
        or torch.cpu._is_amx_tile_supported()
    )
    return torch.bfloat16 if quick else torch.float32


def create(shape: Shape, seed: int) -> LlamaForCausalLM:
    """A Llama of random weights, on the CPU."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=shape.vocabulary,
            hidden_size=shape.width,
            intermediate_size=shape.feed_forward,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.key_value_heads,
            max_position_embeddings=shape.context,
            rms_norm_eps=1e-6,
            tie_word_embeddings=True,
            bos_token_id=2,
            eos_token_id=1,
            pad_token_id=0,
            attn_implementation="sdpa",
        )
    )


def drop(model: LlamaForCausalLM, share: float) -> None:
    """Leave out `share` of the embeddings and of what each block adds, while `model` learns: texts
    that are read many times over are else learned by heart."""

    def some(module: nn.Module, _: Any, found: Any) -> Any:
        if isinstance(found, tuple):
            return (F.dropout(found[0], share, module.training), *found[1:])
        return F.dropout(found, share, module.training)

    blocks = [one for layer in model.model.layers for one in (layer.self_attn, layer.mlp)]
    for module in (model.model.embed_tokens, *blocks):
        module.register_forward_hook(some)


class Trainer:
    """Trains `model` in place through one stage. State is kept in `folder`."""

    def __init__(
        self,
        model: LlamaForCausalLM,
        stage: Stage,
        folder: Path,
        compiled: bool | None = None,
    ) -> None:
        """Compiled where nothing else is said and it pays: with float32 on a CPU it does not."""
        self._device, self._products = device(), products()
        if compiled is None:
            compiled = self._products == torch.bfloat16
        self.model: Any = model.to(self._device).train()
        if stage.dropout:
            drop(model, stage.dropout)
        self._stage, self._folder = stage, folder
        self.steps = self.tokens = 0
        self.seconds = 0.0
        matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
        rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
        self._optimisers: list[torch.optim.Optimizer] = [
            Muon(matrices, stage.rate, stage.weight_decay, products=self._products),
            torch.optim.AdamW(rest, lr=stage.rate, betas=(0.9, 0.95), weight_decay=0.0),
        ]
        self._loss: Callable[[Tensor, Tensor], Tensor] = (
            torch.compile(self._plain_loss) if compiled else self._plain_loss
        )
        folder.mkdir(parents=True, exist_ok=True)

    # ------------------------------------------------------------------ the loop
    def train(self, stream: Stream, held_out: Stream, tell: Callable[[str], None] = print) -> None:
        """Go on from the last checkpoint to the end of the budget, telling progress and ETA."""
        self.resume()
        stage = self._stage
        rows = stage.step_tokens // stage.window
        began = saved = time.monotonic()
        before, losses = self.seconds, list[Tensor]()
        measured = self.progress()
        while (progress := self.progress()) < 1:
            for optimiser in self._optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = stage.rate * self._schedule(progress)
            ids, learned = stream.batch(self.tokens, rows, stage.window)
            loss = self._step(ids, learned)
            losses.append(loss)
            self.steps += 1
            self.tokens += rows * stage.window
            now = time.monotonic()
            self.seconds = before + now - began
            if self.steps % TELL_STEPS == 0:
                mean = float(torch.stack(losses).mean())
                losses.clear()
                self._record(loss=mean)
                left = self.seconds / max(self.progress(), 1e-9) - self.seconds
                tell(
                    f"{stage.name} {self.progress():4.0%}  step {self.steps}"
                    f"  {self.tokens / 1e6:.1f} M tokens  loss {mean:.3f}"
                    f"  {self.tokens / self.seconds:,.0f} tokens/s  {left / 60:.0f} min left"
                )
            due = self.progress() - measured >= MEASURED_SHARE
            if due or now - saved > SAVE_SECONDS or self.progress() >= 1:
                self._record(held_out=self.measure(held_out))
                self.save()
                saved, measured = time.monotonic(), self.progress()
                began += saved - now  # measuring and saving are no training
        tell(f"{stage.name} done: held-out loss {self.measure(held_out):.4f}")

    def progress(self) -> float:
        """Share of the budget that is used."""
        return max(self.tokens / self._stage.tokens, self.seconds / (60 * self._stage.minutes))

    def _schedule(self, progress: float) -> float:
        stage = self._stage
        warm = min(1.0, (self.steps + 1) / max(1, stage.warmup))
        left = min(1.0, (1 - progress) / stage.decay if stage.decay else 1.0)
        return warm * (stage.floor + (1 - stage.floor) * left)

    def _step(self, ids: np.ndarray, learned: np.ndarray) -> Tensor:
        """The loss, on the device: to read it waits for it."""
        rows = max(1, self._stage.micro_tokens // self._stage.window)
        learned_tokens = max(1, int(learned[:, 1:].sum()))
        loss = torch.zeros((), device=self._device)
        for at in range(0, len(ids), rows):
            some = slice(at, at + rows)
            part = self._loss(*self._tensors(ids[some], learned[some])) / learned_tokens
            part.backward()
            loss += part.detach()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self._stage.clip)
        for optimiser in self._optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return loss

    def _tensors(self, ids: np.ndarray, learned: np.ndarray) -> tuple[Tensor, Tensor]:
        labels = torch.from_numpy(np.where(learned, ids, IGNORED)[:, 1:])
        return torch.from_numpy(ids[:, :-1]).to(self._device), labels.to(self._device)

    def _plain_loss(self, ids: Tensor, labels: Tensor) -> Tensor:
        """The summed loss of what is learned."""
        half = self._products == torch.bfloat16
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=half):
            states = self.model.model(ids, use_cache=False).last_hidden_state
            logits = self.model.lm_head(states)
        return F.cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum"
        )

    @torch.no_grad()
    def measure(self, stream: Stream, batches: int = 8) -> float:
        """Mean loss (nats a token) of the first windows of `stream`."""
        stage = self._stage
        rows = stage.step_tokens // stage.window
        self.model.eval()
        total = count = 0.0
        for at in range(batches):
            ids, learned = stream.batch(at * rows * stage.window, rows, stage.window)
            total += float(self._plain_loss(*self._tensors(ids, learned)))
            count += int(learned[:, 1:].sum())
        self.model.train()
        return total / count

    # ------------------------------------------------------------------ state
    def _record(self, **figures: float) -> None:
        line = {"tokens": self.tokens, "seconds": round(self.seconds, 1), **figures}
        with (self._folder / "curve.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def save(self) -> None:
        """Replace the checkpoint as a whole: weights, both optimisers, where the stream stands."""
        state = {
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers],
            "at": {"steps": self.steps, "tokens": self.tokens, "seconds": self.seconds},
        }
        part = self._folder / "checkpoint.part"
        torch.save(state, part)
        os.replace(part, self._folder / "checkpoint.pt")

    def resume(self) -> None:
        """From the checkpoint where there is one. Only tensors and numbers are unpickled."""
        path = self._folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self._device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimiser, kept in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self.steps, self.tokens = state["at"]["steps"], state["at"]["tokens"]
        self.seconds = state["at"]["seconds"]

    def inherit(self, folder: Path) -> None:
        """Begin with another stage's weights and the optimisers' memory of it."""
        state = torch.load(folder / "checkpoint.pt", map_location=self._device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimiser, kept in zip(self._optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
