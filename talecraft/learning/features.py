"""What the taste head sees of a passage: frozen states of the base model and countable things.

All features come from the base with every adapter off, so that a passage looks the same to every
head of every run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

DEPTHS = 4  # hidden layers sampled, evenly, the last one included
HAND = (
    "longer sentences", "more even sentences", "dialogue", "varied wording", "longer words",
    "commas", "exclamation", "questions", "longer passages", "names", "long words", "paragraphs",
)  # fmt: skip
_SENTENCES = re.compile(r"[^.!?…]+[.!?…]*")
_WORDS = re.compile(r"[A-Za-z']+")
_QUOTED = re.compile(r"[\"“][^\"“”]*(?:[\"”]|$)")


def hand_features(prose: str) -> list[float]:
    """The countable things of HAND, as rates so that length does not speak through all of them."""
    words = _WORDS.findall(prose)
    count = max(1, len(words))
    characters = max(1, len(prose))
    lengths = [n for s in _SENTENCES.findall(prose) if (n := len(_WORDS.findall(s)))] or [0]
    starts = [w for w in words[1:] if w[0].isupper() and w != "I"]
    return [
        float(np.mean(lengths)),
        -float(np.std(lengths)),
        sum(len(q) for q in _QUOTED.findall(prose)) / characters,
        distinct2(words),
        sum(map(len, words)) / count,
        prose.count(",") / count,
        prose.count("!") / count,
        prose.count("?") / count,
        float(np.log1p(len(words))),
        len(starts) / count,
        sum(len(w) > 6 for w in words) / count,
        prose.strip().count("\n") / count,
    ]


def distinct2(words: Sequence[str]) -> float:
    """Share of different word pairs among all: 1 without repetition (Li et al., 1510.03055)."""
    pairs = [(a.lower(), b.lower()) for a, b in pairwise(words)]
    return len(set(pairs)) / len(pairs) if pairs else 1.0


def words_of(prose: str) -> list[str]:
    return _WORDS.findall(prose)


@torch.no_grad()
def extract(
    base: Any,
    sequences: Sequence[tuple[Sequence[int], Sequence[int], int, int]],
    proses: Sequence[str],
    pad: int,
    batch: int = 16,
) -> Tensor:
    """Features (N, F) in float64 for (prompt, response, prose_start, prose_end) and their text.

    Mean over the prose's tokens of the hidden states at `DEPTHS` depths and of the embedding, then
    the hand features. The model must be given with its adapters off.
    """
    layers = base.config.get_text_config().num_hidden_layers
    depths = sorted({round(layers * (i + 1) / DEPTHS) for i in range(DEPTHS)} | {0})
    rows: list[Tensor | None] = [None] * len(sequences)
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i][0]) + len(sequences[i][1]))
    for at in range(0, len(order), batch):
        chosen = order[at : at + batch]
        length = max(len(sequences[i][0]) + len(sequences[i][1]) for i in chosen)
        ids = torch.full((len(chosen), length), pad)
        weight = torch.zeros((len(chosen), length))
        for row, i in enumerate(chosen):
            prompt, response, start, end = sequences[i]
            ids[row, : len(prompt) + len(response)] = torch.tensor([*prompt, *response])
            weight[row, len(prompt) + start : len(prompt) + end] = 1
        weight = weight / weight.sum(1, keepdim=True).clamp(min=1)
        states = base(
            input_ids=ids.to(base.device),
            output_hidden_states=True,
            use_cache=False,
            logits_to_keep=1,
        ).hidden_states
        for row, i in enumerate(chosen):
            means = [(states[d][row].float().cpu() * weight[row, :, None]).sum(0) for d in depths]
            rows[i] = torch.cat([*means, torch.tensor(hand_features(proses[i]))])
    return torch.stack([row for row in rows if row is not None]).double()
