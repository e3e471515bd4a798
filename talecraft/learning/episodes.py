"""From a run's folder to what is learned from and what is practised on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch

from talecraft.engine.codec import Codec
from talecraft.learning.features import Passage
from talecraft.learning.labels import Pairs, Scored
from talecraft.learning.vocabulary import Vocabulary
from talecraft.process import evidence, run_client
from talecraft.process.evidence import FROM_ELSEWHERE, Episode, Evidence, Preference
from talecraft.story.context import Block

_MOST_EDITED = 2  # times the room for prose: what is longer is read to there


def read(folder: Path, codec: Codec, prose_tokens: int) -> Evidence:
    """What the run learns from, in the order of the log; edited passages with ids of their own,
    at most twice the `prose_tokens` that a turn has room for."""
    found = evidence.read((folder / run_client.EPISODES).read_bytes().splitlines())
    longest = _MOST_EDITED * prose_tokens
    passages = [_with_ids(one, codec, longest) if one.edited else one for one in found.passages]
    return msgspec.structs.replace(found, passages=passages)


def _with_ids(edited: Episode, codec: Codec, longest: int) -> Episode:
    """An edited passage's text as the model would read it, after what was told before it."""
    if edited.turn_id == FROM_ELSEWHERE:
        style, told = codec.style, edited.told
        begun = told if told.startswith(style.premise_open) else f"{style.premise_open}{told}\n"
        outline = codec.cut(edited.outline, longest)
        plan = f"{style.think_open}{outline}" if outline else ""
        opening = style.opening_of_prose(plan) if plan else style.story_open
        ids = codec.encode(f"{plan}{opening}")
        edited = msgspec.structs.replace(
            edited, prompt_ids=codec.premise(Block(begun)), response_ids=ids, prose_start=len(ids)
        )
    ids = [*edited.response_ids, *codec.encode(f"{edited.prose}\n")[:longest]]
    return msgspec.structs.replace(edited, response_ids=ids, prose_end=len(ids))


def prose(episodes: Sequence[Episode], limit: int, codec: Codec) -> list[Passage]:
    """Their prose, to be read after prompts of at most `limit` ids."""
    return [
        Passage(
            shorten(one.prompt_ids, limit, codec),
            one.response_ids,
            one.prose_start,
            one.prose_end,
            one.prose,
        )
        for one in episodes
    ]


def outlines(episodes: Sequence[Episode], limit: int, codec: Codec) -> list[Passage]:
    """Their outlines, with the tags around them."""
    return [
        Passage(
            shorten(one.prompt_ids, limit, codec),
            one.response_ids[: one.prose_start],
            0,
            one.prose_start,
            one.outline,
        )
        for one in episodes
    ]


def scored(found: Evidence, features: torch.Tensor, vocabulary: Vocabulary) -> Scored:
    """What was said of the prose, with the passages' features (N, F)."""
    grades = [(one.stars, one.weight) for one in found.passages]
    return _scored(found, features, vocabulary, grades, outline=False)


def scored_outlines(found: Evidence, features: torch.Tensor, vocabulary: Vocabulary) -> Scored:
    """What was said of the outlines, with their features (N, F)."""
    grades = [(one.outline_stars, one.outline_weight) for one in found.passages]
    return _scored(found, features, vocabulary, grades, outline=True)


def _scored(
    found: Evidence,
    features: torch.Tensor,
    vocabulary: Vocabulary,
    grades: Sequence[tuple[int, float]],
    outline: bool,
) -> Scored:
    first: dict[tuple[int, ...], int] = {}
    prompts = [
        first.setdefault(tuple(one.prompt_ids), row) for row, one in enumerate(found.passages)
    ]
    return Scored(
        features,
        torch.tensor([float(stars) for stars, _ in grades], dtype=torch.float64),
        torch.tensor([weight for _, weight in grades], dtype=torch.float64),
        np.array([one.group for one in found.passages]),
        np.array(prompts),
        _pairs([one for one in found.preferences if one.outline == outline]),
        vocabulary,
    )


def _pairs(preferences: Sequence[Preference]) -> Pairs:
    return Pairs(
        np.array([one.better for one in preferences], dtype=np.int64),
        np.array([one.worse for one in preferences], dtype=np.int64),
        np.array([one.weight for one in preferences], dtype=np.float64),
        np.array([one.tie for one in preferences], dtype=bool),
    )


def shorten(prompt: Sequence[int], limit: int, codec: Codec) -> list[int]:
    """A prompt of at most `limit` ids: its premise and its newest text; the example that shows a
    base model the form stays before them.

    The premise ends where the first block opens; at most half the room is given to it.
    """
    example = codec.example
    if example and list(prompt[: len(example)]) == example:
        return example + _shortened(prompt[len(example) :], limit, codec)
    return _shortened(prompt, limit, codec)


def _shortened(prompt: Sequence[int], limit: int, codec: Codec) -> list[int]:
    if len(prompt) <= limit:
        return list(prompt)
    openings = [codec.encode(tag)[:1] for tag in (codec.style.think_open, codec.style.story_open)]
    first = next((i for i, token in enumerate(prompt) if [token] in openings), 0)
    head = list(prompt[: min(first, limit // 2)])
    tail = list(prompt[len(prompt) - (limit - len(head)) :])
    # Begin at the opening of a block, where there is one, rather than in mid-sentence.
    begin = next((i for i, token in enumerate(tail) if [token] in openings), 0)
    return head + tail[begin:]
