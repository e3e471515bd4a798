"""The gate: is the candidate better by the writer's own held-out taste, and still sound?

Nothing is adopted unproven (LEARNING 1.6 b and c). Candidate and opponent write from the same
prompts and seeds, none of them practised on, at the sampling the page uses; a head that saw none
of the stories behind the reward judges the pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from talecraft.engine.codec import Codec
from talecraft.learning import features, rollouts
from talecraft.learning.features import distinct2, words_of
from talecraft.learning.guards import KL_HARD_STOP
from talecraft.learning.policy import ADAPTER, Policy, token_logprobs
from talecraft.learning.ppo import practice_sampling
from talecraft.learning.rollouts import Rollout
from talecraft.process.run_events import Check, PpoSettings, Sample
from talecraft.story.clean import clean
from talecraft.story.turns import Sampling

LEAST_WIN = 0.55
MOST_PERPLEXITY = 1.15  # times the base's, on neutral prose
LEAST_DISTINCT = 0.85  # of the base's
LENGTH_BAND = 0.30
MOST_UNFINISHED = 0.05
MOST_COPIED = 0.05
COPY_WORDS = 12
BOOTSTRAPS = 1000


@dataclass(frozen=True, slots=True)
class Judge:
    """Everything the gate needs beside the policy."""

    taste: Callable[[Tensor], Tensor]  # the held-out head
    wants_length: int  # +1 or -1 where the writer's scores surely ask for longer or shorter, else 0
    loved: Sequence[str]  # the writer's five-star passages: to be learned from, not copied
    prompts: Sequence[Sequence[int]]
    neutral: Sequence[Sequence[int]]  # prose that nobody here wrote
    sampling: Sampling
    settings: PpoSettings
    pad: int
    seed: int

    def interval(self, values: np.ndarray) -> tuple[float, float, float]:
        """Mean of `values` (one per passage of `_write`) and its 90 % bootstrap interval, drawn
        over prompts: passages of one prompt are not independent."""
        by_prompt = values.reshape(self.settings.gate_samples, -1).mean(0)
        return bootstrap(by_prompt, self.seed)


@dataclass(frozen=True, slots=True)
class Verdict:
    checks: list[Check]
    samples: list[Sample]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


def evaluate(
    policy: Policy,
    codec: Codec,
    judge: Judge,
    kl: float,
    opponent: str | None,
    alive: Callable[[], None],
) -> Verdict:
    """Candidate (the policy's adapter) against `opponent` (an adapter's name; None: the root).

    `kl` is what `root_kl` measured for it.
    """
    before = _write(policy, codec, judge, opponent, alive)
    after = _write(policy, codec, judge, ADAPTER, alive)
    # Soundness is measured against the root, so that it cannot be lost a little at each run.
    root = before if opponent is None else _write(policy, codec, judge, None, alive)
    checks = [
        _win(policy, judge, before, after),
        _closeness(kl, judge.settings),
        _perplexity(policy, judge),
        _variety(root, after),
        _length(judge, root, after),
        _validity(judge, root, after),
        _memory(judge, root, after),
    ]
    samples = [
        Sample(_shown(codec, b.prompt_ids), clean(b.prose).strip(), clean(a.prose).strip())
        for b, a in list(zip(before, after, strict=True))[:3]
    ]
    return Verdict(checks, samples)


def _write(
    policy: Policy, codec: Codec, judge: Judge, adapter: str | None, alive: Callable[[], None]
) -> list[Rollout]:
    """Every prompt once, then every prompt again with other seeds, and so on."""
    prompts = list(judge.prompts) * judge.settings.gate_samples
    seeds = [(judge.seed, 9, i) for i in range(len(prompts))]
    with policy.merged(adapter) as model:
        return rollouts.sample(model, codec, prompts, judge.sampling, seeds, judge.pad, alive=alive)


# ---------------------------------------------------------------------- the checks
def _win(
    policy: Policy, judge: Judge, before: Sequence[Rollout], after: Sequence[Rollout]
) -> Check:
    with policy.reference():
        theirs, ours = (
            judge.taste(features.extract(policy.model, features.passages(side), judge.pad)).numpy()
            for side in (before, after)
        )
    wins = np.where(ours == theirs, 0.5, ours > theirs)
    value, low, high = judge.interval(wins)
    return Check(
        "win",
        value,
        f"at least {LEAST_WIN:.2f}, and surely above 0.50",
        value >= LEAST_WIN and low > 0.5,
        f"Better than before in {value:.0%} of {len(wins)} passages"
        f" (90 % sure: {low:.0%} to {high:.0%}), by held-back scores.",
        low,
        high,
    )


def bootstrap(values: np.ndarray, seed: int) -> tuple[float, float, float]:
    """Mean of `values` (one per prompt) and its 90 % bootstrap interval."""
    random = np.random.default_rng([seed, 10])
    means = values[random.integers(0, len(values), (BOOTSTRAPS, len(values)))].mean(1)
    low, high = np.percentile(means, [5, 95])
    return float(values.mean()), float(low), float(high)


def root_kl(policy: Policy, codec: Codec, judge: Judge, alive: Callable[[], None]) -> float:
    """KL(policy || root) in nats per sequence, from fresh samples of the policy."""
    settings = judge.settings
    with policy.merged() as model:
        sampled = rollouts.sample(
            model,
            codec,
            judge.prompts,
            practice_sampling(settings),
            [(judge.seed, 11, i) for i in range(len(judge.prompts))],
            judge.pad,
            alive=alive,
        )
    total = 0.0
    for at in range(0, len(sampled), settings.micro_batch):
        alive()
        part = sampled[at : at + settings.micro_batch]
        batch = policy.batch(part, judge.pad)
        with torch.no_grad():
            ours = policy.judge(batch, settings.temperature).logprobs
            with policy.reference():
                root = policy.judge(batch, settings.temperature).logprobs
        total += float(((ours - root) * batch.mask).sum())
    return total / len(sampled)


def most_kl(settings: PpoSettings) -> float:
    """How far from the root an adapter may be, in nats per sequence."""
    return KL_HARD_STOP * settings.kl_target


def _closeness(kl: float, settings: PpoSettings) -> Check:
    limit = most_kl(settings)
    return Check(
        "kl",
        kl,
        f"at most {limit:.1f} nats",
        kl <= limit,
        f"It moved {kl:.1f} nats from where it began; {limit:.0f} are allowed.",
    )


@torch.no_grad()
def perplexity(policy: Policy, passages: Sequence[Sequence[int]]) -> float:
    """exp of the mean negative log-likelihood per token of neutral prose."""
    total, count = 0.0, 0
    head = policy.model.get_base_model().get_output_embeddings()
    for ids in passages:
        row = torch.tensor([ids], device=policy.model.device)
        logprobs, _ = token_logprobs(policy.hidden(row)[0, :-1], head, row[0, 1:])
        total -= float(logprobs.sum())
        count += len(logprobs)
    return float(np.exp(total / count))


def _perplexity(policy: Policy, judge: Judge) -> Check:
    with policy.reference():
        base = perplexity(policy, judge.neutral)
    ratio = perplexity(policy, judge.neutral) / base
    return Check(
        "perplexity",
        ratio,
        f"at most {MOST_PERPLEXITY:.2f} times the base",
        ratio <= MOST_PERPLEXITY,
        f"It reads other people's prose {abs(ratio - 1):.0%} {'worse' if ratio >= 1 else 'better'}"
        " than before training.",
    )


def _variety(before: Sequence[Rollout], after: Sequence[Rollout]) -> Check:
    ratio = _mean_distinct(after) / max(1e-6, _mean_distinct(before))
    return Check(
        "variety",
        ratio,
        f"at least {LEAST_DISTINCT:.2f} times",
        ratio >= LEAST_DISTINCT,
        f"It varies its wording {ratio:.2f} times as much as the root.",
    )


def _mean_distinct(sampled: Sequence[Rollout]) -> float:
    return float(np.mean([distinct2(words_of(one.prose)) for one in sampled]))


def _length(judge: Judge, before: Sequence[Rollout], after: Sequence[Rollout]) -> Check:
    lengths = [
        float(np.mean([len(words_of(one.prose)) for one in side])) for side in (before, after)
    ]
    ratio = lengths[1] / max(1.0, lengths[0])
    within = abs(ratio - 1) <= LENGTH_BAND
    asked = judge.wants_length != 0 and (ratio > 1) == (judge.wants_length > 0)
    words = f"Its passages are {lengths[1]:.0f} words long; at the root {lengths[0]:.0f}."
    if not within and asked:
        words += " Your scores ask for that."
    return Check(
        "length",
        ratio,
        f"within {LENGTH_BAND:.0%}, unless the scores ask for it",
        within or asked,
        words,
    )


def _validity(judge: Judge, before: Sequence[Rollout], after: Sequence[Rollout]) -> Check:
    shares = [np.array([float(one.finished) for one in side]) for side in (before, after)]
    change, low, high = judge.interval(shares[1] - shares[0])
    return Check(
        "form",
        change,
        f"not surely below -{MOST_UNFINISHED:.2f}",
        high >= -MOST_UNFINISHED,
        f"{shares[1].mean():.0%} of its passages have a plan and an end;"
        f" at the root {shares[0].mean():.0%}.",
        low,
        high,
    )


def _memory(judge: Judge, before: Sequence[Rollout], after: Sequence[Rollout]) -> Check:
    """Does it copy runs of words from what the writer loved, surely more than by chance?"""
    known = {run for text in judge.loved for run in _runs(text)}
    shares = [
        np.array([float(any(run in known for run in _runs(one.prose))) for one in side])
        for side in (before, after)
    ]
    change, low, high = judge.interval(shares[1] - shares[0])
    return Check(
        "memory",
        change,
        f"not surely above {MOST_COPIED:.2f}",
        low <= MOST_COPIED,
        f"{shares[1].mean():.0%} of its passages repeat {COPY_WORDS} words in a row of one you"
        f" loved; at the root {shares[0].mean():.0%}.",
        low,
        high,
    )


def _runs(text: str) -> set[tuple[str, ...]]:
    words = [word.lower() for word in words_of(text)]
    return {tuple(words[i : i + COPY_WORDS]) for i in range(len(words) - COPY_WORDS + 1)}


def asks_for_length(lengths: np.ndarray, stars: np.ndarray) -> int:
    """+1 or -1 where the writer's own scores surely go up or down with length, else 0.

    Spearman's rho above 0.3 in size, and more than 2.6 of its standard errors, 1 / sqrt(n - 1),
    from zero: one writer in a hundred without such a wish is misread.
    """
    if len(np.unique(stars)) < 2 or len(np.unique(lengths)) < 2:
        return 0
    rho = float(np.corrcoef(_ranks(lengths), _ranks(stars))[0, 1])
    sure = abs(rho) > max(0.3, 2.6 / np.sqrt(len(stars) - 1))
    return int(np.sign(rho)) if sure else 0


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse])


def _shown(codec: Codec, prompt: Sequence[int]) -> str:
    """A prompt as a reader sees it: without its tags."""
    text = codec.decode(list(prompt))
    style = codec.style
    for tag in (style.premise_open, style.think_open, style.story_open, *style.stops):
        text = text.replace(tag.strip(), "")
    return clean(text).strip()
