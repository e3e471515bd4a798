"""The gate's checks of soundness: each a figure, a bar, whether it held, and that in words.

None of them asks what the writer likes: they say what must not be lost for it (LEARNING 1.6 c).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from talecraft.learning.policy import Policy, token_logprobs
from talecraft.learning.rollouts import Rollout
from talecraft.process.run_events import KL_HARD_STOP, Check, PpoSettings
from talecraft.story.traits import distinct2, words_of

MOST_PERPLEXITY = 1.15  # times the base's
LEAST_DISTINCT = 0.85  # of the base's
LENGTH_BAND = 0.30
MOST_UNFINISHED = 0.05
MOST_COPIED = 0.05
COPY_WORDS = 12

Interval = Callable[[np.ndarray], tuple[float, float, float]]  # mean, and 90 % bounds


def most_kl(settings: PpoSettings) -> float:
    """How far from the root an adapter may be, in nats per sequence."""
    return KL_HARD_STOP * settings.kl_target


def closeness(kl: float, settings: PpoSettings) -> Check:
    limit = most_kl(settings)
    return Check(
        "kl",
        kl,
        f"at most {limit:.1f} nats",
        kl <= limit,
        f"What was kept is {kl:.1f} nats (KL) from where it began; {limit:.0f} are allowed.",
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


def readability(
    policy: Policy, passages: Sequence[Sequence[int]], own: bool, most: float = MOST_PERPLEXITY
) -> Check:
    """Does it still read prose that it was not trained on: other people's, or the writer's own?
    At `most` so many times the root's perplexity is allowed."""
    with policy.reference():
        base = perplexity(policy, passages)
    ratio = perplexity(policy, passages) / base
    whose = "your own passages" if own else "other people's prose"
    return Check(
        "own prose" if own else "perplexity",
        ratio,
        f"at most {most:.2f} times the base",
        ratio <= most,
        f"It reads {whose} {abs(ratio - 1):.0%} {'worse' if ratio >= 1 else 'better'}"
        f" than the model that training begins at; {most - 1:.0%} worse is allowed.",
    )


def variety(before: Sequence[Rollout], after: Sequence[Rollout]) -> Check:
    ratio = _mean_distinct(after) / max(1e-6, _mean_distinct(before))
    return Check(
        "variety",
        ratio,
        f"at least {LEAST_DISTINCT:.2f} times",
        ratio >= LEAST_DISTINCT,
        f"It varies its wording {ratio:.2f} times as much as the model that training begins at.",
    )


def _mean_distinct(sampled: Sequence[Rollout]) -> float:
    return float(np.mean([distinct2(words_of(one.prose)) for one in sampled]))


def length(wants: int, before: Sequence[Rollout], after: Sequence[Rollout]) -> Check:
    lengths = [
        float(np.mean([len(words_of(one.prose)) for one in side])) for side in (before, after)
    ]
    ratio = lengths[1] / max(1.0, lengths[0])
    within = abs(ratio - 1) <= LENGTH_BAND
    asked = wants != 0 and (ratio > 1) == (wants > 0)
    words = f"Its passages are {lengths[1]:.0f} words long; where training began {lengths[0]:.0f}."
    if not within and asked:
        words += " Your scores ask for that."
    return Check(
        "length",
        ratio,
        f"within {LENGTH_BAND:.0%}, unless the scores ask for it",
        within or asked,
        words,
    )


def validity(interval: Interval, before: Sequence[Rollout], after: Sequence[Rollout]) -> Check:
    shares = [np.array([float(one.finished) for one in side]) for side in (before, after)]
    change, low, high = interval(shares[1] - shares[0])
    return Check(
        "form",
        change,
        f"not surely below -{MOST_UNFINISHED:.2f}",
        high >= -MOST_UNFINISHED,
        f"{shares[1].mean():.0%} of its passages have a plan and an end;"
        f" where training began {shares[0].mean():.0%}.",
        low,
        high,
    )


def memory(
    interval: Interval,
    loved: Sequence[str],
    before: Sequence[Rollout],
    after: Sequence[Rollout],
    whose: str = "one you loved",
) -> Check:
    """Does it copy runs of words from what the writer loved, or from `whose` texts `loved` are,
    surely more than by chance?"""
    known = {run for text in loved for run in _runs(text)}
    shares = [
        np.array([float(any(run in known for run in _runs(one.prose))) for one in side])
        for side in (before, after)
    ]
    change, low, high = interval(shares[1] - shares[0])
    return Check(
        "memory",
        change,
        f"not surely above {MOST_COPIED:.2f}",
        low <= MOST_COPIED,
        f"{shares[1].mean():.0%} of its passages repeat {COPY_WORDS} words in a row of"
        f" {whose}; where training began {shares[0].mean():.0%}.",
        low,
        high,
    )


def _runs(text: str) -> set[tuple[str, ...]]:
    words = [word.lower() for word in words_of(text)]
    return {tuple(words[i : i + COPY_WORDS]) for i in range(len(words) - COPY_WORDS + 1)}
