"""Top-p without sorting the vocabulary: half the time of a step of thirty turns goes into that."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers.generation.logits_process import TopPLogitsWarper

SHORTLIST = 256


class Nucleus(TopPLogitsWarper):  # type: ignore[misc]
    """Keeps what transformers' top-p keeps, found among the likeliest `SHORTLIST` tokens.

    Where these do not hold enough of the mass all are sorted after all, but only by value, which
    numpy does ten times as fast as torch sorts with places. Tokens as likely as the last one kept
    are kept too.
    """

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores (B, V), minus infinity outside the nucleus."""
        total = scores.logsumexp(-1, keepdim=True)
        best = scores.topk(min(SHORTLIST, scores.shape[-1]), -1).values
        least, kept = self._least(best, total)
        wide = (kept == best.shape[-1])[:, 0] & (scores.shape[-1] > SHORTLIST)
        if wide.any():
            every = torch.from_numpy(np.sort(scores[wide].cpu().numpy(), -1)).to(scores.device)
            least[wide] = self._least(every.flip(-1), total[wide])[0]
        return scores.masked_fill(scores < least, self.filter_value)

    def _least(self, best: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        """Of scores (B, n) from the likeliest down, `total` (B, 1) the logarithm of all their
        mass: the last that is kept, (B, 1), and how many are."""
        masses = (best - total).exp()
        before = masses.cumsum(-1) - masses
        # At least one, also where the scores are no numbers: that is for others to notice.
        kept = (before < self.top_p).sum(-1, keepdim=True).clamp(min=1)
        return best.gather(1, kept - 1), kept
