"""A learner whose steps are taken by one of TRL's trainers.

The data, their order, the checkpoint, the guards and the voice are ours; loss and step are the
trainer's. Its data are the numbers of examples alone, which become batches in our hands.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talecraft.learning.learner import LAST_RATE, Bench, Learner
from talecraft.learning.policy import ADAPTER, Policy

COPY = "ref"  # TRL's own frozen copy of where the policy begins


@dataclass(frozen=True, slots=True)
class Pace:
    """How a trainer of this policy goes: it gives way by `alive`, is `told` its figures after each
    step, and the weights stand `still` from a step's beginning until the optimiser moves them."""

    policy: Policy
    alive: Callable[[], None]
    told: Callable[[dict[str, float]], None]
    still: ExitStack = field(default_factory=ExitStack)

    def step_begins(self) -> None:
        self.alive()
        self.still.enter_context(self.policy.folded())


class Hosted(Learner):
    """`trainer` must be set by whoever inherits, while the policy is at the root: TRL copies it."""

    trainer: Any

    def __init__(self, bench: Bench, steps: int, updates: int) -> None:
        """`steps` of the optimiser in all, its rate falling evenly to a tenth."""
        optimiser = torch.optim.Adam(
            bench.policy.lora.values(),
            lr=bench.settings.learning_rate,
            eps=bench.settings.adam_eps,
        )
        schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, LAST_RATE, total_iters=steps)
        super().__init__(bench, optimiser, schedule, updates)
        self._losses: list[float] = []
        self._pace = Pace(self._policy, bench.alive, self._hear)

    @abstractmethod
    def batch(self, rows: Sequence[dict[str, Any]]) -> Any:
        """Rows of the data as the trainer's batch."""

    def close(self) -> None:
        """Take away what TRL has laid beside the policy's adapter."""
        if COPY in self._policy.model.peft_config:
            self._policy.model.delete_adapter(COPY)
        self._policy.model.set_adapter(ADAPTER)

    def _train(self, number: int, data: dict[str, list[Any]], steps: int) -> float:
        """So many steps over these columns; the mean loss. What is drawn by chance in between
        depends on the update's `number`, not on what was done before it."""
        from datasets import Dataset

        torch.manual_seed(self._bench.seed + number)
        self._losses = []
        self.trainer.train_dataset = Dataset.from_dict(data)
        self.trainer.args.max_steps = steps
        with self._pace.still:
            self.trainer.train()
        self._rest()
        return float(np.mean(self._losses))

    def _rest(self) -> None:
        """As everything but the trainer expects the model."""
        self._policy.model.eval()
        self._policy.model.set_adapter(ADAPTER)

    def _hear(self, logs: dict[str, float]) -> None:
        """The trainer's figures of a step."""
        self._losses.append(logs["loss"])


def quiet(folder: Path) -> None:
    """Before TRL is imported: no cache in the user's home, no bars, no word of what may change."""
    os.environ["HF_DATASETS_CACHE"] = str(folder)
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
    import datasets

    datasets.disable_progress_bars()


def config(learner: Hosted, folder: Path, micro_batch: int, batch: int) -> dict[str, Any]:
    """What all trainers of a policy are told: `batch` examples a step, `micro_batch` at a time."""
    bench = learner._bench
    return common(bench.policy.model, folder, bench.seed) | {
        "max_steps": 1,  # set for every update
        "per_device_train_batch_size": micro_batch,
        "gradient_accumulation_steps": batch // micro_batch,
        "max_grad_norm": bench.settings.max_grad_norm,
    }


def common(model: Any, folder: Path, seed: int) -> dict[str, Any]:
    """What every trainer is told that learns on this peft model."""
    return {
        "output_dir": str(folder),
        "seed": seed % 2**32,
        "use_cpu": model.device.type == "cpu",
        "bf16": False,
        "gradient_checkpointing": model.get_base_model().dtype != torch.float32,
        "remove_unused_columns": False,
        "save_strategy": "no",
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
    }


def hire(learner: Hosted, kind: type, arguments: Any, tokenizer: Any, **more: Any) -> Any:
    """A trainer of this kind, quiet, over the learner's batches, with its optimiser."""
    policy = learner._bench.policy
    trainer = engage(
        learner._pace, kind, policy.model, arguments, tokenizer,
        (learner._optimiser, learner._schedule), {"at": [0], "prompt": ["0"]}, **more,
    )  # fmt: skip
    for parameter in policy.lora.values():  # of quantised models the trainer has coarsened them
        parameter.data = parameter.data.float()
    return trainer


def engage(
    pace: Pace,
    kind: type,
    model: Any,
    arguments: Any,
    tokenizer: Any,
    optimisers: tuple[torch.optim.Optimizer, Any],
    data: dict[str, list[Any]],
    **more: Any,
) -> Any:
    """A trainer of this kind for `model`, over these columns, quiet, at this pace. `optimisers`: an
    optimiser and its schedule."""
    from datasets import Dataset
    from transformers import PrinterCallback, TrainerCallback

    class Follow(TrainerCallback):  # type: ignore[misc]
        """Gives way, stops and tells: what the trainer does between two steps."""

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            pace.step_begins()

        def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
            pace.still.close()

        def on_substep_end(self, *_: Any, **__: Any) -> None:
            pace.alive()

        def on_log(self, *_: Any, logs: dict[str, float] | None = None, **__: Any) -> None:
            if logs and "loss" in logs:
                pace.told(logs)

    if tokenizer.pad_token is None:  # never looked at: our own batches are padded
        tokenizer.pad_token = tokenizer.eos_token
    trainer = kind(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_dict(data),
        processing_class=tokenizer,
        callbacks=[Follow()],
        optimizers=optimisers,
        **more,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def masked(ids: Sequence[Sequence[int]], learned: Sequence[range], pad: int) -> dict[str, Tensor]:
    """Sequences as one batch (B, L), padded on the right; `completion_mask` marks the positions
    that are `learned`."""
    width = max(map(len, ids))
    tokens = torch.full((len(ids), width), pad)
    attention, completion = torch.zeros_like(tokens), torch.zeros_like(tokens)
    for row, (one, here) in enumerate(zip(ids, learned, strict=True)):
        tokens[row, : len(one)] = torch.tensor(one)
        attention[row, : len(one)] = 1
        completion[row, here.start : here.stop] = 1
    return {"input_ids": tokens, "attention_mask": attention, "completion_mask": completion}
