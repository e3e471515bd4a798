"""What all methods have in common: updates one by one, guarded, remembered and resumed."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from talecraft.engine.codec import Codec
from talecraft.learning import arithmetic, rollouts, telling
from talecraft.learning.checkpoint import pack, pack_optimiser, unpack, unpack_optimiser
from talecraft.learning.company import ALONE, Company
from talecraft.learning.critic import Appraisal, Appraiser
from talecraft.learning.guards import Guards
from talecraft.learning.policy import Judged, Policy
from talecraft.learning.rollouts import Rollout
from talecraft.learning.sequences import Sequences
from talecraft.process.run_events import Drawn, PpoSettings, Step
from talecraft.story.turns import Sampling

SOUND_STATES = 3
LAST_RATE = 0.1  # of the learning rate, at the end of its linear decay


@dataclass(frozen=True, slots=True)
class Bench:
    """What a learner works with: the policy, how rollouts are valued, the `prompts` (ids) they are
    drawn after, and `alive`, called often, which may wait, or raise to stop. A step's seconds are
    by `clock`. The `company` shares the work."""

    policy: Policy
    codec: Codec
    appraise: Appraiser
    prompts: Sequence[Sequence[int]]
    settings: PpoSettings
    pad: int
    seed: int
    alive: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    company: Company = ALONE


class Learner(ABC):
    """Improves the policy in place, one update per step of the iterator `run`."""

    def __init__(
        self, bench: Bench, optimiser: torch.optim.Optimizer, schedule: Any, updates: int
    ) -> None:
        """`updates` are planned in all; `schedule` sets the optimiser's learning rates."""
        self._bench = bench
        self._policy, self._settings = bench.policy, bench.settings
        self._optimiser, self._schedule = optimiser, schedule
        self._planned = updates
        self._guards = Guards(bench.settings.kl_target)
        # Weights from before the latest updates, each seen to be within bounds.
        self._sound: deque[dict[str, Tensor]] = deque(maxlen=SOUND_STATES)
        self.updates = 0  # taken so far
        self.drawn = Drawn(0, [])  # the turns of the newest update
        self.stopped = ""

    @abstractmethod
    def run(self) -> Iterator[Step]:
        """All updates still to do; ends early, with `stopped` saying why, when a guard trips."""

    def begin(self, sampled: Sequence[Rollout]) -> None:  # noqa: B027 - most need nothing
        """Before the first update: `sampled` are turns of the root, after prompts of the bench."""

    def close(self) -> None:  # noqa: B027
        """After the last update: leave the policy as it was found, but for what was learned."""

    # ------------------------------------------------------------------ what it writes
    def _chosen(self, number: int, count: int) -> np.ndarray:
        """Which prompts turns are drawn after for this update (count,)."""
        random = np.random.default_rng([self._bench.seed, number])
        order = random.permutation(len(self._bench.prompts))[:count]
        return np.resize(order, count)

    def _sampled(self, number: int, chosen: np.ndarray, group: int = 1) -> list[Rollout]:
        """A fresh turn of the policy after each of these prompts; a `group` in a row by one
        process."""
        bench = self._bench
        with self._policy.merged() as model:
            return rollouts.sample_together(
                bench.company,
                model,
                bench.codec,
                [bench.prompts[i] for i in chosen],
                practice_sampling(self._settings),
                [(bench.seed, number, i) for i in range(len(chosen))],
                bench.pad,
                bench.alive,
                group,
            )

    def _appraised(self, sampled: Sequence[Rollout]) -> Appraisal:
        """What the root makes of them, each process of the company asked about a share."""
        bench = self._bench
        rows = bench.company.spread(lambda some: bench.appraise(some, bench.pad).rows(), sampled)
        return Appraisal.of(self._policy.batch(sampled, bench.pad), rows)

    @torch.no_grad()
    def _look(
        self, number: int, sampled: Sequence[Rollout], beta: float, kept: bool = False
    ) -> Step:
        """The figures of turns that the policy wrote, and they themselves as `drawn`; `kept` where
        they are learned from."""
        seen = self._appraised(sampled)
        batch, valued = seen.batch, seen.valued
        order = torch.argsort(batch.positions.amax(1), stable=True)
        now = self._judge_all(batch, order.split(self._settings.micro_batch), entropy=True)
        assert now.entropy is not None
        kl = ((now.logprobs - seen.logprobs) * batch.mask).sum(1)
        learned_from = torch.full((len(sampled),), kept)
        self.drawn = telling.drawn(number, self._bench.codec, sampled, valued, kl, learned_from)
        return telling.figures(
            number, self._planned, sampled, valued, kl, self._settings.kl_target, beta,
            float(arithmetic.masked_mean(now.entropy, batch.mask)),
        )  # fmt: skip

    def _judge_all(
        self, batch: Sequences, parts: Sequence[Tensor], entropy: bool = False
    ) -> Judged:
        """`judge` over the whole batch in its micro-batches, in the batch's own order; each process
        of the company judges some of them."""

        def mine(some: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
            found = []
            with self._policy.folded():
                for rows in some:
                    self._bench.alive()
                    judged = self._policy.judge(batch[rows], self._settings.temperature, entropy)
                    known = (judged.logprobs, judged.values, judged.entropy)
                    found.append(tuple(one for one in known if one is not None))
            return found

        logprobs, values, entropies = whole = [torch.zeros_like(batch.mask) for _ in range(3)]
        for rows, judged in zip(parts, self._bench.company.spread(mine, parts), strict=True):
            for all_of_them, some in zip(whole, judged, strict=False):
                all_of_them[rows, : some.shape[1]] = some.to(all_of_them)
        return Judged(logprobs, values, entropies if entropy else None)

    # ------------------------------------------------------------------ its state
    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next update depends on, as tensors and as JSON."""
        moments, groups = pack_optimiser(self._optimiser)
        tensors = {
            **pack("lora", dict(self._policy.lora)),
            **pack("value", self._policy.value_head.state_dict()),
            **pack("adam", moments),
        }
        for number, sound in enumerate(self._sound):
            tensors |= pack(f"sound{number}", sound)
        facts = {
            "updates": self.updates,
            "stopped": self.stopped,
            "sound": len(self._sound),
            "groups": groups,
            "schedule": self._schedule.state_dict(),
            "guards": self._guards.state(),
        }
        return tensors, facts | self._more_facts()

    def _more_facts(self) -> dict[str, Any]:
        """What a method remembers beside that, as JSON."""
        return {}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from `state`."""
        device = self._policy.model.device
        tensors = {name: one.to(device) for name, one in tensors.items()}
        self._policy.restore(unpack("lora", tensors))
        self._policy.value_head.load_state_dict(unpack("value", tensors))
        unpack_optimiser(self._optimiser, unpack("adam", tensors), facts["groups"])
        self._schedule.load_state_dict(facts["schedule"])
        self._guards.restore(facts["guards"])
        self._sound.extend(unpack(f"sound{number}", tensors) for number in range(facts["sound"]))
        self.updates, self.stopped = facts["updates"], facts["stopped"]

    # ------------------------------------------------------------------ going back
    def step_back(self) -> bool:
        """Go back to the weights before the newest update; False where none is remembered."""
        if not self._sound:
            return False
        self._policy.restore(self._sound.pop())
        self.updates -= 1
        return True

    def _stop(self, reason: str) -> None:
        self.stopped = reason
        self.step_back()

    def _left(self) -> range:
        """The numbers of the updates still to do."""
        return range(self.updates + 1, self._planned + 1)

    def _finished(self, step: Step, started: float, note: str) -> Step:
        """`step` with the time it took since `started`, and what is left."""
        seconds = self._bench.clock() - started
        left = 0 if note else step.total - step.step
        return changed(step, seconds=seconds, eta=seconds * left, note=note)


def practice_sampling(settings: PpoSettings) -> Sampling:
    """How rollouts are drawn: one temperature, nothing cut off, so that every log-prob is true."""
    return Sampling(
        temperature=settings.temperature,
        top_p=1.0,
        outline_tokens=settings.outline_tokens,
        prose_tokens=settings.prose_tokens,
    )


def changed(step: Step, **figures: float | str) -> Step:
    """The step with other figures."""
    return msgspec.structs.replace(step, **figures)
