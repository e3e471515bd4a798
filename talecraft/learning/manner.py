"""An author's manner as a direction among vectors of texts, and how near to it others come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from talecraft.corpus import manners
from talecraft.corpus.manners import Specimen
from talecraft.engine.codec import Codec
from talecraft.learning import style
from talecraft.learning.policy import Policy
from talecraft.process.run_client import MANNER, STYLE
from talecraft.process.run_events import RunSettings

Vectors = Callable[[Sequence[str]], Tensor]


@dataclass(frozen=True, slots=True)
class Near:
    """`own` (D,) is the author's centroid and `others` (M, D) those of others, all of length 1;
    `contrast` says how much it counts to be unlike them."""

    vectors: Vectors
    own: Tensor
    others: Tensor
    contrast: float = 0.0

    def cosine(self, texts: Sequence[str]) -> Tensor:
        """(N,) of each text's vector and the author's centroid; 0 for what has no words."""
        return (self.vectors(texts) @ self.own).double()

    def to_others(self, texts: Sequence[str]) -> Tensor:
        """(N, M) of each text's vector and each other author's centroid."""
        return (self.vectors(texts) @ self.others.T).double()

    def worth(self, texts: Sequence[str]) -> Tensor:
        """cos(v, c) - contrast mean_j cos(v, c_j), (N,): the first term is S_style of the reward
        (LEARNING 1.3); the second takes away what all authors' prose has in common."""
        common = self.others.mean(0) if len(self.others) else torch.zeros_like(self.own)
        return (self.vectors(texts) @ (self.own - self.contrast * common)).double()


def of_run(policy: Policy, codec: Codec, pad: int, folder: Path, order: RunSettings) -> Near | None:
    """The manner that the run in this `folder` was given, by the author's chunks that are learned
    from; None where it was given none. Raises EngineError for a style of another model."""
    if not (folder / STYLE).exists() or not (folder / MANNER).exists():
        return None
    found = manners.read(folder / MANNER)
    return near(vectors_of(policy, codec, pad, folder, order), found.train, found.others, order)


def vectors_of(
    policy: Policy, codec: Codec, pad: int, folder: Path, order: RunSettings
) -> style.Style:
    """The run's style, which reads with the bare base, whatever adapters lie over it. Raises
    EngineError for one of another model."""
    found = style.load(folder / STYLE, policy.model, codec, pad, order.model.key)

    def vectors(texts: Sequence[str]) -> Tensor:
        with torch.no_grad(), policy.model.disable_adapter():
            return found.vectors(texts)

    return style.Style(vectors, found.tuned)


def near(
    found: style.Style,
    own: Sequence[Specimen],
    others: dict[str, list[Specimen]],
    order: RunSettings,
) -> Near:
    """How near texts come to the centroid of the `own` chunks."""
    centre = found.centroid([one.text for one in own])
    theirs = [found.centroid([one.text for one in some]) for some in others.values()]
    width = torch.zeros(0, len(centre))
    return Near(
        found.vectors, centre, torch.stack(theirs) if theirs else width, order.style.contrast
    )
