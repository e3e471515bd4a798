"""What a part of the reward is, and what it may stand on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from talecraft.learning.encoders import Encoder
from talecraft.learning.rollouts import Rollout
from talecraft.story.idf import Idf
from talecraft.story.traits import words_of

# A part that hardly varies under the reference must not be blown up by its own z-score.
LEAST_SPREAD = 0.1


@dataclass(frozen=True, slots=True)
class Ground:
    """What parts are measured against: what the `reference` writes, what people do (`human`
    passages, the table `idf`), what the `encoder` makes of words, and what the writer's scores
    say of length: `wants_length` +1 or -1 where they surely ask for longer or shorter passages,
    and the `liked` prose of four stars and more. `classify` gives the log-odds (N,) that texts are
    good, where the run has a classifier; `manner` how near they are to an author's, where it has
    one."""

    reference: Sequence[Rollout]
    human: Sequence[str]
    idf: Idf
    encoder: Encoder
    wants_length: int = 0
    liked: Sequence[str] = field(default_factory=tuple)
    classify: Callable[[Sequence[str]], Tensor] | None = None
    manner: Callable[[Sequence[str]], Tensor] | None = None

    @property
    def usual_words(self) -> float:
        """Mean number of words of the reference's passages, at least 1."""
        counts = [len(words_of(one.prose)) for one in self.reference]
        return max(1.0, sum(counts) / max(1, len(counts)))


@dataclass(frozen=True, slots=True)
class Part:
    """`of` gives what rollouts (N) are worth by this part, (N,) in float64; the more the better.
    Its z-score divides by no less than `least_spread`. `of_plan` gives how much of that their plans
    have decided, where these decide any of it."""

    of: Callable[[Sequence[Rollout]], Tensor]
    least_spread: float = LEAST_SPREAD
    of_plan: Callable[[Sequence[Rollout]], Tensor] | None = None

    @classmethod
    def each(
        cls,
        of: Callable[[Rollout], float],
        least_spread: float = LEAST_SPREAD,
        of_plan: Callable[[Rollout], float] | None = None,
    ) -> Part:
        """A part that looks at one rollout at a time."""
        return cls(_every(of), least_spread, _every(of_plan) if of_plan is not None else None)


def _every(of: Callable[[Rollout], float]) -> Callable[[Sequence[Rollout]], Tensor]:
    def every(rollouts: Sequence[Rollout]) -> Tensor:
        return torch.tensor([of(one) for one in rollouts], dtype=torch.float64)

    return every


Build = Callable[[Ground], Part]
