"""From a run's folder to what is learned from and what is practised on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from talecraft.engine.codec import Codec
from talecraft.learning.taste import Scored
from talecraft.process import run_client, run_events
from talecraft.process.run_events import Episode


def read(folder: Path) -> list[Episode]:
    """The run's scored passages, in the order of the log."""
    lines = (folder / run_client.EPISODES).read_bytes().splitlines()
    return [run_events.decode_episode(line) for line in lines]


def scored(episodes: Sequence[Episode], features: torch.Tensor) -> Scored:
    """Episodes with their features (N, F) as data for the taste head."""
    prompts = {tuple(one.prompt_ids): i for i, one in enumerate(episodes)}
    return Scored(
        features,
        torch.tensor([float(one.stars) for one in episodes], dtype=torch.float64),
        torch.tensor([one.weight for one in episodes], dtype=torch.float64),
        np.array([one.group for one in episodes]),
        np.array([prompts[tuple(one.prompt_ids)] for one in episodes]),
    )


def shorten(prompt: Sequence[int], limit: int, codec: Codec) -> list[int]:
    """A prompt of at most `limit` ids: its premise and its newest text.

    The premise ends where the first block opens; at most half the room is given to it.
    """
    if len(prompt) <= limit:
        return list(prompt)
    openings = [codec.encode(tag)[:1] for tag in (codec.style.think_open, codec.style.story_open)]
    first = next((i for i, token in enumerate(prompt) if [token] in openings), 0)
    head = list(prompt[: min(first, limit // 2)])
    tail = list(prompt[len(prompt) - (limit - len(head)) :])
    # Begin at the opening of a block, where there is one, rather than in mid-sentence.
    begin = next((i for i, token in enumerate(tail) if [token] in openings), 0)
    return head + tail[begin:]
