"""Policy, reference and value head over one copy of the base.

The policy is a LoRA adapter. The reference is the root: the pattern adapter that the policy began
at, frozen beside it, or, where there is none, the same trunk with the adapter off. The value head
is a linear layer on the detached hidden state and a few clues: the critic cannot disturb the
policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from talecraft.engine.products import product
from talecraft.errors import AdapterError, EngineError
from talecraft.learning import folding
from talecraft.learning.rollouts import Rollout
from talecraft.learning.sequences import CLUES, Sequences, collate
from talecraft.paths import flush_file
from talecraft.process import adapter_files
from talecraft.process.run_events import RunSettings

ADAPTER = "default"
ROOT = "root"
# Numbers, 4 bytes each: a 128k vocabulary is half a megabyte a position.
LOGITS_AT_A_TIME = 2**21


@dataclass(frozen=True, slots=True)
class Judged:
    """What one forward says of a batch's responses; all (B, T), zero where padded."""

    logprobs: Tensor
    values: Tensor
    entropy: Tensor | None


class Policy(nn.Module):
    """The trainable whole. Dropout is off everywhere: the ratio starts at exactly 1.

    Raises EngineError where `targets` name the output layer.
    """

    def __init__(self, base: Any, rank: int, alpha: int, targets: str | list[str]) -> None:
        super().__init__()
        hidden = base.config.get_text_config().hidden_size
        config = LoraConfig(
            r=rank,
            lora_alpha=alpha,
            target_modules=targets,
            lora_dropout=0.0,
            task_type="CAUSAL_LM",
        )
        self.model: Any = get_peft_model(base, config, adapter_name=ADAPTER).eval()
        still(self.model)
        self.value_head = nn.Linear(hidden + CLUES, 1, dtype=torch.float32, device=base.device)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)
        for name, parameter in self.model.named_parameters():
            if "lora_" in name:
                parameter.data = parameter.data.float()
        self._find_layers()
        self._folded = False
        self._speaking = ADAPTER  # the adapter that is active where none is off
        self._beneath: tuple[str, ...] = ()  # the frozen ones that speak with it
        self._rooted = False
        if isinstance(self.model.get_base_model().get_output_embeddings(), LoraLayer):
            raise EngineError(
                "The output layer of a model cannot be adapted.",
                "Leave it out of this model's lora_targets in models.toml.",
            )

    @classmethod
    def for_run(cls, base: Any, settings: RunSettings, root: Path | None = None) -> Policy:
        """A policy that begins at the root: at the adapter in the folder `root`, of its shape; at
        the bare base where that is None.

        Raises AdapterError where the root does not fit the base.
        """
        if root is None:
            return cls(base, settings.lora_rank, settings.lora_alpha, settings.lora_targets)
        shape = LoraConfig.from_pretrained(root)
        targets = shape.target_modules
        made = cls(
            base,
            shape.r,
            shape.lora_alpha,
            targets if isinstance(targets, str) else sorted(targets),
        )
        made.load(root, ROOT)
        with torch.no_grad():
            for layer in made._layers:
                for part in (layer.lora_A, layer.lora_B):
                    part[ADAPTER].weight.copy_(part[ROOT].weight)
        made._rooted = True
        return made

    def load(self, folder: Path, name: str) -> None:
        """Lay a saved adapter beside the others, frozen. Raises AdapterError where it is of another
        shape than the base."""
        try:
            self.model.load_adapter(str(folder), adapter_name=name)
        except (ValueError, RuntimeError, KeyError, TypeError) as error:
            raise AdapterError(
                f"Adapter {folder.name} does not fit the model ({type(error).__name__}).",
                "Roll back to another one, or train again.",
            ) from error
        self.model.set_adapter(ADAPTER)
        self._find_layers()

    def _find_layers(self) -> None:
        self._layers: list[Any] = [m for m in self.model.modules() if isinstance(m, LoraLayer)]
        self._foldable = all(_is_plain(layer.get_base_layer()) for layer in self._layers)

    def _of(self, adapter: str) -> list[Any]:
        """The layers that this adapter changes."""
        return [layer for layer in self._layers if adapter in layer.lora_A]

    # ------------------------------------------------------------------ parameters
    @property
    def lora(self) -> dict[str, nn.Parameter]:
        return {n: p for n, p in self.model.named_parameters() if p.requires_grad}

    def snapshot(self) -> dict[str, Tensor]:
        return {name: p.detach().clone() for name, p in self.lora.items()}

    def restore(self, snapshot: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.lora.items():
                parameter.copy_(snapshot[name])

    @contextmanager
    def reference(self) -> Iterator[None]:
        """Inside, the frozen root speaks: its adapter, or the base with every adapter off."""
        if not self._rooted:
            with self.model.disable_adapter():
                yield
            return
        self._speaking = ROOT
        self.model.set_adapter(ROOT)
        try:
            with self.folded():
                yield
        finally:
            self._speaking = ADAPTER
            self.model.set_adapter(ADAPTER)

    def add(self, name: str, rank: int) -> dict[str, nn.Parameter]:
        """Lay another adapter on the policy's own layers, and on the root: its parameters."""
        shape = self.model.peft_config[ADAPTER]
        config = LoraConfig(
            r=rank,
            lora_alpha=2 * rank,
            target_modules=shape.target_modules,
            lora_dropout=0.0,
            task_type=shape.task_type,
        )
        self.model.add_adapter(name, config)
        self.model.set_adapter(ADAPTER)
        still(self.model)
        self._find_layers()
        found = {n: p for n, p in self.model.named_parameters() if f".{name}." in n}
        for parameter in found.values():
            parameter.data = parameter.data.float()
        return found

    def drop(self, name: str) -> None:
        """Take such an adapter away again."""
        self.model.delete_adapter(name)
        self.model.set_adapter(ADAPTER)
        self._find_layers()

    @contextmanager
    def speaking(self, name: str) -> Iterator[None]:
        """Inside, an adapter that was added speaks, on top of the root, and is what learns."""
        self._speaking, self._beneath = name, (ROOT,) if self._rooted else ()
        self.model.base_model.set_adapter([*self._beneath, name])
        for layer in self._layers:
            for part in (layer.lora_A, layer.lora_B):
                for one in self._beneath:
                    part[one].requires_grad_(False)
        try:
            yield
        finally:
            self._speaking, self._beneath = ADAPTER, ()
            self.model.set_adapter(ADAPTER)

    @contextmanager
    def merged(self, adapter: str | None = ADAPTER) -> Iterator[Any]:
        """Inside, a plain base with the adapter (None: the root) folded in, for quick sampling.

        The pristine weights are kept aside and put back, bit for bit: adding and subtracting the
        update would leave rounding behind. Only float32 layers are folded: in a coarser type the
        sum would be another policy than the one whose log-probs are learned from.
        """
        if adapter is None and not self._rooted:
            with self.reference():
                yield self.model
            return
        adapter = adapter or ROOT
        self.model.set_adapter(adapter)
        if not self._foldable:
            try:
                yield self.model
            finally:
                self.model.set_adapter(ADAPTER)
            return
        layers = self._of(adapter)
        kept = [m.get_base_layer().weight.data for m in layers]
        with torch.no_grad():
            for module, weight in zip(layers, kept, strict=True):
                delta = module.get_delta_weight(adapter)
                module.get_base_layer().weight.data = weight + delta.to(weight.dtype)
        try:
            with self.model.disable_adapter():
                yield self.model
        finally:
            for module, weight in zip(layers, kept, strict=True):
                module.get_base_layer().weight.data = weight
            self.model.set_adapter(ADAPTER)

    @contextmanager
    def folded(self) -> Iterator[None]:
        """Inside, reading costs one product a layer (see folding.py); the weights must stand still.

        Every read does so by itself; around several of them it is done once. Where the layers
        cannot be folded, or the adapter is off, it changes nothing.
        """
        if self._folded or not self._foldable or self._layers[0].disable_adapters:
            yield
            return
        self._folded = True
        try:
            with folding.folded(self._of(self._speaking), self._speaking, self._beneath):
                yield
        finally:
            self._folded = False

    def batch(self, sampled: Sequence[Rollout], pad: int) -> Sequences:
        """Rollouts as one padded batch on the policy's device."""
        return collate(
            [one.prompt_ids for one in sampled],
            [one.response_ids for one in sampled],
            [one.forced for one in sampled],
            pad,
            str(self.model.device),
        )

    # ------------------------------------------------------------------ forward
    def hidden(self, ids: Tensor) -> Tensor:
        """Last hidden states (B, L, D), final norm applied, without computing logits."""
        base = self.model.get_base_model()
        backbone = getattr(base, base.base_model_prefix)
        with self.folded():
            states: Tensor = backbone(input_ids=ids, use_cache=False).last_hidden_state
        return states

    def judge(self, batch: Sequences, temperature: float = 1.0, entropy: bool = False) -> Judged:
        """Log-probs at `temperature`, values and, if asked, entropies of the responses.

        Right padding needs no attention mask: nothing attends forward.
        """
        return self.judge_states(self.hidden(batch.ids), batch, temperature, entropy)

    def judge_states(
        self, states: Tensor, batch: Sequences, temperature: float = 1.0, entropy: bool = False
    ) -> Judged:
        """The same from last hidden states (B, L, D) that are there already."""
        rows = torch.arange(len(states), device=states.device)[:, None]
        present = batch.targets >= 0
        picked = states[rows, batch.positions][present]
        head = self.model.get_base_model().get_output_embeddings()
        logprobs, entropies = token_logprobs(
            picked, head, batch.targets[present], temperature, entropy
        )
        return Judged(
            _spread(logprobs, present),
            _spread(self.value(picked, batch.clues[present]), present),
            _spread(entropies, present) if entropies is not None else None,
        )

    def value(self, states: Tensor, clues: Tensor) -> Tensor:
        """The critic's estimate (N,) for states (N, D), whose gradient ends here, and clues."""
        seen: Tensor = self.value_head(torch.cat([states.detach().float(), clues], 1))[:, 0]
        return seen

    # ------------------------------------------------------------------ files
    def save(self, folder: Path, model_key: str) -> dict[str, str]:
        """Write the adapter, safetensors and configuration alone; returns the files' sha256.

        The configuration names the model by its key, not by a path of this machine, and its
        layers in order, so that the same weights always have the same checksum.
        """
        config = self.model.peft_config[ADAPTER]
        if isinstance(config.target_modules, set):  # a set's order changes from process to process
            config.target_modules = sorted(config.target_modules)
        named, config.base_model_name_or_path = config.base_model_name_or_path, model_key
        config.inference_mode = True
        try:
            self.model.save_pretrained(
                folder, selected_adapters=[ADAPTER], save_embedding_layers=False
            )
        finally:
            config.base_model_name_or_path, config.inference_mode = named, False
        for file in folder.iterdir():
            if file.name not in adapter_files.FILES:
                file.unlink()
            else:
                file.chmod(0o600)
                flush_file(file)
        return adapter_files.checksums(folder)


def still(model: Any) -> None:
    """Turn dropout off for good: trainers turn training on, and what is drawn there would differ
    at every resumption."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.0


def token_logprobs(
    hidden: Tensor,
    head: nn.Module,
    targets: Tensor,
    temperature: float = 1.0,
    entropy: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """log p(target) (N,) for hidden states (N, D), and entropies (N,) if asked.

    `head` is a frozen linear layer. Logits are made for a chunk of positions at a time and never
    kept, whether training or not.
    """
    logprobs, entropies = _TokenLogprobs.apply(hidden, head, targets, temperature, entropy)  # type: ignore[no-untyped-call]
    return logprobs, entropies if entropy else None


class _TokenLogprobs(torch.autograd.Function):
    """d log p(target) / d hidden = (W[target] - sum_v p(v) W[v]) / temperature, so the gradient is
    known as soon as the logits are, up to a factor per position: nothing is made again, and of
    all the logits only that (N, D) is kept."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: nn.Module,
        targets: Tensor,
        temperature: float,
        entropy: bool,
    ) -> tuple[Tensor, Tensor]:
        weight: Any = head.weight
        logprobs, entropies, slopes = [], [], []
        rows = max(1, LOGITS_AT_A_TIME // len(weight))
        for states, wanted in zip(hidden.split(rows), targets[:, None].split(rows), strict=True):
            logits = head(states).float()
            everything = torch.log_softmax(logits.div_(temperature), -1)
            del logits
            logprobs.append(everything.gather(1, wanted)[:, 0])
            if entropy:
                entropies.append(-(everything.exp() * everything).sum(-1))
            if ctx.needs_input_grad[0]:
                slope = everything.exp_().neg_()
                slope.scatter_add_(1, wanted, torch.ones_like(wanted, dtype=slope.dtype))
                slopes.append(product(slope.to(weight.dtype), weight.t()) / temperature)
        if slopes:
            ctx.save_for_backward(torch.cat(slopes))
        spread = torch.cat(entropies) if entropies else hidden.new_zeros(0)
        ctx.mark_non_differentiable(spread)
        return torch.cat(logprobs), spread

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (slopes,) = ctx.saved_tensors
        return (gradients[0][:, None] * slopes).to(slopes.dtype), None, None, None, None


def _is_plain(layer: nn.Module) -> bool:
    """A layer whose weight is its numbers, in full precision."""
    return isinstance(layer, nn.Linear | Conv1D) and layer.weight.dtype == torch.float32


def _spread(values: Tensor, present: Tensor) -> Tensor:
    """(N,) back to its places in (B, T), zero elsewhere."""
    return torch.zeros(present.shape, dtype=values.dtype, device=values.device).masked_scatter(
        present, values
    )
