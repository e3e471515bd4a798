"""Learning from opinions themselves, without a reward: DPO, KTO and SFT, by TRL's trainers.

After every update turns are drawn, as PPO draws them: so the distance from the root is known on
what the policy writes, not on what it learned from, and the run can be stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, tensor

from talecraft.learning import opinions
from talecraft.learning.guards import NOT_FINITE
from talecraft.learning.hosted import Hosted, config, hire, masked, quiet
from talecraft.learning.learner import Bench, changed
from talecraft.learning.opinions import Mark, Pair, Response
from talecraft.learning.rollouts import Rollout
from talecraft.process.run_events import OfflineSettings, Step

IGNORED = -100  # a label that no loss is computed for
Example = Pair | Mark | Response


class Offline(Hosted):
    """Learns from `examples`: pairs by DPO, marks by KTO, texts by SFT."""

    def __init__(
        self,
        bench: Bench,
        examples: Sequence[Example],
        settings: OfflineSettings,
        tokenizer: Any,
        folder: Path,
    ) -> None:
        """The policy must be at the root. `folder` is for the trainer's caches."""
        self._examples, self._offline = examples, settings
        order = opinions.order(len(examples), settings.epochs, settings.batch, bench.seed)
        self._order = order.reshape(-1, settings.batch)
        steps = len(self._order)
        updates = min(bench.settings.updates, steps)
        self._ends = np.linspace(0, steps, updates + 1).round().astype(int).tolist()
        super().__init__(bench, steps, updates)
        self.trainer = self._hire(tokenizer, folder)

    def begin(self, sampled: Sequence[Rollout]) -> None:
        """What is drawn later is measured by what the root writes."""
        self._guards.trip(self._look(0, sampled, self._offline.beta))

    def run(self) -> Iterator[Step]:
        """All updates still to do; ends early, with `stopped` saying why, when a guard trips."""
        for number in self._left():
            if self.stopped:
                return
            started = self._bench.clock()
            self._sound.append(self._policy.snapshot())
            rows = self._order[self._ends[number - 1] : self._ends[number]]
            loss = self._train(number, {"at": rows.reshape(-1).tolist()}, len(rows))
            self.updates = number
            sampled = self._sampled(number, self._chosen(number, self._settings.batch))
            step = self._look(number, sampled, self._offline.beta)
            if reason := self._guards.trip(step) if np.isfinite(loss) else NOT_FINITE:
                self._stop(reason)
            yield self._finished(changed(step, policy_loss=loss), started, self.stopped)

    # ------------------------------------------------------------------ the trainer
    def _hire(self, tokenizer: Any, folder: Path) -> Any:
        quiet(folder)
        import trl

        size = self._micro_batch
        common = config(self, folder, size, self._offline.batch) | {
            "train_sampling_strategy": "sequential",
            "max_length": None,
        }
        beta = self._offline.beta
        match self._examples[0]:
            case Pair():
                kind, arguments = trl.DPOTrainer, trl.DPOConfig(**common, beta=beta)
            case Mark():
                good, bad = opinions.balance([o for o in self._examples if isinstance(o, Mark)])
                kind, arguments = (
                    trl.KTOTrainer,
                    trl.KTOConfig(
                        **common, beta=beta, desirable_weight=good, undesirable_weight=bad
                    ),
                )
            case _:
                kind, arguments = (
                    trl.SFTTrainer,
                    trl.SFTConfig(**common, dataset_kwargs={"skip_prepare_dataset": True}),
                )
        # The data are ids already: the very ones that the model read and wrote.
        ours = type("Ours", (kind,), {"_prepare_dataset": lambda self, dataset, *_: dataset})
        return hire(self, ours, arguments, tokenizer, data_collator=self.batch)

    @property
    def _micro_batch(self) -> int:
        """Examples at a time: a pair is two sequences, and KTO crosses one with another."""
        size = max(2, self._settings.micro_batch // 2)
        while self._offline.batch % size:
            size -= 1
        return max(2, size)

    def batch(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """The preferred of all pairs first, then the others, as DPO has them; for KTO also each
        prompt with another's passage, by which it estimates the distance."""
        chosen = [self._examples[row["at"]] for row in rows]
        pairs = [one for one in chosen if isinstance(one, Pair)]
        if pairs:
            return self._masked([one.chosen for one in pairs] + [one.rejected for one in pairs])
        marks = [one for one in chosen if isinstance(one, Mark)]
        if marks:
            responses = [one.response for one in marks]
            crossed = [one.after(responses[at - 1]) for at, one in enumerate(responses)]
            others = {f"KL_{name}": one for name, one in self._masked(crossed).items()}
            return self._masked(responses) | others | {"label": tensor([o.good for o in marks])}
        made = self._masked([one for one in chosen if isinstance(one, Response)])
        made["labels"] = made["input_ids"].masked_fill(made.pop("completion_mask") == 0, IGNORED)
        return made

    def _masked(self, responses: Sequence[Response]) -> dict[str, Tensor]:
        return masked(
            [one.ids for one in responses],
            [range(one.start, one.end) for one in responses],
            self._bench.pad,
        )
