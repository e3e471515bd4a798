"""The gate of a manner: to chunks that nothing learned from, did each stage come nearer?

What wrote before, what SFT made, and what GRPO made of that write the prose to the same plans,
taken from held-back chunks, from the same seeds; each is measured against the centroid of these
chunks. What must not be lost for it (form, variety, length, nothing copied) is measured on turns
after the shipped prompts, plan and all, against what the run began at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from talecraft.corpus.manners import Manner, Specimen
from talecraft.corpus.rendering import plan
from talecraft.engine.codec import Codec
from talecraft.engine.lookahead import Opening
from talecraft.learning import checks, pattern_gate, phrases, rollouts
from talecraft.learning.evaluate import SAMPLES, Verdict
from talecraft.learning.intervals import bootstrap
from talecraft.learning.manner import Near
from talecraft.learning.policy import ADAPTER, ROOT, Policy, token_logprobs
from talecraft.learning.rewards.total import Reward
from talecraft.learning.rollouts import Rollout
from talecraft.learning.scribe import Scribe
from talecraft.learning.telling import shown
from talecraft.process.run_events import (
    SHOWN,
    Check,
    Estimate,
    MannerLearned,
    MannerStage,
    Sample,
    StyleSettings,
)
from talecraft.story.clean import clean
from talecraft.story.turns import Sampling

BEFORE, BEGAN = "before", "began"  # what writes now, and the root: adapters beside the policy
MOST_PERPLEXITY = 1.15  # of the held chunks, times that after SFT
MOST_NEUTRAL = 1.25  # of other people's prose, times the bare model's
LEAST_TOLD = 0.5  # of the length of the author's chunks
CONTENT = "semantic"  # the part of the reward that says how much of a plan is told
Stage = Literal["before", "sft", "grpo"]
STAGES: tuple[Stage, ...] = ("before", "sft", "grpo")


@dataclass(frozen=True, slots=True)
class Judge:
    """Everything the gate needs beside the policy, whose root is where SFT ended. `near` is by the
    held chunks; `apart` where an adapter writes now, `rooted` where the run began at one; `more`
    are prompts that nothing practises."""

    manner: Manner
    near: Near
    reward: Reward
    neutral: Sequence[Sequence[int]]
    more: Sequence[str]
    apart: bool
    rooted: bool
    sampling: Sampling
    settings: StyleSettings
    window: int
    pad: int
    seed: int
    alive: Callable[[], None]

    def speaker(self, stage: Stage) -> str | None:
        """The adapter of a stage; None: the bare model."""
        return {"before": BEFORE if self.apart else None, "sft": ROOT, "grpo": ADAPTER}[stage]

    @property
    def began(self) -> str | None:
        return BEGAN if self.rooted else None

    def sure(self, values: np.ndarray) -> Estimate:
        """The mean of `values` (one a passage), and its 90 % interval."""
        return Estimate(*bootstrap(values, self.seed))


@contextmanager
def speaking(policy: Policy, adapter: str | None) -> Iterator[Any]:
    """Inside, this adapter writes and reads; None: the bare model, every adapter off."""
    if adapter is None:
        with policy.model.disable_adapter():
            yield policy.model
    else:
        with policy.merged(adapter) as model:
            yield model


def judge(policy: Policy, scribe: Scribe, order: Judge) -> tuple[Verdict, MannerLearned]:
    """What each stage writes, and what speaks for the last one. Raises Cancelled when asked to."""
    held = order.manner.held[: order.settings.gate_turns]
    written, lost = {}, {}
    for stage in STAGES:
        with speaking(policy, order.speaker(stage)) as model:
            written[stage] = _planned(model, scribe, order, held)
            lost[stage] = nats(policy, scribe, held, order.alive)
    told = learned(order, held, written, lost)
    with speaking(policy, order.began) as model:
        free_before = _free(model, scribe, order)
    with speaking(policy, ADAPTER) as model:
        free_after = _free(model, scribe, order)
    found = [
        *_nearer(told),
        _likely(told),
        _content(order, told, written),
        _neutral(policy, order),
        pattern_gate.form(scribe.codec, free_before, free_after, order.seed),
        checks.variety(free_before, free_after),
        _length(scribe.codec, order, free_after),
        checks.memory(
            lambda values: bootstrap(values, order.seed),
            [one.text for one in order.manner.train],
            free_before, free_after, "what it learned from",
        ),
    ]  # fmt: skip
    samples = [
        Sample(
            f"{shown(scribe.codec, b.prompt_ids)}\n{b.outline.strip()}",
            clean(b.prose).strip(), clean(a.prose).strip(),
        )
        for b, a in list(zip(written["before"], written["grpo"], strict=True))[:SAMPLES]
    ]  # fmt: skip
    was, now = ([clean(one.prose) for one in written[side]] for side in STAGES[::2])
    return Verdict(found, samples, phrases.changed(was, now)), told


# ---------------------------------------------------------------------- what they write
def _planned(model: Any, scribe: Scribe, order: Judge, held: Sequence[Specimen]) -> list[Rollout]:
    """The prose to each held chunk's plan."""
    return rollouts.sample(
        model, scribe.codec, [scribe.premise(one.premise) for one in held], order.sampling,
        [(order.seed, 41, at) for at in range(len(held))], order.pad, alive=order.alive,
        openings=[opening(scribe.codec, one) for one in held],
    )  # fmt: skip


def _free(model: Any, scribe: Scribe, order: Judge) -> list[Rollout]:
    """Turns after the shipped prompts, plan and all."""
    prompts = [scribe.premise(one) for one in order.more[: order.settings.gate_turns]]
    return rollouts.sample(
        model, scribe.codec, prompts, order.sampling,
        [(order.seed, 42, at) for at in range(len(prompts))], order.pad, alive=order.alive,
    )  # fmt: skip


def opening(codec: Codec, one: Specimen) -> Opening:
    """A chunk's plan as the program would write it, the tag that opens the prose included."""
    style = codec.style
    outline = plan(one.beats)
    if style.think_open.endswith("- "):  # which begins the first beat itself
        outline = outline.removeprefix("- ")
    ids = codec.encode(style.think_open) + codec.encode(outline + style.opening_of_prose(outline))
    return Opening(ids, [0.0] * len(ids), len(ids), outline, "")


@torch.no_grad()
def nats(
    policy: Policy, scribe: Scribe, held: Sequence[Specimen], alive: Callable[[], None]
) -> np.ndarray:
    """(N, 2): the nats of each chunk's prose after its premise and plan, and its tokens, as the
    adapter reads that speaks."""
    found = np.zeros((len(held), 2))
    base = policy.model.get_base_model()
    backbone, head = getattr(base, base.base_model_prefix), base.get_output_embeddings()
    for at, one in enumerate(held):
        alive()
        before = scribe.premise(one.premise) + list(opening(scribe.codec, one).ids)
        ids = [*before, *scribe.codec.encode(one.text.strip())][: scribe.room]
        row = torch.tensor([ids], device=policy.model.device)
        states = backbone(input_ids=row, use_cache=False).last_hidden_state
        logprobs, _ = token_logprobs(states[0, len(before) - 1 : -1], head, row[0, len(before) :])
        found[at] = [-float(logprobs.sum()), len(logprobs)]
    return found


# ---------------------------------------------------------------------- how near it came
def learned(
    order: Judge,
    held: Sequence[Specimen],
    written: dict[Stage, list[Rollout]],
    lost: dict[Stage, np.ndarray],
) -> MannerLearned:
    """The figures of every stage, and of the held chunks themselves."""
    cosines, stages = {}, []
    for stage in STAGES:
        texts = [one.prose for one in written[stage]]
        cosines[stage] = order.near.cosine(texts).numpy()
        others = order.near.to_others(texts).numpy()
        content = order.reward.raw(written[stage]).get(CONTENT)
        stages.append(
            MannerStage(
                stage,
                order.sure(cosines[stage]),
                order.sure(_mean(others)),
                float((cosines[stage] > _most(others)).mean()),
                order.sure(content.numpy() if content is not None else np.zeros(len(texts))),
                float(np.exp(lost[stage][:, 0].sum() / max(1.0, lost[stage][:, 1].sum()))),
            )
        )
    before, sft, grpo = (cosines[stage] for stage in STAGES)
    gains = [order.sure(gain) for gain in (sft - before, grpo - sft, grpo - before)]
    texts = [one.text for one in order.manner.held]
    return MannerLearned(
        order.settings.author, len(texts), len(held), own_cosine(order.near.vectors(texts)),
        float(_mean(order.near.to_others(texts).numpy()).mean()), stages, gains,
    )  # fmt: skip


def own_cosine(vectors: Tensor) -> float:
    """Of texts with these unit vectors (N, D): the mean cosine of each to the centroid of the
    others."""
    rest = vectors.sum(0) - vectors
    return float((vectors * rest).sum(1).div(rest.norm(dim=1).clamp(min=1e-8)).mean())


def _mean(others: np.ndarray) -> np.ndarray:
    """(N,) of (N, M); 0 where there are no others."""
    found: np.ndarray = others.mean(1) if others.shape[1] else np.zeros(len(others))
    return found


def _most(others: np.ndarray) -> np.ndarray:
    found: np.ndarray = others.max(1) if others.shape[1] else np.full(len(others), -1.0)
    return found


# ---------------------------------------------------------------------- the checks
def _nearer(told: MannerLearned) -> list[Check]:
    """Nearer after SFT than before, and nearer still after GRPO."""
    before, sft, grpo = told.stages
    found = []
    for name, was, now, gain in (
        ("SFT", before, sft, told.gains[0]),
        ("GRPO", sft, grpo, told.gains[1]),
    ):
        found.append(
            Check(
                f"manner after {name}", gain.value, "surely above 0", gain.low > 0,
                f"Its prose to {told.turns} plans it has not seen is at {now.cosine.value:.3f} of"
                f" {told.author}'s manner (cosine) after {name}, {was.cosine.value:.3f} before it"
                f" (90 % sure: {gain.low:+.3f} to {gain.high:+.3f}).",
                gain.low, gain.high,
            )
        )  # fmt: skip
    found.append(
        Check(
            "other authors", grpo.others.value - before.others.value, SHOWN, True,
            f"To other authors' manner it is at {grpo.others.value:.3f}; before"
            f" {before.others.value:.3f}. Nearer to {told.author} than to any of them:"
            f" {grpo.nearest:.0%} of its passages; before {before.nearest:.0%}. {told.author}'s own"
            f" chunks are at {told.own:.3f} and {told.own_others:.3f}.",
        )
    )  # fmt: skip
    return found


def _likely(told: MannerLearned) -> Check:
    before, sft, grpo = told.stages
    ratio = grpo.perplexity / sft.perplexity
    return Check(
        "held chunks", ratio, f"at most {MOST_PERPLEXITY:.2f} times that after SFT",
        ratio <= MOST_PERPLEXITY,
        f"{told.author}'s chunks that it has not seen have a perplexity of {grpo.perplexity:.1f};"
        f" after SFT {sft.perplexity:.1f}, before {before.perplexity:.1f}.",
    )  # fmt: skip


def _content(order: Judge, told: MannerLearned, written: dict[Stage, list[Rollout]]) -> Check:
    before, sft, grpo = (one.content for one in told.stages)
    raw = [order.reward.raw(written[side]).get(CONTENT) for side in STAGES[::2]]
    change = Estimate(0.0, 0.0, 0.0)
    if raw[0] is not None and raw[1] is not None:
        change = order.sure((raw[1] - raw[0]).numpy())
    return Check(
        "content kept", change.value, SHOWN, True,
        f"Of what its plan names {grpo.value:.0%} is in the prose (BERTScore's recall); after SFT"
        f" {sft.value:.0%}, before {before.value:.0%}.",
        change.low, change.high,
    )  # fmt: skip


def _neutral(policy: Policy, order: Judge) -> Check:
    with policy.model.disable_adapter():
        base = checks.perplexity(policy, order.neutral)
    ratio = checks.perplexity(policy, order.neutral) / base
    return Check(
        "perplexity", ratio, f"at most {MOST_NEUTRAL:.2f} times the bare model's",
        ratio <= MOST_NEUTRAL,
        f"It reads other people's prose {abs(ratio - 1):.0%} {'worse' if ratio >= 1 else 'better'}"
        f" than the bare model; {MOST_NEUTRAL - 1:.0%} worse is allowed.",
    )  # fmt: skip


def _length(codec: Codec, order: Judge, after: Sequence[Rollout]) -> Check:
    """A passage that ends after its first sentence may be near to anything."""
    room = order.sampling.prose_tokens
    usual = float(np.mean([min(room, len(codec.encode(one.text))) for one in order.manner.train]))
    told = np.array([one.prose_end - one.prose_start for one in after], dtype=float)
    ratio, low, high = bootstrap(told / max(1.0, usual), order.seed)
    return Check(
        "length", ratio, f"not surely below {LEAST_TOLD:.2f} times", high >= LEAST_TOLD,
        f"Its passages are {told.mean():.0f} tokens long; those it learned from {usual:.0f}.",
        low, high,
    )  # fmt: skip


def closing(verdict: Verdict, author: str, stopped: str) -> str:
    """How it ended, in a sentence or two."""
    ended = f" Training ended early: {stopped}" if stopped else ""
    if verdict.failed:
        return f"What wrote before goes on writing. {' '.join(verdict.failed)}{ended}"
    return (
        f"It learned the manner of {author}, and is in use from the next passage on. Your taste is"
        f" taught to it anew by the next training run.{ended}"
    )
