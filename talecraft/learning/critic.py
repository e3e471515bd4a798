"""A critic that begins informed and is told what the passage is worth so far.

One number at the end of a hundred tokens says nothing about which of them earned it, and a value
head at zero learns little in the tens of updates of a run. Two things mend that:

- the taste head can be asked about the beginning of a passage as well as about the whole. What it
  says after each token goes to the critic as *clues*, so that V rises and falls with the words
  that please, and the advantage of a token is what it changed. Values shape no optimum: this is
  reward shaping by a potential (Ng et al. 1999), given as a value (Wiewiora 2003);
- ridge regression on the reference's own samples fits the head before the first update.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from talecraft.engine.codec import Codec
from talecraft.learning import features
from talecraft.learning.features import Passage
from talecraft.learning.policy import CLUES, Policy, Sequences, collate
from talecraft.learning.rewards.total import Reward, Valued
from talecraft.learning.rollouts import Rollout

RIDGE = 100.0  # tokens' worth of shrinkage towards no opinion
MOST_PROGRESS = 1.5  # times the usual length
LATE = 0.7  # of the room for prose: from here on it runs out


def passages(sampled: Sequence[Rollout]) -> list[Passage]:
    return [
        Passage(one.prompt_ids, one.response_ids, one.prose_start, one.prose_end, one.prose.strip())
        for one in sampled
    ]


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What the frozen root makes of a batch (B) of rollouts.

    `logprobs` (B, T) are the root's own; `batch` is the one given, with its clues.
    """

    batch: Sequences
    logprobs: Tensor
    valued: Valued


class Appraiser:
    """Reads rollouts once with the adapter off: reward, the root's log-probs, the critic's clues.

    In tokens, `usual` is the usual length of a passage's prose and `room` the most there may be.
    """

    def __init__(
        self,
        policy: Policy,
        codec: Codec,
        reward: Reward,
        usual: float,
        room: int,
        temperature: float,
    ) -> None:
        self._policy = policy
        self._codec = codec
        self._reward = reward
        self._usual = max(1.0, usual)
        self._room = room
        self._temperature = temperature

    @torch.no_grad()
    def __call__(self, sampled: Sequence[Rollout], pad: int) -> Appraisal:
        batch = batch_of(self._policy, sampled, pad)
        read = passages(sampled)
        logprobs = torch.zeros_like(batch.mask)
        clues = torch.zeros_like(batch.clues)
        whole: list[Tensor | None] = [None] * len(read)
        with self._policy.reference():
            for chosen, states in features.read(self._policy.model, read, pad):
                rows = torch.tensor(chosen, device=batch.ids.device)
                part = batch[rows]
                width = part.mask.shape[1]
                judged = self._policy.judge_states(states[-1], part, self._temperature)
                logprobs[rows, :width] = judged.logprobs
                for row, i in enumerate(chosen):
                    along = self._along(states, row, read[i])
                    whole[i] = along[-1:]
                    self._tell(clues[i], self._reward.taste(along[:-1]), read[i].start)
        found = torch.cat([one for one in whole if one is not None])
        return Appraisal(replace(batch, clues=clues), logprobs, self._reward(sampled, found))

    def _along(self, states: features.States, row: int, passage: Passage) -> Tensor:
        """Features (P, F) after each token of the prose; of the empty prose where there is none."""
        ids = list(passage.response[passage.start : passage.end])
        texts = [self._codec.decode(ids[: i + 1]) for i in range(len(ids) - 1)]
        return features.pool(states, row, passage, [*texts, passage.prose])

    def _tell(self, clues: Tensor, tastes: Tensor, start: int) -> None:
        """Fill in one sequence's clues (T, C): at each token, of the prose before it.

        Whether there is any, how far the passage has come, how much the room for it runs out, and
        the taste for it, which counts the more the further it has come.
        """
        worth = tastes.to(clues)
        count = torch.arange(1, len(worth) + 1).to(clues)
        come = (count / self._usual).clamp(max=MOST_PROGRESS)
        late = ((count / self._room - LATE) / (1 - LATE)).clamp(min=0)
        told = torch.stack(
            [torch.ones_like(come), come, late, worth, come * worth, come**2 * worth], 1
        )
        assert told.shape[1] == CLUES
        clues[start + 1 : start + 1 + len(told)] = told


@torch.no_grad()
def fit_value(policy: Policy, pieces: Iterable[tuple[Sequences, Tensor]]) -> None:
    """Set the value head to the ridge regression of each sequence's reward on the hidden states
    before each of its chosen tokens, and the clues. `pieces` are batches with their rewards
    (B,)."""
    head = policy.value_head
    width = head.in_features + 1
    gram = RIDGE * torch.eye(width, dtype=torch.float64)
    moment = torch.zeros(width, dtype=torch.float64)
    for batch, totals in pieces:
        states = policy.hidden(batch.ids)
        rows = torch.arange(len(batch.ids), device=states.device)[:, None]
        chosen = batch.mask.bool()
        picked = torch.cat([states[rows, batch.positions].float(), batch.clues], 2)[chosen]
        known = picked.double().cpu()
        known = torch.cat([known, torch.ones(len(known), 1, dtype=torch.float64)], 1)
        worth = totals.double()[:, None].expand(chosen.shape)[chosen.cpu()]
        gram += known.T @ known
        moment += known.T @ worth
    solution = torch.linalg.solve(gram, moment).float()
    head.weight.copy_(solution[None, :-1])
    head.bias.copy_(solution[-1:])


def batch_of(policy: Policy, sampled: Sequence[Rollout], pad: int) -> Sequences:
    """Rollouts as one padded batch on the policy's device."""
    return collate(
        [one.prompt_ids for one in sampled],
        [one.response_ids for one in sampled],
        [one.forced for one in sampled],
        pad,
        str(policy.model.device),
    )


def usual_length(sampled: Sequence[Rollout]) -> float:
    """Mean length of the prose in tokens."""
    return float(np.mean([one.prose_end - one.prose_start for one in sampled]))
