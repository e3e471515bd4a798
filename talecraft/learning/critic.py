"""A critic that begins informed.

A value head at zero learns little in the tens of updates of a run. Ridge regression on the
reference's own samples lets it tell, from the first update, the word that earned the reward from
its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from talecraft.learning.policy import Policy, Sequences

RIDGE = 100.0  # tokens' worth of shrinkage towards no opinion


@torch.no_grad()
def fit_value(policy: Policy, pieces: Iterable[tuple[Sequences, Tensor]]) -> None:
    """Set the value head to the ridge regression of each sequence's reward on the hidden states
    before each of its chosen tokens. `pieces` are batches with their rewards (B,)."""
    head = policy.value_head
    width = head.in_features + 1
    gram = RIDGE * torch.eye(width, dtype=torch.float64)
    moment = torch.zeros(width, dtype=torch.float64)
    for batch, totals in pieces:
        states = policy.hidden(batch.ids)
        rows = torch.arange(len(batch.ids), device=states.device)[:, None]
        chosen = batch.mask.bool()
        picked = states[rows, batch.positions][chosen].double().cpu()
        picked = torch.cat([picked, torch.ones(len(picked), 1, dtype=torch.float64)], 1)
        worth = totals.double()[:, None].expand(chosen.shape)[chosen.cpu()]
        gram += picked.T @ picked
        moment += picked.T @ worth
    solution = torch.linalg.solve(gram, moment).float()
    head.weight.copy_(solution[None, :-1])
    head.bias.copy_(solution[-1:])
