"""The gate of a pattern adapter: on tales it has not seen, does it keep the form, and read better?

Candidate and opponent write by the page's own loop and sampling. What the program had to force,
beyond opening the plan, counts against the form: a turn is well formed where the model itself
closes a plan with the story tag, writes prose and ends its turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import torch

from talecraft.corpus import outlines
from talecraft.corpus.tales import Passage, Tale
from talecraft.engine.codec import Codec
from talecraft.learning import checks, rollouts
from talecraft.learning.evaluate import SAMPLES, Verdict
from talecraft.learning.intervals import bootstrap
from talecraft.learning.policy import ADAPTER, Policy, token_logprobs
from talecraft.learning.rollouts import Rollout
from talecraft.learning.scribe import Lesson, Scribe
from talecraft.learning.telling import shown
from talecraft.process.run_events import SHOWN, Check, PatternSettings, Sample
from talecraft.story.clean import clean
from talecraft.story.turns import Sampling

LEAST_FORMED = 0.80  # of the turns
MOST_LOST = 0.05  # ... fewer than before
MOST_PERPLEXITY = 1.25  # times the bare base's: it has other texts to learn, not to forget reading
ROOMY = 0.9  # of the passages learned from fit the budget that the gate writes with
LEAST_TOLD = 0.5  # of the length of the passages learned from
SPARE = 1.25  # ... and some more
SPARE_TOKENS = 16  # for the tags


@dataclass(frozen=True, slots=True)
class Judge:
    """Everything the gate needs beside the policy; `opponent` is the adapter that writes now (None:
    the bare base), `more` are premises to write from where the held tales are few."""

    held: Sequence[Tale]
    passages: Sequence[Passage]
    neutral: Sequence[Sequence[int]]
    more: Sequence[str]
    opponent: str | None
    sampling: Sampling
    settings: PatternSettings
    window: int
    pad: int
    seed: int
    alive: Callable[[], None]


def judge(policy: Policy, scribe: Scribe, order: Judge) -> Verdict:
    """Candidate (the policy's adapter) against what writes now. Raises Cancelled when asked to."""
    codec = scribe.codec
    tales = [[scribe.encode(piece) for piece in scribe.pieces(tale)] for tale in order.held]
    with policy.merged(order.opponent):
        lost_before = losses(policy, tales, order.alive)
    lost_after = losses(policy, tales, order.alive)
    before = _write(policy, scribe, order, order.opponent)
    after = _write(policy, scribe, order, ADAPTER)
    found = [
        _loss(lost_before, lost_after, order.seed),
        form(codec, before, after, order.seed),
        _followed(before, after),
        _length(codec, order, after),
        checks.readability(policy, order.neutral, own=False, most=MOST_PERPLEXITY),
    ]
    samples = [
        Sample(shown(codec, b.prompt_ids), _turn(b), _turn(a))
        for b, a in list(zip(before, after, strict=True))[:SAMPLES]
    ]
    return Verdict(found, samples, [])


# ---------------------------------------------------------------------- how well it reads them
def losses(
    policy: Policy, tales: Sequence[Sequence[Lesson]], alive: Callable[[], None] = lambda: None
) -> np.ndarray:
    """For each tale (N, 2): nats over what is to be learned of it, and of how many tokens."""
    found = np.zeros((len(tales), 2))
    head = policy.model.get_base_model().get_output_embeddings()
    with torch.no_grad(), policy.folded():
        for at, lessons in enumerate(tales):
            for one in lessons:
                alive()
                ids = torch.tensor([one.ids], device=policy.model.device)
                asked = torch.tensor(one.learned[1:], device=policy.model.device)
                states = policy.hidden(ids)[0, :-1][asked]
                logprobs, _ = token_logprobs(states, head, ids[0, 1:][asked])
                found[at] += [-float(logprobs.sum()), len(logprobs)]
    return found


def mean_loss(policy: Policy, lessons: Sequence[Lesson]) -> float:
    """Nats a learned token of these sequences, as the policy is now."""
    nats, tokens = losses(policy, [lessons])[0]
    return float(nats / max(1.0, tokens))


def _loss(before: np.ndarray, after: np.ndarray, seed: int) -> Check:
    tokens = before[:, 1]
    change, low, high = bootstrap(after[:, 0] - before[:, 0], seed, tokens)
    was, now = (side[:, 0].sum() / max(1.0, tokens.sum()) for side in (before, after))
    return Check(
        "held-out loss",
        change,
        "surely below 0",
        bool(high < 0),
        f"At each step through {len(before)} tales it has not seen it wavers between"
        f" {math.exp(now):.1f} pieces of words; before {math.exp(was):.1f} (90 % sure:"
        f" {math.exp(low):.2f} to {math.exp(high):.2f} times as many).",
        low,
        high,
    )


# ---------------------------------------------------------------------- how well it writes them
def _write(policy: Policy, scribe: Scribe, order: Judge, adapter: str | None) -> list[Rollout]:
    prompts = _prompts(scribe, order)
    with policy.merged(adapter) as model:
        return rollouts.sample(
            model,
            scribe.codec,
            prompts,
            roomy(scribe.codec, order, max(map(len, prompts))),
            [(order.seed, 23, at) for at in range(len(prompts))],
            order.pad,
            alive=order.alive,
        )


def _prompts(scribe: Scribe, order: Judge) -> list[list[int]]:
    """Premises of held tales, each once, then those shipped for gates, of which none is learned."""
    room = order.window // 2
    premises = [tale.premise for tale in order.held if tale.premise.strip()]
    found = [scribe.premise(text)[:room] for text in [*premises, *order.more]]
    unique = dict.fromkeys(map(tuple, found))
    return [list(prompt) for prompt in unique][: order.settings.gate_turns]


def roomy(codec: Codec, order: Judge, prompt: int) -> Sampling:
    """The page's sampling, with room for passages as long as those that were learned from: one
    that had no room to end could not show that it can."""
    plans = [len(codec.encode("- " + "\n- ".join(one.outline))) for one in order.passages]
    proses = [len(codec.encode(one.prose)) for one in order.passages]
    room = max(2, order.window - prompt - SPARE_TOKENS)
    most = max(1, room - order.sampling.prose_tokens)  # prose has its room before a long plan
    plan = min(max(order.sampling.outline_tokens, _enough(plans)), most)
    prose = min(max(order.sampling.prose_tokens, _enough(proses)), room - plan)
    return msgspec.structs.replace(order.sampling, outline_tokens=plan, prose_tokens=prose)


def _enough(lengths: Sequence[int]) -> int:
    return round(SPARE * float(np.quantile(lengths, ROOMY))) if lengths else 0


def well_formed(codec: Codec, one: Rollout) -> bool:
    """A plan that the model closed itself, prose, and an end of its own; nothing was forced but
    the plan's opening."""
    return one.finished and sum(one.forced) == len(codec.encode(codec.style.think_open))


def form(codec: Codec, before: Sequence[Rollout], after: Sequence[Rollout], seed: int) -> Check:
    was, now = (
        np.array([float(well_formed(codec, one)) for one in side]) for side in (before, after)
    )
    share, low, high = bootstrap(now, seed)
    _, _, change = bootstrap(now - was, seed)
    return Check(
        "turns",
        share,
        f"not surely below {LEAST_FORMED:.2f}, nor {MOST_LOST:.2f} below before",
        bool(high >= LEAST_FORMED and change >= -MOST_LOST),
        f"Of {len(now)} turns {share:.0%} have one plan and one passage, closed and ended by the"
        f" model itself (90 % sure: {low:.0%} to {high:.0%}); before {was.mean():.0%}.",
        low,
        high,
    )


def _length(codec: Codec, order: Judge, after: Sequence[Rollout]) -> Check:
    """Does it tell as much as the passages it learned from? A turn that ends after its first
    sentence is well formed too."""
    room = roomy(codec, order, 0).prose_tokens
    usual = float(np.mean([min(room, len(codec.encode(one.prose))) for one in order.passages]))
    told = np.array([one.prose_end - one.prose_start for one in after], dtype=float)
    ratio, low, high = bootstrap(told / max(1.0, usual), order.seed)
    return Check(
        "length",
        ratio,
        f"not surely below {LEAST_TOLD:.2f} times",
        bool(high >= LEAST_TOLD),
        f"Its passages are {told.mean():.0f} tokens long; those it learned from {usual:.0f}.",
        low,
        high,
    )


def _followed(before: Sequence[Rollout], after: Sequence[Rollout]) -> Check:
    was, now = followed(before), followed(after)
    strange = followed(after, shift=1)
    return Check(
        "plan followed",
        now,
        SHOWN,
        True,
        f"{now:.0%} of a plan's content words stand in the passage after it; before {was:.0%}, and"
        f" with another's plan {strange:.0%}.",
    )


def followed(sampled: Sequence[Rollout], shift: int = 0) -> float:
    """Share of the outlines' content words, stemmed, that stand in their proses (`shift` turns on:
    in other ones); 0 where there are no such words."""
    found = (
        outlines.followed(one.outline, sampled[at - shift].prose) for at, one in enumerate(sampled)
    )
    shares = [share for share in found if share is not None]
    return float(np.mean(shares)) if shares else 0.0


def _turn(one: Rollout) -> str:
    return clean(f"{one.outline.strip()}\n\n{one.prose.strip()}").strip()
