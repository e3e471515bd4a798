"""What the taste head sees of a passage: frozen states of the root and countable things.

All features come from the root (see policy.py), which no run of PPO changes, so that a passage
looks the same to every head of every run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from talecraft.learning.rollouts import Rollout
from talecraft.learning.vocabulary import NO_WORDS, Vocabulary
from talecraft.story.traits import traits

DEPTHS = 4  # hidden layers sampled, evenly, the last one included


@dataclass(frozen=True, slots=True)
class Passage:
    """A turn to be read: its ids, where its prose stands in the response, and the prose."""

    prompt: Sequence[int]
    response: Sequence[int]
    start: int
    end: int
    prose: str


def passages(sampled: Sequence[Rollout]) -> list[Passage]:
    """Rollouts as passages to be read."""
    return [
        Passage(one.prompt_ids, one.response_ids, one.prose_start, one.prose_end, one.prose.strip())
        for one in sampled
    ]


class Tasting(Protocol):
    """A taste that reads passages itself instead of going by this module's features (N, F)."""

    def along(self, passages: Sequence[Passage]) -> list[Tensor]:
        """Numbers (P, F) for each passage: after each token of its prose, one row where it has
        none. The last row is the whole passage's."""

    def taste(self, found: Tensor) -> Tensor:
        """u (N,) for such rows (N, F)."""


def whole(tasting: Tasting, passages: Sequence[Passage]) -> Tensor:
    """The numbers (N, F) of whole passages."""
    return torch.cat([one[-1:] for one in tasting.along(passages)])


States = tuple[Tensor, ...]  # (B, L, D) at each depth, the last one last


@torch.no_grad()
def read(
    base: Any, passages: Sequence[Passage], pad: int, batch: int = 16
) -> Iterator[tuple[list[int], States]]:
    """What the model makes of the passages, some at a time: their indices, and the states.

    The model must be given as the root.
    """
    layers = base.config.get_text_config().num_hidden_layers
    depths = sorted({round(layers * (i + 1) / DEPTHS) for i in range(DEPTHS)} | {0})
    lengths = [len(one.prompt) + len(one.response) for one in passages]
    order = sorted(range(len(passages)), key=lengths.__getitem__)
    for at in range(0, len(order), batch):
        chosen = order[at : at + batch]
        ids = torch.full((len(chosen), lengths[chosen[-1]]), pad)
        for row, i in enumerate(chosen):
            ids[row, : lengths[i]] = torch.tensor([*passages[i].prompt, *passages[i].response])
        states = base(
            input_ids=ids.to(base.device),
            output_hidden_states=True,
            use_cache=False,
            logits_to_keep=1,
        ).hidden_states
        yield chosen, tuple(states[depth] for depth in depths)


def pool(
    states: States,
    row: int,
    passage: Passage,
    texts: Sequence[str],
    vocabulary: Vocabulary = NO_WORDS,
) -> Tensor:
    """Features (N, F) in float64 of beginnings of a passage's prose, `texts` being their words.

    With one text: of the whole prose. With one a token: of the prose up to and with each token.
    Mean over the tokens of the states at every depth, then counts of the vocabulary, then traits.
    """
    first = len(passage.prompt) + passage.start
    count = passage.end - passage.start
    tokens = torch.cat([one[row, first : first + count].float().cpu() for one in states], 1)
    if len(texts) == 1:
        means = tokens.double().sum(0, keepdim=True) / max(1, count)
    else:
        means = tokens.double().cumsum(0) / torch.arange(1, count + 1)[:, None]
    read = [text.strip() for text in texts]
    hand = torch.tensor([[*vocabulary(t), *traits(t)] for t in read], dtype=torch.float64)
    return torch.cat([means, hand], 1)


def extract(
    base: Any, passages: Sequence[Passage], pad: int, vocabulary: Vocabulary = NO_WORDS
) -> Tensor:
    """Features (N, F) of whole passages. The model must be given as the root."""
    rows: list[Tensor | None] = [None] * len(passages)
    for chosen, states in read(base, passages, pad):
        for row, i in enumerate(chosen):
            rows[i] = pool(states, row, passages[i], [passages[i].prose], vocabulary)
    return torch.cat([row for row in rows if row is not None])
