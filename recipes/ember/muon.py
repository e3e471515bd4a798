"""Muon as torch has it, in a precision that the machine multiplies quickly.

torch's own orthogonalises in bfloat16 whatever the machine: on a CPU without such products a step
of this recipe then takes ten times as long. Here matrices of one shape are taken together.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # the quintic of Jordan (2024)


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised (Jordan 2024), at the scale of AdamW's updates (Moonlight, arXiv
    2502.16982): with `lr` and `weight_decay` of AdamW it moves matrices (rows, columns)."""

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
        products: torch.dtype = torch.bfloat16,
    ) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self._products = products

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # no loss is asked for
        for group in self.param_groups:
            momentum, decay = group["momentum"], 1 - group["lr"] * group["weight_decay"]
            alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for matrix in group["params"]:
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix)
                kept = state["momentum_buffer"]
                kept.lerp_(matrix.grad, 1 - momentum)
                alike[matrix.shape].append((matrix, matrix.grad.lerp(kept, momentum)))
            for shape, some in alike.items():
                rate = group["lr"] * 0.2 * math.sqrt(max(shape))
                made = orthogonal(torch.stack([update for _, update in some]), self._products)
                for (matrix, _), update in zip(some, made, strict=True):
                    matrix.mul_(decay).add_(update, alpha=-rate)


def orthogonal(matrices: Tensor, products: torch.dtype, steps: int = 5) -> Tensor:
    """(N, rows, columns) -> about U V^T of each one's singular value decomposition."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).to(products)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)
