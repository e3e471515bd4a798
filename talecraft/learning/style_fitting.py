"""`python -m talecraft.learning.style_fitting`: an order on standard input, a style in a file, and
how good it is on standard output."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from talecraft.corpus import pair_files
from talecraft.corpus.pairing import Pair
from talecraft.engine import loading
from talecraft.errors import UsageError
from talecraft.learning import child, style
from talecraft.learning.correlation import spearman, sure
from talecraft.learning.style import Projection, Read
from talecraft.process.style import Epoch, StyleOrder, Tuned

FEWEST, FEWEST_HELD = 50, 20  # pairs
MOST_PAIRS = 4000  # that a base model reads: two texts each
MOST_CHOOSE = 1000  # held pairs that choose the epoch, and as many that tell how good it is
EPOCHS = 40  # of the projection, unless fewer are enough
PATIENCE = 6  # epochs without a gain
WIDTH = 64  # of a vector
RATE, DECAY, DROPOUT, BATCH = 1e-3, 1e-2, 0.5, 32
Say = Callable[[Epoch], None]


def carry_out(order: StyleOrder, say: Say) -> Tuned:
    """Raises TalecraftError for what cannot be done."""
    train, held = pair_files.read(Path(order.pairs))
    for found, fewest, what in ((train, FEWEST, "to learn from"), (held, FEWEST_HELD, "held back")):
        if len(found) < fewest:
            raise UsageError(
                f"There are {len(found)} pairs {what}; at least {fewest} are needed.",
                "Make more of them, of more books: `talecraft corpus pairs --count`.",
            )
    choosing, telling = divided(held)
    if order.encoder:
        from talecraft.learning import sentence_tuning

        return sentence_tuning.tune(order, train, choosing, telling, say)
    opened = loading.open_model(order.model)
    read = style.reader(opened.base, opened.codec, opened.pad)
    projection, tuned = project(train[:MOST_PAIRS], choosing, telling, read, order, say)
    projection.save(Path(order.target), tuned)
    return tuned


def divided(held: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Those that choose the epoch, and others that tell how good the chosen one is: of the many
    epochs' figures the best is too good to be told."""
    some = list(held[: 2 * MOST_CHOOSE])
    return some[::2], some[1::2]


def project(
    train: Sequence[Pair],
    choosing: Sequence[Pair],
    telling: Sequence[Pair],
    read: Read,
    order: StyleOrder,
    say: Say,
) -> tuple[Projection, Tuned]:
    """The projection under which the cosine of two texts is nearest to their score, in the mean
    square: CosineSimilarityLoss of sentence-transformers (Reimers and Gurevych, arXiv 1908.10084,
    section 3), over features that are read once. The weights of the epoch whose correlation on
    the `choosing` pairs is highest are kept; training ends PATIENCE epochs after it."""
    sets = [_Set.of(pairs) for pairs in (train, choosing, telling)]
    texts = list(dict.fromkeys(text for one in sets for text in one.texts))
    found = read(texts)
    place = {text: at for at, text in enumerate(texts)}
    known = found[[place[text] for text in dict.fromkeys(sets[0].texts)]]
    spread = known.std(0)
    # What is the same in all texts would be blown up by the first that differs.
    plain = Projection(
        known.mean(0), torch.where(spread > 1e-6, spread, torch.inf), torch.eye(found.shape[1])
    )
    standard = plain.standard(found)
    learned, chooses, tells = (one.places(place) for one in sets)
    chosen_by, told_by = (one.scores.numpy() for one in sets[1:])
    epochs, number = order.epochs or EPOCHS, 0
    best, kept = (-2.0, 0), plain.weight
    for number, (loss, weight) in enumerate(
        _epochs(standard, learned, sets[0].scores, epochs, order.seed), 1
    ):
        now = spearman(_cosines(standard, chooses, weight), chosen_by)
        say(Epoch(number, epochs, loss, now))
        if now > best[0]:
            best, kept = (now, number), weight.clone()
        if number - best[1] >= PATIENCE:
            break
    before, after = (
        sure(_cosines(standard, tells, one), told_by, order.seed) for one in (plain.weight, kept)
    )
    tuned = Tuned(
        "base", f"{order.model.id}'s states and stylometry", len(train), len(choosing),
        len(telling), before, after, number, best[1], order.model.key,
    )  # fmt: skip
    return Projection(plain.mean, plain.spread, kept), tuned


def _epochs(
    standard: Tensor, pairs: Tensor, scores: Tensor, epochs: int, seed: int
) -> Iterator[tuple[float, Tensor]]:
    """The mean loss of each epoch and the weight (WIDTH, F) after it. `pairs` (N, 2) name rows of
    the `standard` features (M, F)."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.empty(WIDTH, standard.shape[1])
    torch.nn.init.orthogonal_(weight, generator=generator).requires_grad_()
    optimiser = torch.optim.AdamW([weight], lr=RATE, weight_decay=DECAY)

    def vectors(rows: Tensor) -> Tensor:
        keep = torch.rand(len(rows), standard.shape[1], generator=generator) >= DROPOUT
        return (standard[rows] * keep / (1 - DROPOUT)) @ weight.T

    for _ in range(epochs):
        lost = []
        for rows in torch.randperm(len(pairs), generator=generator).split(BATCH):
            first, second = (vectors(pairs[rows, side]) for side in (0, 1))
            cosine = torch.nn.functional.cosine_similarity(first, second)
            loss = torch.nn.functional.mse_loss(cosine, scores[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            lost.append(loss.item())
        yield sum(lost) / len(lost), weight.detach()


def _cosines(standard: Tensor, pairs: Tensor, weight: Tensor) -> np.ndarray:
    """(N,) of the two rows that each of the `pairs` (N, 2) names."""
    made = torch.nn.functional.normalize(standard @ weight.T, dim=1)
    cosine: np.ndarray = (made[pairs[:, 0]] * made[pairs[:, 1]]).sum(1).numpy()
    return cosine


class _Set:
    """Pairs as texts, and their scores (N,)."""

    def __init__(self, first: list[str], second: list[str], scores: Tensor) -> None:
        self.first, self.second, self.scores = first, second, scores

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> _Set:
        scores = torch.tensor([one.score for one in pairs])
        return cls([one.text1 for one in pairs], [one.text2 for one in pairs], scores)

    @property
    def texts(self) -> list[str]:
        return [*self.first, *self.second]

    def places(self, of: dict[str, int]) -> Tensor:
        """(N, 2)."""
        pairs = zip(self.first, self.second, strict=True)
        return torch.tensor([[of[one], of[other]] for one, other in pairs])


def main() -> int:
    less = "Close other programs, or give fewer pairs."
    return child.fit(StyleOrder, carry_out, "The style", less)


if __name__ == "__main__":
    sys.exit(main())
