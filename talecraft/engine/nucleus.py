"""Top-p without sorting the vocabulary: half the time of a step of thirty turns goes into that."""

from __future__ import annotations

from torch import Tensor
from transformers.generation.logits_process import TopPLogitsWarper

SHORTLIST = 256


class Nucleus(TopPLogitsWarper):  # type: ignore[misc]
    """Keeps what transformers' top-p keeps, found among the likeliest `SHORTLIST` tokens.

    Only the rows in which these do not hold enough of the mass are sorted after all. Tokens as
    likely as the last one kept are kept too.
    """

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores (B, V), minus infinity outside the nucleus."""
        best = scores.topk(min(SHORTLIST, scores.shape[-1]), -1).values
        masses = (best - scores.logsumexp(-1, keepdim=True)).exp()
        before = masses.cumsum(-1) - masses
        # At least one, also where the scores are no numbers: that is for others to notice.
        kept = (before < self.top_p).sum(-1, keepdim=True).clamp(min=1)
        least = best.gather(1, kept - 1)
        shaped = scores.masked_fill(scores < least, self.filter_value)
        wide = (kept == best.shape[-1])[:, 0].nonzero()[:, 0]
        if len(wide):
            shaped[wide] = super().__call__(input_ids[wide], scores[wide])
        return shaped
