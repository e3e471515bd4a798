"""Which passages a reward model reads together, and which of them are compared.

A pair costs two readings; a passage that is read once can be compared with all that are read beside
it (Ouyang et al., arXiv 2203.02155, 3.4). So passages come in small companies, each laid out
beforehand with its pairs: what was preferred after the same prompt, and of passages of different
prompts any two whose grades differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from talecraft.learning import taste
from talecraft.learning.labels import Scored
from talecraft.process.run_events import RewardModelSettings


@dataclass(frozen=True, slots=True)
class Company:
    """Passages `rows` (U,) that are read together, and pairs (P,) of them by their places there:
    `better` is to be worth `margins` more than `worse`. There is at least one pair."""

    rows: np.ndarray
    better: np.ndarray
    worse: np.ndarray
    margins: np.ndarray


def lay_out(said: Scored, size: int, settings: RewardModelSettings, seed: int) -> list[Company]:
    """Companies of up to `size` passages, epoch by epoch. In each epoch every passage of which
    something was said comes once, with what it was compared with after the same prompt, as far as
    there is room, and else with whatever chance brings."""
    random = np.random.default_rng([seed, 60])
    found = []
    for _ in range(settings.epochs):
        for rows in _companies(_units(said, random), size, random):
            company = _compare(said, rows, settings)
            if len(company.better):
                found.append(company)
    return found


def _units(said: Scored, random: np.random.Generator) -> list[np.ndarray]:
    """What belongs together: passages of one prompt that were compared; every other by itself, if
    it has a grade."""
    pairs = taste.comparable(said)
    compared = np.unique(np.concatenate([pairs.better, pairs.worse]))
    groups = said.prompts[compared]
    units = [random.permutation(compared[groups == name]) for name in np.unique(groups)]
    graded = np.setdiff1d(np.flatnonzero(said.stars.numpy() > 0), compared)
    return [*units, *graded[:, None]]


def _companies(
    units: Sequence[np.ndarray], size: int, random: np.random.Generator
) -> list[np.ndarray]:
    """The units in chance order, each in the first company that has room for it."""
    pieces = [unit[at : at + size] for unit in units for at in range(0, len(unit), size)]
    full: list[list[np.ndarray]] = []
    room: list[int] = []
    for at in random.permutation(len(pieces)).tolist():
        piece = pieces[at]
        place = next((i for i, left in enumerate(room) if left >= len(piece)), len(room))
        if place == len(room):
            full.append([])
            room.append(size)
        full[place].append(piece)
        room[place] -= len(piece)
    return [np.concatenate(one) for one in full]


def _compare(said: Scored, rows: np.ndarray, settings: RewardModelSettings) -> Company:
    """The pairs within `rows`."""
    here = said.rows(rows)
    stars = here.stars.numpy()
    pairs = taste.comparable(here)
    gap = stars[:, None] - stars[None, :]
    graded = stars > 0
    apart = here.prompts[:, None] != here.prompts[None, :]
    better, worse = np.nonzero((gap >= 1) & apart & graded[:, None] & graded[None, :])
    # Of a choice, an edit or a discard nobody said by how much.
    told = np.arange(len(pairs)) < len(here.pairs.strict)
    same = np.where(told, 0.0, np.maximum(stars[pairs.better] - stars[pairs.worse], 0))
    times = settings.same_prompt
    return Company(
        rows,
        np.concatenate([np.repeat(pairs.better, times), better]),
        np.concatenate([np.repeat(pairs.worse, times), worse]),
        settings.margin * np.concatenate([np.repeat(same, times), gap[better, worse]]),
    )
