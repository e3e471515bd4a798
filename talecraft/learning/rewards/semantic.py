"""Does the prose tell what the plan says?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from talecraft.learning.encoders import Words
from talecraft.learning.rewards.part import Ground, Part
from talecraft.learning.rollouts import Rollout
from talecraft.story.idf import Idf

LEAST_SPREAD = 0.03


def recall(plan: Words, prose: Words, idf: Idf) -> float:
    """sum_t idf(t) max_w cos(t, w) / sum_t idf(t) over the words t of the plan and w of the prose:
    BERTScore's recall with its weights (Zhang et al., arXiv 1904.09675, eq. 4). A word that the
    plan says twice counts twice, so the weight is TF-IDF. In [0, 1]; 0 where either is empty."""
    (wanted, vectors), (told, others) = plan, prose
    weights = torch.tensor([idf(word) for word in wanted], dtype=torch.float64)
    if not told or not float(weights.sum()):
        return 0.0
    nearest = (vectors @ others.T).max(1).values.clamp(0, 1).double()
    return float((weights * nearest).sum() / weights.sum())


def build(ground: Ground) -> Part:
    def semantic(rollouts: Sequence[Rollout]) -> Tensor:
        plans = ground.encoder.words([one.outline for one in rollouts])
        told = ground.encoder.words([one.prose for one in rollouts])
        pairs = zip(plans, told, strict=True)
        return torch.tensor([recall(*one, ground.idf) for one in pairs], dtype=torch.float64)

    return Part(semantic, LEAST_SPREAD)
