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
from talecraft.learning.vocabulary import Vocabulary
from talecraft.learning.words import telling
from talecraft.process.evidence import Episode, Evidence
from talecraft.process.run_events import FEWEST_OPINIONS, PpoSettings, TasteLearned

# Every other story's opinions judge: of a third of a hundred scores the judge was fitted to, one
# split in six had it refuse what was better.
GATE_EVERY = 2


@dataclass(frozen=True, slots=True)
class Lessons:
    """The taste head on trial: what was said, and how well unseen parts of it are foretold."""

    passages: Sequence[Episode]
    scored: Scored
    trust: Trust
    words: tuple[int, ...] = ()  # of the vocabulary, which the writer surely likes or dislikes

    @property
    def passed(self) -> bool:
        """May the model be trained by it?

        It must tell better from worse, and surely not by chance. A word that proved itself is as
        sure (words.py): where few passages have what is loved, most pairs differ by a slip of the
        hand, and which stories are drawn decides the interval.
        """
        return (self.trust.passed or (self.trust.tells and bool(self.words))) and self.enough

    @property
    def enough(self) -> bool:
        """Is there enough to learn anything from?"""
        return self.scored.opinions >= FEWEST_OPINIONS and not self.scored.one_sided

    def event(self, of: str = "passages") -> TasteLearned:
        """`of` what they are a taste."""
        trust = self.trust
        liked = (
            " and ".join(taste.likes(self.scored, trust.predicted, self.words))
            or "something without a name"
        )
        where = "" if of == "passages" else f" in {of}"
        if not trust.tells:
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
        elif not trust.tells:
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
    wants_length: int


def prose(
    base: Any, codec: Codec, pad: int, found: Evidence, ppo: PpoSettings, seed: int
) -> Lessons:
    """Learn the taste in prose. `base` is the model with its adapters off."""
    passages = episodes.prose(found.passages, ppo.prompt_tokens, codec)
    return _lessons(base, pad, found, passages, episodes.scored, seed)


def outlines(
    base: Any, codec: Codec, pad: int, found: Evidence, ppo: PpoSettings, seed: int
) -> Lessons | None:
    """Learn the taste in outlines, from what was said of them apart; None where nothing was."""
    said = any(one.outline for one in found.preferences)
    if not said and not any(one.outline_stars for one in found.passages):
        return None
    passages = episodes.outlines(found.passages, ppo.prompt_tokens, codec)
    return _lessons(base, pad, found, passages, episodes.scored_outlines, seed)


def _lessons(
    base: Any,
    pad: int,
    found: Evidence,
    passages: Sequence[features.Passage],
    labelled: Callable[[Evidence, Tensor, Vocabulary], Scored],
    seed: int,
) -> Lessons:
    """The taste in these `passages`. The words looked for are the prose's, in outlines too."""
    words = Vocabulary.of([one.prose for one in found.passages])
    scored = labelled(found, features.extract(base, passages, pad, words), words)
    trust = taste.cross_validate(scored, seed)
    return Lessons(found.passages, scored, trust, telling(scored))


def split(lessons: Lessons, ppo: PpoSettings, seed: int) -> Learned:
    """Some stories for the gate, the rest for the reward: the judge has not seen what it judges.

    Which words to listen for all stories say together, or six reward stories could not prove
    one; how much they are liked, each side learns from its own. A word that was chosen by chance
    would mislead both: of feedback without any liking for words, in one log of fifty (measured).
    Whether longer or shorter passages are asked for all say together, too: what the reward sets
    free the gate must not refuse.
    """
    scored, ridge, words = lessons.scored, lessons.trust.ridge, lessons.words
    held = _held(scored, seed)
    rest = scored.rows(np.flatnonzero(~held))
    ensemble = Ensemble(rest, ridge, ppo.ensemble, ppo.pessimism, seed, words)
    judge = taste.fit(scored.rows(np.flatnonzero(held)), ridge, words)
    return Learned(ensemble, judge, held, wanted_length(lessons.passages))


def _held(scored: Scored, seed: int) -> np.ndarray:
    """Marks (N,) the gate's passages: whole stories, one at random of every two alike.

    Alike are stories with a decided choice and those without, and those of like mean grade: what
    the writer loves may stand in few of them, and must be known to both sides.
    """
    groups, stars = scored.folds_by, scored.stars.numpy()
    random = np.random.default_rng([seed, 4])
    names = random.permutation(np.unique(groups))
    decided = np.isin(names, groups[scored.pairs.strict.better])
    grades = [stars[(groups == name) & (stars > 0)] for name in names]
    means = np.array([one.mean() if len(one) else 0.0 for one in grades])
    names = names[np.lexsort((means, ~decided))]
    # Of the last few, too few to share, none may be held: one alone would be so at every run.
    starts = np.arange(0, len(names), GATE_EVERY)
    places = starts + random.integers(0, GATE_EVERY, len(starts))
    places = places[places < len(names)]
    return np.isin(groups, names[places] if len(places) else names[:1])


def wanted_length(passages: Sequence[Episode]) -> int:
    """Whether the grades of these passages ask for longer or shorter ones."""
    graded = [one for one in passages if one.stars]
    return asks_for_length(
        np.array([len(one.prose.split()) for one in graded]),
        np.array([one.stars for one in graded]),
    )
