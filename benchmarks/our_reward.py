"""The very reward of a finished run, for whoever is to be rewarded by it, too; and a judge for all.

A run's folder says all: its order, what was scored, its table of words. The reward is built from it
as the run itself did, from the same samples of the same root.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.prompts import unseen
from talecraft.engine import loading
from talecraft.engine.codec import Codec
from talecraft.learning import lessons, rollouts
from talecraft.learning.critic import Appraiser
from talecraft.learning.events import Silence
from talecraft.learning.learner import practice_sampling
from talecraft.learning.policy import ADAPTER, Policy
from talecraft.learning.rollouts import Rollout
from talecraft.learning.run import Run
from talecraft.process import run_client, run_events
from talecraft.process.run_events import RunSettings
from talecraft.story.context import Block
from talecraft.studio.simulated import Taste

PROMPTS = 96
SEED = 1_000
WORTHLESS = -3.0  # of what has no prose: nothing is worth less (rewards/total.py)


class Ordered(Run):
    """A run's preparations, and no more."""

    def __init__(self, folder: Path) -> None:
        order = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
        super().__init__(folder, order, Silence())

    def bench(self) -> Any:
        """What the run's learner works with: its reward, prompts and policy at the root."""
        self._load()
        known, self._outlines = self._learn_taste()
        learned = lessons.split(known, self._ppo, self._settings.seed)
        return self._prepare(known, learned)._bench


class OurReward:
    """The reward of rollouts that another program wrote, from their ids alone."""

    def __init__(self, folder: Path) -> None:
        bench = Ordered(folder).bench()
        self._appraise: Appraiser = bench.appraise
        self.codec: Codec = bench.codec
        self.pad: int = bench.pad
        self.prompts: Sequence[Sequence[int]] = bench.prompts
        style = self.codec.style
        self.opening = self.codec.encode(style.think_open)
        self._tag = self.codec.encode(style.story_open)[0]
        self._ends = {one for stop in style.stops for one in self.codec.encode(stop)}
        self._ends |= self.codec.end_ids

    def __call__(self, prompts: Sequence[list[int]], written: Sequence[list[int]]) -> Tensor:
        """(N,) of what was `written` after each prompt and the tag of a plan, in ids."""
        made = [self.rollout(*one) for one in zip(prompts, written, strict=True)]
        worth = torch.full((len(made),), WORTHLESS)
        told = [at for at, one in enumerate(made) if one.prose.strip()]
        if told:
            found = self._appraise([made[at] for at in told], self.pad).valued
            worth[torch.tensor(told)] = (found.total + found.outline).float().cpu()
        return worth

    def end_of(self, written: Sequence[int]) -> int:
        """Where the turn ends in what was `written` after the tag of a plan: the place of what
        begins another, or of the end; its length where there is none."""
        tag = written.index(self._tag) if self._tag in written else -1  # a second one ends it
        ends = (at for at, one in enumerate(written) if one in self._ends and at != tag)
        return next(ends, len(written))

    def rollout(self, prompt: list[int], written: list[int]) -> Rollout:
        """A turn as ours are recorded: plan, tag, prose, and what ended it."""
        end = self.end_of(written)
        tag = written.index(self._tag) if self._tag in written[:end] else -1
        ids = [*self.opening, *written[: end + 1]]
        last = len(self.opening) + end
        begun = len(self.opening) + tag if tag >= 0 else last
        start = min(last, begun + 1)  # the tag's line end is the model's own
        return Rollout(
            list(prompt),
            ids,
            [at < len(self.opening) for at in range(len(ids))],
            self.codec.decode(ids[len(self.opening) : begun]),
            self.codec.decode(ids[start:last]),
            start,
            last,
            "end" if end < len(written) else "length",
        )


class Court:
    """Writes after the prompts that nobody has practised, and measures how far from the root."""

    def __init__(self, folder: Path) -> None:
        self._order: RunSettings = run_events.decode_settings(
            (folder / run_client.SETTINGS).read_bytes()
        )
        self._opened = loading.open_model(self._order.model)
        codec = self._opened.codec
        self._prompts = [
            codec.premise(Block(f"{codec.style.premise_open}{one}\n")) for one in unseen(PROMPTS)
        ]
        self._policy = Policy.for_run(self._opened.base, self._order)

    def values(self, taste: Taste, adapter: Path | None) -> np.ndarray:
        """(PROMPTS,) of first passages at the page's sampling, by the root or an adapter."""
        made = self._written(adapter, self._order.sampling)
        return np.array([taste(one.prose.strip()) for one in made])

    def kl(self, adapter: Path) -> np.ndarray:
        """(PROMPTS,): log(adapter / root) in nats of a turn of the adapter after each prompt, at
        the sampling that is practised. Its mean is KL(adapter || root)."""
        made = self._written(adapter, practice_sampling(self._order.ppo))
        found = []
        for at in range(0, len(made), 8):
            batch = self._policy.batch(made[at : at + 8], self._opened.pad)
            with torch.no_grad():
                ours = self._policy.judge(batch, self._order.ppo.temperature).logprobs
                with self._policy.reference():
                    root = self._policy.judge(batch, self._order.ppo.temperature).logprobs
            found.append(((ours - root) * batch.mask).sum(1).cpu().numpy())
        return np.concatenate(found)

    def _written(self, adapter: Path | None, sampling: Any) -> list[Rollout]:
        if adapter is not None:
            self._policy.load(adapter, ADAPTER)
        with self._policy.merged(ADAPTER if adapter is not None else None) as model:
            return rollouts.sample(
                model, self._opened.codec, self._prompts, sampling,
                [(SEED, at) for at in range(PROMPTS)], self._opened.pad, grace=True,
            )  # fmt: skip
