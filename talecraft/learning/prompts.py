"""What is practised on, and what the gate asks that was not practised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from talecraft.engine.codec import Codec
from talecraft.learning import episodes
from talecraft.process.evidence import Episode
from talecraft.process.run_events import PpoSettings
from talecraft.story.context import Block

HELD_SHARE = 0.25  # of the prompts that a run was given, for its gate
FEWEST_HELD = 8  # with fewer the shipped ones judge
_STREAM = 12


@dataclass(frozen=True, slots=True)
class Prompts:
    """`own` are the prompts that the run was given; where it was given none, `shipped` are
    practised on. `gate` are the shipped ones that nothing practises."""

    codec: Codec
    settings: PpoSettings
    own: Sequence[str]
    shipped: Sequence[str]
    gate: Sequence[str]
    seed: int

    def practised(self, passages: Sequence[Episode]) -> list[list[int]]:
        """Prompts as ids: the beginnings of what these passages went on from, and premises.

        As many beginnings as middles: what is learned must show on a new story's first page.
        """
        begun = dict.fromkeys(tuple(one.prompt_ids) for one in passages)
        limit = self.settings.prompt_tokens
        prefixes = [episodes.shorten(list(one), limit, self.codec) for one in begun]
        own, _ = self._divided()
        premises = self._premises(own or self.shipped)
        return prefixes + premises * max(1, round(len(prefixes) / len(premises)))

    def unpractised(self, passages: Sequence[Episode]) -> list[list[int]]:
        """The gate's prompts, but for one that the writer happens to have begun a story with."""
        begun = [one.prompt_ids for one in passages]
        _, held = self._divided()
        own = {self._cut(text) for text in self.own}
        texts = held if held else [one for one in self.gate if self._cut(one) not in own]
        return [
            premise
            for premise in self._premises(texts)
            if not any(prompt[: len(premise)] == premise for prompt in begun)
        ][: self.settings.gate_prompts]

    def for_examples(self) -> tuple[list[list[int]], Sequence[str]]:
        """What examples on the way are written after, as ids and as text."""
        return self._premises(self.gate), self.gate

    def _divided(self) -> tuple[list[str], list[str]]:
        """The run's own prompts: to practise, and held back."""
        # Cut before they are divided: two that begin alike are one.
        own = list(dict.fromkeys(map(self._cut, self.own)))
        order = np.random.default_rng([self.seed, _STREAM]).permutation(len(own))
        held = min(self.settings.gate_prompts, int(HELD_SHARE * len(own)))
        shuffled = [own[i] for i in order]
        if held < FEWEST_HELD:
            return shuffled, []
        return shuffled[held:], shuffled[:held]

    def _premises(self, texts: Sequence[str]) -> list[list[int]]:
        opened = self.codec.style.premise_open
        return [self.codec.premise(Block(f"{opened}{self._cut(text)}\n")) for text in texts]

    def _cut(self, text: str) -> str:
        """As much of a prompt as there is room for."""
        opened = self.codec.style.premise_open
        return self.codec.cut(
            text, self.settings.prompt_tokens - len(self.codec.encode(f"{opened}\n"))
        )
