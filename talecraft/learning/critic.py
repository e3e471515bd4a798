"""A critic that begins informed and is told what the passage is worth so far.

One number at the end of a hundred tokens says nothing about which of them earned it, and a value
head at zero learns little in the tens of updates of a run. Two things mend that:

- the taste head can be asked about the beginning of a passage as well as about the whole. What it
  says after each token goes to the critic as *clues*, so that V rises and falls with the words
  that please, and the advantage of a token is what it changed: reward shaping by a potential (Ng
  et al. 1999), given as a value (Wiewiora 2003). With a lambda below 1 the head's opinion of
  beginnings does weigh on the gradient; what that costs and gains is measured in ARCHITECTURE;
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
from talecraft.learning.company import ALONE, Company
from talecraft.learning.features import Passage, Tasting
from talecraft.learning.policy import Policy
from talecraft.learning.rewards.total import Reward, Valued
from talecraft.learning.rollouts import Rollout
from talecraft.learning.sequences import CLUES, Sequences
from talecraft.learning.vocabulary import NO_WORDS, Vocabulary
from talecraft.process.run_events import PpoSettings

RIDGE = 100.0  # tokens' worth of shrinkage towards no opinion
MOST_PROGRESS = 1.5  # times the usual length
LATE = 0.7  # of the room for prose: from here on it runs out


# Of one sequence of T tokens: log-probs (T,), clues (T, C), its worth, its outline's, by parts, and
# how much of its worth is early.
Appraised = tuple[Tensor, Tensor, Tensor, Tensor, dict[str, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What the frozen root makes of a batch (B) of rollouts.

    `logprobs` (B, T) are the root's own; `batch` is the one given, with its clues.
    """

    batch: Sequences
    logprobs: Tensor
    valued: Valued

    def rows(self) -> list[Appraised]:
        """What was found of each sequence by itself."""
        known = self.valued
        return [
            (
                self.logprobs[row, :length],
                self.batch.clues[row, :length],
                known.total[row],
                known.outline[row],
                {name: values[row] for name, values in known.parts.items()},
                known.early[row],
            )
            for row, length in enumerate((self.batch.targets >= 0).sum(1).tolist())
        ]

    @classmethod
    def of(cls, batch: Sequences, rows: Sequence[Appraised]) -> Appraisal:
        """The appraisal of a whole batch, from that of each of its sequences."""
        logprobs, clues = torch.zeros_like(batch.mask), torch.zeros_like(batch.clues)
        for row, (one, told, *_) in enumerate(rows):
            logprobs[row, : len(one)] = one.to(logprobs)
            clues[row, : len(told)] = told.to(clues)
        _, _, totals, outlines, parts, early = zip(*rows, strict=True)
        shares = {name: torch.stack([one[name] for one in parts]) for name in parts[0]}
        valued = Valued(torch.stack(totals), torch.stack(outlines), shares, torch.stack(early))
        return cls(replace(batch, clues=clues), logprobs, valued)


class Appraiser:
    """Reads rollouts once with the adapter off: reward, the root's log-probs, the critic's clues.

    `usual` is the usual length of a passage's prose in tokens, `vocabulary` what the heads count.
    Where the reward's taste is a `tasting` that reads by itself, it is asked instead of features.
    """

    def __init__(
        self,
        policy: Policy,
        codec: Codec,
        reward: Reward,
        usual: float,
        settings: PpoSettings,
        vocabulary: Vocabulary = NO_WORDS,
        tasting: Tasting | None = None,
    ) -> None:
        self._policy = policy
        self._codec = codec
        self._reward = reward
        self._usual = max(1.0, usual)
        self._settings = settings
        self._vocabulary = vocabulary
        self._tasting = tasting

    @torch.no_grad()
    def __call__(self, sampled: Sequence[Rollout], pad: int) -> Appraisal:
        batch = self._policy.batch(sampled, pad)
        read = features.passages(sampled)
        tasted = self._tasting.along(read) if self._tasting is not None else None
        logprobs = torch.zeros_like(batch.mask)
        clues = torch.zeros_like(batch.clues)
        whole: list[Tensor | None] = [None] * len(read)
        plans: list[Tensor | None] = [None] * len(read)
        with self._policy.reference():
            size = self._settings.micro_batch
            for chosen, states in features.read(self._policy.model, read, pad, size):
                rows = torch.tensor(chosen, device=batch.ids.device)
                part = batch[rows]
                width = part.mask.shape[1]
                judged = self._policy.judge_states(states[-1], part, self._settings.temperature)
                logprobs[rows, :width] = judged.logprobs
                for row, i in enumerate(chosen):
                    along = None
                    if self._reward.has_taste:
                        along = self._along(states, row, read[i]) if tasted is None else tasted[i]
                        whole[i] = along[-1:].clone()  # not a view: it would keep all of `along`
                    self._tell(clues[i, : len(read[i].response)], along, read[i])
                    if self._reward.judges_outlines:
                        plan = outline_of(sampled[i])
                        plans[i] = features.pool(states, row, plan, [plan.prose], self._vocabulary)
        found, outlines = ([one for one in rows if one is not None] for rows in (whole, plans))
        valued = self._reward(
            sampled,
            torch.cat(found) if found else None,
            torch.cat(outlines) if outlines else None,
        )
        return Appraisal(replace(batch, clues=clues), logprobs, valued)

    def _along(self, states: features.States, row: int, passage: Passage) -> Tensor:
        """Features (P, F) after each token of the prose; of the empty prose where there is none."""
        ids = list(passage.response[passage.start : passage.end])
        texts = [self._codec.decode(ids[: i + 1]) for i in range(len(ids) - 1)]
        return features.pool(states, row, passage, [*texts, passage.prose], self._vocabulary)

    def _tell(self, clues: Tensor, along: Tensor | None, passage: Passage) -> None:
        """Fill in one sequence's clues (T, C): at each token, of the prose before it.

        Whether there is any, how far the passage has come, how much the room for it runs out, and
        the taste for it, which counts the more the further it has come. The tokens that end the
        turn are told of the whole.
        """
        after = clues[passage.start + 1 :]
        if passage.end <= passage.start or not len(after):
            return
        upto = torch.arange(len(after)).clamp(max=passage.end - passage.start - 1)
        worth = torch.zeros(len(upto)).to(clues)
        if along is not None:
            worth = self._reward.taste(along)[upto].to(clues)
        count = (upto + 1).to(clues)
        come = (count / self._usual).clamp(max=MOST_PROGRESS)
        late = ((count / self._settings.prose_tokens - LATE) / (1 - LATE)).clamp(min=0)
        told = torch.stack(
            [torch.ones_like(come), come, late, worth, come * worth, come**2 * worth], 1
        )
        assert told.shape[1] == CLUES
        after.copy_(told)


def outline_of(rollout: Rollout) -> Passage:
    """A rollout's outline as a passage, its tags included."""
    start = rollout.prose_start
    return Passage(
        rollout.prompt_ids, rollout.response_ids[:start], 0, start, rollout.outline.strip()
    )


@torch.no_grad()
def fit_value(
    policy: Policy, pieces: Iterable[tuple[Sequences, Tensor]], company: Company = ALONE
) -> None:
    """Set the value head to the ridge regression of each sequence's reward on the hidden states
    before each of its chosen tokens, and the clues. `pieces` are batches with their rewards
    (B,): this process's share of them."""
    head = policy.value_head
    width = head.in_features + 1
    gram = (RIDGE if company.main else 0.0) * torch.eye(width, dtype=torch.float64)
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
    company.add([gram, moment])
    solution = torch.linalg.solve(gram, moment).float()
    head.weight.copy_(solution[None, :-1])
    head.bias.copy_(solution[-1:])


def usual_length(sampled: Sequence[Rollout]) -> float:
    """Mean length of the prose in tokens."""
    return float(np.mean([one.prose_end - one.prose_start for one in sampled]))
