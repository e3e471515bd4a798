"""Prompts and responses as one padded batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

CLUES = 6  # numbers a token that the critic is told


@dataclass(frozen=True, slots=True)
class Sequences:
    """A batch of prompt + response, padded on the right.

    `ids` (B, L); `targets`, `positions`, `mask` (B, T): the response's ids, the index of the
    hidden state that predicts each, and 1 where the policy chose it. `clues` (B, T, C): what the
    critic is told beside that state (see critic.py).
    """

    ids: Tensor
    targets: Tensor
    positions: Tensor
    mask: Tensor
    clues: Tensor

    def __getitem__(self, rows: Tensor) -> Sequences:
        """Some rows, cut to their own longest lengths: short ones need not pay for long ones."""
        positions, mask = self.positions[rows], self.mask[rows]
        present = (self.targets[rows] >= 0).any(0)
        width = int(present.nonzero().max()) + 1
        length = int(positions[:, :width].max()) + 2
        return Sequences(
            self.ids[rows, :length],
            self.targets[rows, :width],
            positions[:, :width],
            mask[:, :width],
            self.clues[rows, :width],
        )


def collate(
    prompts: Sequence[Sequence[int]],
    responses: Sequence[Sequence[int]],
    forced: Sequence[Sequence[bool]],
    pad: int,
    device: str = "cpu",
) -> Sequences:
    """Padding is -1 in `targets`; a padded position points at the sequence's first hidden state.

    The critic is told nothing as yet.
    """
    length = max(len(p) + len(r) for p, r in zip(prompts, responses, strict=True))
    width = max(map(len, responses))
    ids = torch.full((len(prompts), length), pad)
    targets = torch.full((len(prompts), width), -1)
    positions = torch.zeros((len(prompts), width), dtype=torch.long)
    mask = torch.zeros((len(prompts), width))
    for row, (prompt, response, given) in enumerate(zip(prompts, responses, forced, strict=True)):
        end = len(prompt) + len(response)
        ids[row, :end] = torch.tensor([*prompt, *response])
        targets[row, : len(response)] = torch.tensor(response)
        positions[row, : len(response)] = torch.arange(len(prompt) - 1, end - 1)
        mask[row, : len(response)] = torch.tensor([float(not one) for one in given])
    clues = torch.zeros((*mask.shape, CLUES))
    return Sequences(*(tensor.to(device) for tensor in (ids, targets, positions, mask, clues)))
