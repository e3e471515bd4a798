"""What the feedback teaches before any training: how far the writer's taste is known, what it is
in words, and the heads that reward and judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from talecraft.engine.codec import Codec
from talecraft.learning import episodes, features, taste
from talecraft.learning.labels import Scored
from talecraft.learning.length import asks_for_length
from talecraft.learning.taste import Ensemble, Trust
from talecraft.process.evidence import Episode, Evidence
from talecraft.process.run_events import FEWEST_OPINIONS, PpoSettings, TasteLearned

# Every third story's opinions judge, the others' are learned from; of few opinions every other's.
GATE_EVERY, GATE_EVERY_SMALL, SMALL = 3, 2, 60


@dataclass(frozen=True, slots=True)
class Lessons:
    """The taste head on trial: what was said, and how well unseen parts of it are foretold."""

    passages: Sequence[Episode]
    scored: Scored
    trust: Trust

    @property
    def passed(self) -> bool:
        """May the model be trained by it?"""
        return (
            self.trust.passed
            and self.scored.opinions >= FEWEST_OPINIONS
            and not self.scored.one_sided
        )

    def event(self, of: str = "passages") -> TasteLearned:
        """`of` what they are a taste."""
        trust = self.trust
        liked = (
            " and ".join(taste.likes(self.scored, trust.predicted)) or "something without a name"
        )
        where = "" if of == "passages" else f" in {of}"
        if trust.concordance < taste.LEAST_CONCORDANCE:
            words = f"I cannot tell yet what you like{where}: my best guess, {liked}, was"
        else:
            words = f"So far I think you like {liked}{where};"
        return TasteLearned(
            opinions=self.scored.opinions,
            stories=len(set(self.scored.groups)),
            pairs=trust.pairs,
            concordance=trust.concordance,
            low=trust.low,
            high=trust.high,
            passed=self.passed,
            words=f"{words} right {trust.concordance:.0%} of the time on {of} I had not seen.",
            refusal=self.refusal(),
        )

    def refusal(self) -> str:
        """Why the model may not be trained by it, and what would help; nothing where it may."""
        if self.passed:
            return ""
        trust, few = self.trust, FEWEST_OPINIONS - self.scored.opinions
        if self.scored.one_sided:
            why = "All your opinions are alike: there is nothing to tell good from bad by."
        elif few > 0:
            why = f"{few} more scores or choices are needed."
        elif trust.concordance < taste.LEAST_CONCORDANCE:
            why = (
                "Your opinions do not yet tell me what you like: of passages I had not seen I"
                f" ordered {trust.concordance:.0%} of the pairs as you did;"
                f" {taste.LEAST_CONCORDANCE:.0%} are needed."
            )
        else:
            why = (
                f"I ordered {trust.concordance:.0%} of {trust.pairs} unseen pairs as you did, but"
                f" that may still be chance (anything from {trust.low:.0%} to {trust.high:.0%})."
            )
        return f"{why} A taste round tells most in the least time."


@dataclass(frozen=True, slots=True)
class Learned:
    """What the run goes by: the reward's heads, and the gate's own, from other stories.

    `held` (N,) marks the passages that the gate's head is fitted to.
    """

    ensemble: Ensemble
    held_out: Callable[[Tensor], Tensor]
    held: np.ndarray
    wants_length: int  # by the scores that the reward is learned from


def prose(
    base: Any, codec: Codec, pad: int, found: Evidence, ppo: PpoSettings, seed: int
) -> Lessons:
    """Learn the taste in prose. `base` is the model with its adapters off."""
    read = features.extract(base, episodes.prose(found.passages, ppo.prompt_tokens, codec), pad)
    return _lessons(found, episodes.scored(found, read), seed)


def outlines(
    base: Any, codec: Codec, pad: int, found: Evidence, ppo: PpoSettings, seed: int
) -> Lessons | None:
    """Learn the taste in outlines, from what was said of them apart; None where nothing was."""
    said = any(one.outline for one in found.preferences)
    if not said and not any(one.outline_stars for one in found.passages):
        return None
    read = features.extract(base, episodes.outlines(found.passages, ppo.prompt_tokens, codec), pad)
    return _lessons(found, episodes.scored_outlines(found, read), seed)


def _lessons(found: Evidence, scored: Scored, seed: int) -> Lessons:
    return Lessons(found.passages, scored, taste.cross_validate(scored, seed))


def split(lessons: Lessons, ppo: PpoSettings, seed: int) -> Learned:
    """Some stories for the gate, the rest for the reward: the judge has not seen what it judges."""
    scored, ridge = lessons.scored, lessons.trust.ridge
    held = _held(scored, seed)
    rest = scored.rows(np.flatnonzero(~held))
    ensemble = Ensemble(rest, ridge, ppo.ensemble, ppo.pessimism, seed)
    judge = taste.fit(scored.rows(np.flatnonzero(held)), ridge)
    return Learned(ensemble, judge, held, wanted_length(lessons.passages, ~held))


def _held(scored: Scored, seed: int) -> np.ndarray:
    """Marks (N,) the gate's passages: whole stories, those with a decided choice shared out in
    the same proportion as those without."""
    groups = scored.folds_by
    names = np.random.default_rng([seed, 4]).permutation(np.unique(groups))
    decided = np.isin(names, groups[scored.pairs.strict.better])
    names = names[np.argsort(~decided, kind="stable")]
    every = GATE_EVERY_SMALL if scored.opinions < SMALL else GATE_EVERY
    return np.isin(groups, names[::every])


def wanted_length(passages: Sequence[Episode], among: np.ndarray) -> int:
    """Whether the grades of these passages ask for longer or shorter ones."""
    graded = [one for one, chosen in zip(passages, among, strict=True) if chosen and one.stars]
    return asks_for_length(
        np.array([len(one.prose.split()) for one in graded]),
        np.array([one.stars for one in graded]),
    )
