"""A reward model on trial against the taste head, and in its place where it surely knows more.

It is trained without each of some parts of the stories and asked about them (contest.py). Where it
is kept, two of it are trained, as there are two heads: one on the stories that reward, one on those
that judge, which therefore has not seen what it judges. All this takes minutes, so each training is
kept in the run's folder as soon as it is done; the same would come of it again, to the last bit.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from talecraft.learning.checkpoint import pack, unpack
from talecraft.learning.contest import Contest, decide, parts
from talecraft.learning.features import Passage, whole
from talecraft.learning.labels import Scored
from talecraft.learning.reward_model import Judge, RewardModel
from talecraft.learning.taste import Trust
from talecraft.paths import private_write
from talecraft.process.run_client import REWARD_MODEL

Side = Literal["reward", "judge"]
_FACTS = "facts"
_PREDICTED = "predicted"
_WORDS: dict[Side, str] = {
    "reward": "Training the reward model that practice goes by",
    "judge": "Training another one on other stories, to judge what was learned",
}


class Trial:
    """`passages` (N) are those of what was `said` (N). `phase` begins a phase of so many calls and
    gives what is to be called (see Events.phase_of). `seconds` by the `clock` have been worked on
    it, before the run was resumed too."""

    def __init__(
        self,
        model: RewardModel,
        passages: Sequence[Passage],
        said: Scored,
        seed: int,
        folder: Path,
        phase: Callable[[str, int], Callable[[], None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._model, self._passages, self._said = model, passages, said
        self._seed, self._path, self._phase = seed, folder / REWARD_MODEL, phase
        self._kept, self.seconds = _load(self._path)

    def contest(self, head: Trust) -> Contest:
        """How it compares with the head, after as many trainings as there are parts."""
        held = parts(self._said, self._model.folds, self._seed)
        predicted = self._kept.get(_PREDICTED, torch.zeros(0, dtype=torch.float64))
        for number in range(len(predicted) // len(self._said), len(held)):
            rest = np.setdiff1d(np.arange(len(self._said)), held[number])
            words = "Trying a reward model on stories it was trained without"
            judge = self._fitted(f"{words} ({number + 1} of {len(held)})", rest, number)
            guess = torch.zeros(len(self._said), dtype=torch.float64)
            chosen = [self._passages[row] for row in held[number]]
            guess[torch.from_numpy(held[number])] = judge.taste(whole(judge, chosen))
            predicted = torch.cat([predicted, guess])
            self._keep({_PREDICTED: predicted})
        guesses = predicted.reshape(len(held), -1).sum(0).numpy()
        return decide(head.predicted, guesses, self._said, held, self._seed)

    def close(self) -> None:
        """It is not needed: the base becomes what it was."""
        self._model.close()

    def of(self, side: Side, rows: np.ndarray) -> Judge:
        """The one that learned from these rows alone."""
        if not (weights := unpack(side, self._kept)):
            number = self._model.folds + (side == "judge")
            judge = self._fitted(_WORDS[side], rows, number)
            self._keep(pack(side, dict(judge.weights)))
            return judge
        return Judge(self._model, weights)

    def _fitted(self, words: str, rows: np.ndarray, number: int) -> Judge:
        said, seed = self._said.rows(rows), self._seed + number
        passages = [self._passages[row] for row in rows]
        alive, self._model.alive = (
            self._model.alive,
            self._phase(words, self._model.calls(said, seed)),
        )
        began = self._clock()
        try:
            return Judge(self._model, self._model.fit(passages, said, seed))
        finally:
            self._model.alive = alive
            self.seconds += self._clock() - began

    def _keep(self, more: dict[str, Tensor]) -> None:
        """Put it beside what is kept. Raises LibraryError where the disk is full."""
        self._kept = self._kept | {name: one.contiguous() for name, one in more.items()}
        facts = json.dumps({"sum": _sum(self._kept), "seconds": self.seconds})
        private_write(self._path, to_bytes(self._kept, {_FACTS: facts}))


def _load(path: Path) -> tuple[dict[str, Tensor], float]:
    """What was kept, and the seconds it took; nothing where it is not what was written: then it is
    learned again."""
    try:
        with safe_open(str(path), "pt") as file:
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = json.loads(file.metadata()[_FACTS])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return {}, 0.0
    return (found, facts["seconds"]) if facts["sum"] == _sum(found) else ({}, 0.0)


def _sum(tensors: dict[str, Tensor]) -> str:
    """A checksum: safetensors has none."""
    made = hashlib.sha256()
    for name in sorted(tensors):
        made.update(f"{name} {tuple(tensors[name].shape)} ".encode())
        made.update(tensors[name].numpy().tobytes())
    return made.hexdigest()
