"""Drafts for a place in the midst of a text: what they begin with, and what comes after them.

A causal model does not see what follows. But it can say how likely it finds that after a draft, and
the draft after which it is likeliest leads there best: log p(following | all before it, draft).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from talecraft.engine.codec import Codec
from talecraft.engine.session import CHUNK, Cancelled, Session, untold
from talecraft.process.messages import Middle

FOLLOWING = 48  # tokens of what follows: further away a draft no longer tells


class Opening(NamedTuple):
    """What the program writes before a draft's own words; see story.turns.Generation."""

    ids: Sequence[int]
    raw: Sequence[float]
    prose_start: int
    outline: str
    prose: str


class Place:
    """A `Middle` in the ids of one model. `session` gives the one that is warm when it is asked:
    what several drafts share is read once."""

    def __init__(
        self, middle: Middle, codec: Codec, session: Callable[[], Session], cancelled: Cancelled
    ) -> None:
        self.middle = middle
        self._session = session
        self._cancelled = cancelled
        self._outline = f"{middle.outline.strip()}\n" if middle.outline.strip() else ""
        style = codec.style
        plan = style.think_open + self._outline if self._outline else ""
        self._head = codec.encode(plan + style.story_open)
        self._prose = codec.encode(middle.prose)
        self._following = codec.encode(middle.following)[:FOLLOWING]

    @property
    def tokens(self) -> int:
        """The room it takes beside the drafts."""
        return len(self._head) + len(self._prose) + len(self._following)

    @property
    def looks_ahead(self) -> bool:
        return bool(self._following)

    def open(self, prompt: Sequence[int]) -> Opening:
        """Raises ReadingCancelled."""
        session, ids = self._session(), self._head + self._prose
        logits = session.read(list(prompt), self._cancelled, untold)
        raw = told(session, logits, ids)
        return Opening(ids, raw, len(self._head), self._outline, self.middle.prose)

    def fit(self, text: Sequence[int]) -> float:
        """The log-probability of what follows after the ids `text`. Raises ReadingCancelled."""
        session = self._session()
        logits = session.read(list(text), self._cancelled, untold)
        return sum(told(session, logits, self._following))


@torch.inference_mode()
def told(session: Session, logits: Tensor, ids: Sequence[int]) -> list[float]:
    """Append `ids` to the session, which has just given `logits` (vocabulary,); the log-probability
    of each, all before it given. In chunks: the logits of a long text would fill the memory."""
    found: list[float] = []
    for at in range(0, len(ids), CHUNK):
        chunk = list(ids[at : at + CHUNK])
        after = session.feed(chunk)
        rows = torch.log_softmax(torch.cat([logits[None], after[:-1]]).float(), -1)
        found += [float(row[token]) for row, token in zip(rows, chunk, strict=True)]
        logits = after[-1]
    return found
