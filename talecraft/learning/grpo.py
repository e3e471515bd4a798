"""GRPO and dr_grpo by TRL's trainer, on our rollouts and our reward.

A turn is drawn as the page draws it, in its pattern: what the program forces is masked out of the
loss (`env_mask`). `rollout_func` is experimental in TRL 1.16, hence the pin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from talecraft.learning.guards import NOT_FINITE
from talecraft.learning.hosted import Hosted, config, hire, quiet
from talecraft.learning.learner import Bench, changed
from talecraft.process.run_events import GrpoSettings, Step


class _Tripped(Exception):
    """A guard has tripped between drawing and learning."""


class Grpo(Hosted):
    """Groups of `generations` turns after each prompt; a turn's advantage is over its group's mean,
    for `grpo` in the group's standard deviations, for `dr_grpo` as it is, and its tokens are not
    divided by its own length (Liu et al., arXiv 2503.20783)."""

    def __init__(
        self, bench: Bench, method: str, grpo: GrpoSettings, tokenizer: Any, folder: Path
    ) -> None:
        """The policy must be at the root. `folder` is for the trainer's caches."""
        settings = bench.settings
        self._grpo = grpo
        self._groups = max(1, settings.drawn // grpo.generations)
        self._turns = self._groups * grpo.generations
        size = _divisor(self._turns, settings.micro_batch)
        together = size * max(1, settings.minibatch * settings.oversample // size)
        while self._turns % together:
            together -= size
        self._steps = self._turns // together * settings.epochs
        super().__init__(bench, self._steps * settings.updates, settings.updates)
        self._number = 0
        self._clipped: list[float] = []
        self._told: Step | None = None
        quiet(folder)
        from trl import GRPOConfig, GRPOTrainer

        arguments = GRPOConfig(
            **config(self, folder, size, together),
            steps_per_generation=self._turns // size,
            num_iterations=settings.epochs,
            num_generations=grpo.generations,
            max_completion_length=settings.outline_tokens + settings.prose_tokens,
            temperature=settings.temperature,
            beta=grpo.beta,
            epsilon=grpo.epsilon,
            epsilon_high=grpo.epsilon_high,
            scale_rewards="none" if method == "dr_grpo" else "group",
            loss_type="dr_grpo" if method == "dr_grpo" else "grpo",
            shuffle_dataset=False,
        )
        self.trainer = hire(
            self, GRPOTrainer, arguments, tokenizer,
            reward_funcs=[self._worth], rollout_func=self._roll_out,
        )  # fmt: skip

    def run(self) -> Iterator[Step]:
        """All updates still to do; ends early, with `stopped` saying why, when a guard trips."""
        for number in self._left():
            if self.stopped:
                return
            started = self._bench.clock()
            self._number, self._clipped = number, []
            prompts = [str(at) for at in self._chosen(number, self._groups)]
            try:
                loss = self._train(number, {"prompt": prompts}, self._steps)
            except _Tripped as tripped:
                self._rest()
                self._stop(str(tripped))
                loss = 0.0
            else:
                self.updates = number
                if not np.isfinite(loss):
                    self._stop(NOT_FINITE)
            assert self._told is not None
            clipped = float(np.mean(self._clipped)) if self._clipped else 0.0
            step = changed(self._told, policy_loss=loss, clip_fraction=clipped)
            yield self._finished(step, started, self.stopped)

    def _hear(self, logs: dict[str, float]) -> None:
        super()._hear(logs)
        self._clipped.append(logs.get("clip_ratio/region_mean", 0.0))

    def batch(self, rows: Sequence[dict[str, Any]]) -> Any:
        return list(rows)  # the trainer makes its own of what is rolled out

    # ------------------------------------------------------------------ what the trainer asks for
    def _roll_out(self, prompts: Sequence[str], _trainer: Any) -> dict[str, Any]:
        """Turns after these prompts, each named as often as turns are wanted, and what they are
        worth. Raises _Tripped where the policy has gone astray."""
        self._pace.still.close()  # other weights are laid in while turns are drawn
        self._rest()
        sampled = self._sampled(self._number, np.array([int(one) for one in prompts]))
        with torch.no_grad():
            self._told = self._look(self._number, sampled, self._grpo.beta, kept=True)
        if reason := self._guards.trip(self._told):
            raise _Tripped(reason)
        self._sound.append(self._policy.snapshot())
        self._policy.model.train()
        self._pace.step_begins()
        return {
            "prompt_ids": [one.prompt_ids for one in sampled],
            "completion_ids": [one.response_ids for one in sampled],
            "logprobs": None,
            "env_mask": [[int(not forced) for forced in one.forced] for one in sampled],
            "worth": [turn.total + turn.parts.get("outline", 0.0) for turn in self.drawn.turns],
        }

    def _worth(self, worth: Sequence[float], **_: Any) -> list[float]:
        return list(worth)


def _divisor(number: int, most: int) -> int:
    """The greatest divisor of `number` that is at most `most`."""
    return next(one for one in range(min(number, most), 0, -1) if number % one == 0)
