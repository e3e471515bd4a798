"""PPO from one writer's taste: fresh rollouts, frozen reference, adaptive KL, hard stop.

The method and its numbers: LEARNING 1.4; arithmetic in `arithmetic.py`. Without a critic several
turns are drawn after each prompt, and a turn's advantage is over the others of its prompt (RLOO).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from talecraft.learning import arithmetic, telling
from talecraft.learning.critic import fit_value
from talecraft.learning.guards import NOT_FINITE
from talecraft.learning.learner import LAST_RATE, Bench, Learner, changed
from talecraft.learning.rollouts import Rollout
from talecraft.learning.sequences import Sequences
from talecraft.process.run_events import Step

# A run has tens of updates, not thousands: the coefficient may fall by a twentieth at each and
# rise by a quarter. A quicker one swings: the distance answers it some updates later.
BETA_STEP, BETA_FALL, BETA_RISE = 0.25, 0.2, 1.0
BAD_STEPS = 3  # non-finite minibatches in a row


@dataclass(frozen=True, slots=True)
class Experience:
    """All that was drawn for an update, with everything that stays fixed while it is learned from.

    `parts` are the micro-batches that are learned from, rows of like length. They are cut once:
    old and new log-probs come from the very same forward, so the first ratio is 1 to the last bit.
    """

    batch: Sequences
    parts: Sequence[Tensor]
    old: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor


class Ppo(Learner):
    """PPO's clipped objective on fresh rollouts; without a `critic`, RLOO's advantages."""

    def __init__(self, bench: Bench, critic: bool = True) -> None:
        settings, policy = bench.settings, bench.policy
        optimiser = torch.optim.Adam(
            [
                {"params": list(policy.lora.values()), "lr": settings.learning_rate},
                {"params": policy.value_head.parameters(), "lr": settings.value_learning_rate},
            ],
            eps=settings.adam_eps,
        )
        schedule = torch.optim.lr_scheduler.LinearLR(
            optimiser, 1.0, LAST_RATE, total_iters=settings.updates
        )
        super().__init__(bench, optimiser, schedule, settings.updates)
        self._critic = critic
        self._group = 1 if critic else settings.group
        self._beta = settings.beta
        self._bad = 0
        # A minibatch must have a piece for every process; old and new log-probs are of the same.
        self._together = max(1, settings.minibatch // settings.micro_batch)
        pieces = -(-bench.company.size // self._together)  # of each micro-batch
        self._piece = -(-settings.micro_batch // pieces)

    def run(self) -> Iterator[Step]:
        """All updates still to do; ends early, with `stopped` saying why, when a guard trips."""
        for number in self._left():
            if self.stopped:
                return
            started = self._bench.clock()
            sampled = self._roll_out(number)
            experience, step = self._experience(sampled, number)
            step = self._bench.company.meet(step)[0]  # all decide by the very same figures
            if reason := self._guards.trip(step):
                self._stop(reason)
                yield self._finished(step, started, reason)
                return
            self._sound.append(self._policy.snapshot())
            step = self._update(experience, step, number)
            self.updates = number
            self._beta = arithmetic.adapt_beta(
                self._beta, step.kl, self._settings.kl_target, BETA_STEP, BETA_FALL, BETA_RISE
            )
            if self._bad >= BAD_STEPS:
                self._stop(NOT_FINITE)
            yield self._finished(step, started, self.stopped)

    def _more_facts(self) -> dict[str, Any]:
        return {"beta": self._beta, "bad": self._bad}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        super().restore(tensors, facts)
        self._beta, self._bad = facts["beta"], facts["bad"]

    def begin(self, sampled: Sequence[Rollout]) -> None:
        """Let the critic begin from what the reference's own turns were worth."""
        if not self._critic:
            return
        size, company = self._settings.micro_batch, self._bench.company
        chunks = [sampled[at : at + size] for at in range(0, len(sampled), size)]
        seen = (self._bench.appraise(one, self._bench.pad) for one in company.share(chunks))
        fit_value(self._policy, ((one.batch, one.valued.total) for one in seen), company)

    # ------------------------------------------------------------------ one update
    def _roll_out(self, number: int) -> list[Rollout]:
        """Fresh turns after prompts drawn for this update, a group of them after each."""
        groups = self._settings.drawn // self._group
        chosen = np.repeat(self._chosen(number, groups), self._group)
        return self._sampled(number, chosen, self._group)

    @torch.no_grad()
    def _experience(self, sampled: list[Rollout], number: int) -> tuple[Experience, Step]:
        """Score the rollouts and lay out advantages; also the figures this update is known by.

        What pleases may be rare, and most rollouts alike: those are learned from that differ most
        in reward. The figures are of all of them.
        """
        settings = self._settings
        seen = self._appraised(sampled)
        batch, valued = seen.batch, seen.valued
        baseline = self._baseline(valued.at_end), self._baseline(valued.at_plan)
        worth = valued.total + valued.outline - sum(baseline)
        kept = arithmetic.most_varied(worth, settings.batch).to(batch.mask.device)
        order = torch.argsort(batch.positions.amax(1), stable=True)
        parts = order[kept[order]].split(settings.micro_batch)
        others = order[~kept[order]].split(settings.micro_batch)
        read = [piece for part in [*parts, *others] for piece in self._pieces(part)]
        old = self._judge_all(batch, read, entropy=True)
        penalties = arithmetic.kl_penalty(old.logprobs, seen.logprobs)
        rewards = arithmetic.token_rewards(
            valued.at_end.to(batch.mask.device), penalties, self._beta, batch.mask
        )
        # What an outline is worth, and what else it decides, counts where it ends: its tokens
        # earned that, not the prose.
        starts = torch.tensor([one.prose_start for one in sampled], device=batch.mask.device)
        outlines = batch.mask * (torch.arange(batch.mask.shape[1]).to(starts) < starts[:, None])
        rewards = arithmetic.add_at_end(rewards, valued.at_plan.to(rewards.device), outlines)
        if self._critic:
            advantages, returns = arithmetic.advantages_and_returns(
                rewards, old.values, batch.mask, settings.gamma, settings.lam
            )
        else:
            returns = arithmetic.rewards_to_go(rewards, batch.mask)
            others, of_outlines = (one.to(rewards)[:, None] for one in baseline)
            advantages = (returns - others - of_outlines * (outlines > 0)) * batch.mask
        assert old.entropy is not None
        kl = (penalties * batch.mask).sum(1)
        step = telling.figures(
            number, settings.updates, sampled, valued, kl, settings.kl_target, self._beta,
            float(arithmetic.masked_mean(old.entropy, batch.mask)),
        )  # fmt: skip
        self.drawn = telling.drawn(number, self._bench.codec, sampled, valued, kl, kept)
        white = arithmetic.whiten(advantages, batch.mask * kept[:, None]) * batch.mask
        return Experience(batch, parts, old.logprobs, old.values, white, returns), step

    def _baseline(self, scores: Tensor) -> Tensor:
        """What the others after the same prompt were worth (N,); with a critic nothing."""
        if self._critic:
            return torch.zeros_like(scores)
        return arithmetic.leave_one_out(scores, self._group)

    def _update(self, experience: Experience, step: Step, number: int) -> Step:
        """Several epochs of minibatches over one experience."""
        settings = self._settings
        random = np.random.default_rng([self._bench.seed, number, 1])
        totals = np.zeros(3)
        taken = 0
        for _ in range(settings.epochs):
            order = random.permutation(len(experience.parts)).tolist()
            for at in range(0, len(order), self._together):
                self._bench.alive()
                parts = [experience.parts[i] for i in order[at : at + self._together]]
                losses, approx_kl = self._minibatch(experience, parts)
                totals += losses
                taken += 1
                if self._bad >= BAD_STEPS or approx_kl > settings.approx_kl_stop:
                    break
            else:
                continue
            break
        self._schedule.step()
        policy, value, clipped = (totals / max(1, taken)).tolist()
        return changed(step, policy_loss=policy, value_loss=value, clip_fraction=clipped)

    def _minibatch(
        self, experience: Experience, parts: Sequence[Tensor]
    ) -> tuple[np.ndarray, float]:
        """One optimiser step, its gradient gathered over micro-batches.

        Each is divided by the whole minibatch's count, so that the gradient does not depend on
        how it was cut, nor on who computes it: every process of the company has some of the
        pieces, perhaps none, and all take the step with the sum. One that is not finite is not
        taken.
        """
        settings, company = self._settings, self._bench.company
        total = experience.batch.mask[torch.cat(list(parts))].sum()
        sums = np.zeros(3)
        approx_kl = 0.0
        self._optimiser.zero_grad()
        with self._policy.folded():
            for part in company.share([piece for one in parts for piece in self._pieces(one)]):
                batch = experience.batch[part]
                width = batch.mask.shape[1]
                now = self._policy.judge(batch, settings.temperature)
                policy = arithmetic.policy_loss(
                    now.logprobs,
                    experience.old[part, :width],
                    experience.advantages[part, :width],
                    batch.mask,
                    settings.clip,
                    total,
                )
                value, _ = arithmetic.value_loss(
                    now.values,
                    experience.values[part, :width],
                    experience.returns[part, :width],
                    batch.mask,
                    settings.value_clip,
                    total,
                )
                worth = settings.value_coefficient * value if self._critic else 0.0
                (policy.loss + worth).backward()
                misjudged = value.item() if self._critic else 0.0
                sums += [policy.loss.item(), misjudged, policy.clip_fraction.item()]
                approx_kl += float(
                    arithmetic.k3(now.logprobs.detach(), experience.old[part, :width], batch.mask)
                    * batch.mask.sum()
                    / total
                )
        parameters = [*self._policy.lora.values(), *self._policy.value_head.parameters()]
        learned = parameters if self._critic else list(self._policy.lora.values())
        figures = company.add_gradients(learned, np.array([*sums, approx_kl]))
        sums, approx_kl = figures[:3], float(figures[3])
        norm = torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm)
        if not (torch.isfinite(norm) and np.isfinite(sums).all()):
            self._bad += 1
            return np.zeros(3), 0.0
        self._bad = 0
        self._optimiser.step()
        return sums, approx_kl

    def _pieces(self, part: Tensor) -> list[Tensor]:
        """A micro-batch's rows as they are read: whole, or in as many pieces as it takes for every
        process to have one."""
        return [one for one in part.split(self._piece) if len(one)]
