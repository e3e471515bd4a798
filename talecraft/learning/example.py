"""A passage on demand: the same prompt and seed, by what writes now and by what is being learned.

It draws from its own seeds and puts the policy back as it was: the run ends where it would have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from talecraft.engine.codec import Codec
from talecraft.learning import rollouts
from talecraft.learning.policy import ADAPTER, Policy
from talecraft.process.run_events import Example, Sample
from talecraft.story.clean import clean
from talecraft.story.turns import Sampling

SEED_STREAM = 6  # beside those of the run and its gate


@dataclass(frozen=True, slots=True)
class Examples:
    """Writes examples, all from one prompt of those offered, so that they can be compared.

    `texts` are the prompts as a reader knows them; `opponent` is the adapter that writes now
    (None: the root).
    """

    policy: Policy
    codec: Codec
    prompts: Sequence[Sequence[int]]
    texts: Sequence[str]
    sampling: Sampling
    opponent: str | None
    pad: int
    seed: int
    alive: Callable[[], None]

    def write(self, step: int) -> Example:
        """What is written before training, and after `step` updates."""
        at = self.seed % len(self.prompts)
        before, after = (self._passage(at, adapter) for adapter in (self.opponent, ADAPTER))
        return Example(step, Sample(clean(self.texts[at]), before, after))

    def _passage(self, at: int, adapter: str | None) -> str:
        with self.policy.merged(adapter) as model:
            (one,) = rollouts.sample(
                model,
                self.codec,
                [self.prompts[at]],
                self.sampling,
                [(self.seed, SEED_STREAM)],
                self.pad,
                alive=self.alive,
            )
        return clean(one.prose).strip()
