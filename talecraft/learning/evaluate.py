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
from talecraft.learning import checks, features, phrases, rollouts, taste
from talecraft.learning.company import ALONE, Company
from talecraft.learning.features import Passage, Tasting
from talecraft.learning.intervals import bootstrap, gains
from talecraft.learning.labels import Scored
from talecraft.learning.learner import practice_sampling
from talecraft.learning.policy import ADAPTER, Policy
from talecraft.learning.rewards.total import Reward
from talecraft.learning.rollouts import Rollout
from talecraft.learning.sequences import collate
from talecraft.learning.telling import shown
from talecraft.process import adapter_files
from talecraft.process.run_events import SHOWN, Check, Outcome, Phrase, PpoSettings, Sample
from talecraft.story import rewards
from talecraft.story.clean import clean
from talecraft.story.turns import Sampling

LEAST_WIN = 0.55
FEWEST_COMPARABLE = 8  # pairs: of fewer the share says nothing
SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Opinions:
    """What of the writer's opinions was held back to judge by."""

    taste: Callable[[Tensor], Tensor]  # the held-out head
    held: Sequence[Passage]  # the passages that it was fitted to
    said: Scored  # and what was said of them
    wants_length: int  # +1 or -1 where the writer's scores surely ask for longer or shorter, else 0
    tasting: Tasting | None = None  # in the head's place, where a reward model surely knows more


@dataclass(frozen=True, slots=True)
class Judge:
    """Everything the gate needs beside the policy. Without `opinions` the `reward` itself judges,
    on prompts that were not practised."""

    opinions: Opinions | None
    reward: Reward
    loved: Sequence[str]  # the writer's five-star passages: to be learned from, not copied
    prompts: Sequence[Sequence[int]]
    neutral: Sequence[Sequence[int]]  # prose that nobody here wrote
    own: Sequence[Sequence[int]]  # the writer's own prose, empty where there is too little
    sampling: Sampling
    settings: PpoSettings
    pad: int
    seed: int
    company: Company = ALONE

    @property
    def wants_length(self) -> int:
        return self.opinions.wants_length if self.opinions is not None else 0

    def interval(
        self, values: np.ndarray, sizes: np.ndarray | None = None
    ) -> tuple[float, float, float]:
        """Mean of `values` (one per passage of `_write`), or with `sizes` sum of values over sum of
        sizes, and its 90 % bootstrap interval, drawn over prompts: passages of one prompt are not
        independent."""

        def by_prompt(one: np.ndarray) -> np.ndarray:
            found: np.ndarray = one.reshape(self.settings.gate_samples, -1).mean(0)
            return found

        sized = by_prompt(sizes) if sizes is not None else None
        return bootstrap(by_prompt(values), self.seed, sized)


@dataclass(frozen=True, slots=True)
class Verdict:
    checks: list[Check]
    samples: list[Sample]
    phrases: list[Phrase]

    @property
    def failed(self) -> list[str]:
        """What speaks against it, in words; nothing where it passes."""
        return [check.words for check in self.checks if not check.passed]

    def outcome(self, words: str, files: dict[str, str], steps: int) -> Outcome:
        """How a run of `steps` ends by it: `files` are the candidate's, with their checksums."""
        return Outcome(
            "rejected" if self.failed else "adopted",
            words,
            self.checks,
            self.samples,
            self.phrases,
            adapter_files.content_id(files),
            files,
            steps,
        )


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
    found = [
        *_by_opinions(policy, judge, opponent, before, after),
        *_by_parts(judge, before, after),
        checks.closeness(kl, judge.settings),
        checks.readability(policy, judge.neutral, own=False),
        *([checks.readability(policy, judge.own, own=True)] if judge.own else []),
        checks.variety(root, after),
        checks.length(judge.wants_length, root, after),
        checks.validity(judge.interval, root, after),
        checks.memory(judge.interval, judge.loved, root, after),
    ]
    samples = [
        Sample(shown(codec, b.prompt_ids), clean(b.prose).strip(), clean(a.prose).strip())
        for b, a in list(zip(before, after, strict=True))[:SAMPLES]
    ]
    was, now = ([clean(one.prose) for one in side] for side in (before, after))
    return Verdict(found, samples, phrases.changed(was, now))


def _write(
    policy: Policy, codec: Codec, judge: Judge, adapter: str | None, alive: Callable[[], None]
) -> list[Rollout]:
    """Every prompt once, then every prompt again with other seeds, and so on."""
    prompts = list(judge.prompts) * judge.settings.gate_samples
    seeds = [(judge.seed, 9, i) for i in range(len(prompts))]
    with policy.merged(adapter) as model:
        return rollouts.sample_together(
            judge.company, model, codec, prompts, judge.sampling, seeds, judge.pad, alive
        )


# ---------------------------------------------------------------------- by what is rewarded
def _by_opinions(
    policy: Policy,
    judge: Judge,
    opponent: str | None,
    before: Sequence[Rollout],
    after: Sequence[Rollout],
) -> list[Check]:
    """Is it better? By the writer's held-back taste where there is one, else by the reward."""
    opinions = judge.opinions
    if opinions is None:
        theirs, ours = (judge.reward(side).total.double().numpy() for side in (before, after))
        return [_win(judge, ours - theirs, "what was rewarded")]
    theirs, ours = (_worth(policy, judge, opinions, side) for side in (before, after))
    return [
        _win(judge, ours - theirs, "held-back scores"),
        *_agreement(policy, judge, opinions, opponent),
    ]


def _worth(policy: Policy, judge: Judge, opinions: Opinions, side: Sequence[Rollout]) -> np.ndarray:
    """What the held-back opinions make of these passages (N,)."""
    read = features.passages(side)
    if opinions.tasting is not None:
        return opinions.tasting.taste(features.whole(opinions.tasting, read)).numpy()
    with policy.reference():
        found = features.extract(policy.model, read, judge.pad, opinions.said.vocabulary)
        return opinions.taste(found).numpy()


def _win(judge: Judge, differences: np.ndarray, by: str) -> Check:
    """`differences` (one per passage of `_write`) of what is better `by` this."""
    value, low, high = judge.interval(*gains(differences))
    return Check(
        "win",
        value,
        f"at least {LEAST_WIN:.2f}, and surely above 0.50",
        value >= LEAST_WIN and low > 0.5,
        f"Of all that changed in {len(differences)} passages {value:.0%} is for the better"
        f" (90 % sure: {low:.0%} to {high:.0%}), by {by}.",
        low,
        high,
    )


def _by_parts(judge: Judge, before: Sequence[Rollout], after: Sequence[Rollout]) -> list[Check]:
    """What became of each part of the reward, in its own unit; a figure, no condition."""
    was, now = judge.reward.raw(before), judge.reward.raw(after)
    found = []
    for name in was:
        change, low, high = judge.interval((now[name] - was[name]).numpy())
        words = (
            f"Rewarded, {rewards.words(name)}: {_mean(now[name]):.2f};"
            f" before {_mean(was[name]):.2f}."
        )
        found.append(Check(f"reward: {name}", change, SHOWN, True, words, low, high))
    return found


def _mean(values: Tensor) -> float:
    """To two places, and never -0.00."""
    return round(float(values.mean()), 2) + 0.0


def _agreement(
    policy: Policy, judge: Judge, opinions: Opinions, opponent: str | None
) -> list[Check]:
    """Does it hold likely what the writer liked, of passages it has not learned from? No check
    where too few can be compared.

    The implicit reward log pi(y|x) - log pi_root(y|x) (Rafailov et al., arXiv 2305.18290) orders
    held-back passages of one prompt as the writer did, not surely worse than the opponent's: of ten
    pairs a bar one standard error lower would refuse a sound run in six. The root's is 0
    everywhere: it orders half of the pairs. Passages of different prompts it cannot compare:
    log Z(x) lies between them.
    """
    if len(taste.comparable(opinions.said)) < FEWEST_COMPARABLE:
        return []
    with policy.reference():
        root = _likelihood(policy, judge, opinions.held)

    def agrees(adapter: str | None) -> tuple[float, float, float]:
        if adapter is None:
            return 0.5, 0.5, 0.5
        with policy.merged(adapter):
            implied = _likelihood(policy, judge, opinions.held) - root
        return taste.agreement(implied, opinions.said, judge.seed)

    old, *_ = agrees(opponent)
    new, low, high = agrees(ADAPTER)
    words = (
        f"Of two of your held-back passages it finds the better one likelier {new:.0%} of the time"
        f" (90 % sure: {low:.0%} to {high:.0%}); before {old:.0%}."
    )
    return [Check("agreement", new, f"not surely below {old:.2f}", high >= old, words, low, high)]


@torch.no_grad()
def _likelihood(policy: Policy, judge: Judge, held: Sequence[Passage]) -> np.ndarray:
    """log p (N,) of the held passages' prose, in nats."""
    found = np.zeros(len(held))
    size = judge.settings.micro_batch
    for at in range(0, len(held), size):
        part = held[at : at + size]
        batch = collate(
            [one.prompt for one in part],
            [one.response[: one.end] for one in part],
            [[i < one.start for i in range(one.end)] for one in part],
            judge.pad,
            str(policy.model.device),
        )
        logprobs = policy.judge(batch, judge.settings.temperature).logprobs
        found[at : at + size] = (logprobs * batch.mask).sum(1).cpu().numpy()
    return found


def root_kl(policy: Policy, codec: Codec, judge: Judge, alive: Callable[[], None]) -> float:
    """KL(policy || root) in nats per sequence, from fresh samples of the policy."""
    settings = judge.settings
    with policy.merged() as model:
        sampled = rollouts.sample_together(
            judge.company,
            model,
            codec,
            judge.prompts,
            practice_sampling(settings),
            [(judge.seed, 11, i) for i in range(len(judge.prompts))],
            judge.pad,
            alive,
        )

    def distance(part: Sequence[Rollout]) -> float:
        alive()
        batch = policy.batch(part, judge.pad)
        with torch.no_grad():
            ours = policy.judge(batch, settings.temperature).logprobs
            with policy.reference():
                root = policy.judge(batch, settings.temperature).logprobs
        return float(((ours - root) * batch.mask).sum())

    size = settings.micro_batch
    parts = [sampled[at : at + size] for at in range(0, len(sampled), size)]
    return sum(judge.company.spread(lambda some: [*map(distance, some)], parts)) / len(sampled)
