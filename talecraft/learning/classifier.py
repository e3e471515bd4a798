"""A classifier of feedback: how likely is it that a passage would be found good?

A logistic head on the root's frozen features of the text alone, fitted as the taste head is (its
two grades are the two classes), and made a probability by Platt's scaling on predictions that were
cross-validated (Platt 1999). Its reward is the log-odds, as in the sentiment studies of PPO.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from talecraft.engine.codec import Codec
from talecraft.errors import EngineError, UsageError
from talecraft.learning import features, taste
from talecraft.learning.features import Passage
from talecraft.learning.labels import Pairs, Scored
from talecraft.learning.taste import Head, Scale
from talecraft.learning.vocabulary import Vocabulary
from talecraft.learning.words import telling
from talecraft.paths import private_write
from talecraft.process.classifier import Bin, Fitted, Labelled

FEWEST = 10  # of either kind
MOST = 3000  # passages that are learned from
LONGEST = 512  # tokens of a text that are read
HELD = 0.2  # of the groups, to judge by
BINS = 10
RIDGES = (30.0, 100.0, 300.0, 1000.0, 3000.0)
GOOD, BAD = 5.0, 1.0  # the grades that the head knows the classes as
_FACTS = "classifier"
Read = Callable[[Sequence[str], Vocabulary], Tensor]


class Facts(msgspec.Struct, frozen=True):
    """What is kept beside the numbers."""

    words: tuple[str, ...]
    singular: dict[str, str]
    fitted: Fitted


@dataclass(frozen=True, slots=True)
class Classifier:
    """`logits` of features (N, F) are slope * u + shift, u the head's."""

    head: Head
    slope: float
    shift: float
    vocabulary: Vocabulary
    fitted: Fitted

    def logits(self, found: Tensor) -> Tensor:
        """The log-odds (N,) that passages with these features (N, F) are good."""
        return self.slope * self.head(found) + self.shift

    def save(self, path: Path) -> None:
        """Safetensors, readable by this user only. Raises LibraryError."""
        scale = self.head.scale
        tensors = {
            "mean": scale.mean,
            "spread": scale.spread,
            "balance": scale.balance,
            "weight": self.head.weight,
            "platt": torch.tensor([self.slope, self.shift], dtype=torch.float64),
        }
        facts = Facts(self.vocabulary.words, self.vocabulary.singular, self.fitted)
        kept = {name: one.contiguous() for name, one in tensors.items()}
        private_write(path, to_bytes(kept, {_FACTS: msgspec.json.encode(facts).decode()}))

    @classmethod
    def load(cls, path: Path) -> Classifier:
        """Raises EngineError where it is none."""
        try:
            with safe_open(str(path), "pt") as file:
                facts = msgspec.json.decode(file.metadata()[_FACTS], type=Facts)
                mean, spread, balance, weight, platt = (
                    file.get_tensor(name)
                    for name in ("mean", "spread", "balance", "weight", "platt")
                )
        except (OSError, SafetensorError, KeyError, TypeError, msgspec.MsgspecError) as error:
            raise EngineError(
                f"{path.name} is no classifier ({type(error).__name__}).",
                "Fit it again with `talecraft classifier fit`.",
            ) from error
        slope, shift = platt.tolist()
        vocabulary = Vocabulary(facts.words, facts.singular)
        return cls(
            Head(Scale(mean, spread, balance), weight), slope, shift, vocabulary, facts.fitted
        )


def texts_alone(codec: Codec, texts: Sequence[str]) -> list[Passage]:
    """Passages after nothing but the tag that opens prose: the same for labelled texts and for what
    a policy writes."""
    before = codec.encode(codec.style.story_open)
    read = [codec.encode(text.strip())[:LONGEST] for text in texts]
    return [
        Passage(before, ids, 0, len(ids), codec.decode(ids))
        for ids in (one or codec.encode(" ") for one in read)
    ]


def fit(
    labelled: Sequence[Labelled], read: Read, seed: int, model: str, root: str, own: bool = False
) -> Classifier:
    """A classifier of all that is labelled, and how good one of four fifths of it was on the rest.

    `read` gives features (N, F) of texts. Raises UsageError where there is too little of a kind.
    """
    _enough(labelled)
    labelled = _drawn(labelled, seed)
    vocabulary = Vocabulary.of([one.text for one in labelled])
    every = _scored(labelled, read([one.text for one in labelled], vocabulary), vocabulary)
    held = _held(every, seed)
    rest = every.rows(np.flatnonzero(~held))
    for side in (held, ~held):
        if len(torch.unique(every.stars[torch.from_numpy(side)])) < 2:
            raise UsageError(
                "Good and bad passages do not mix: their groups are of one kind each.",
                "Label both kinds in more stories, or leave the group's column out.",
            )
    head, slope, shift, _ = _fitted(rest, seed)
    good = every.stars.numpy()[held] == GOOD
    logits = slope * head(every.features[torch.from_numpy(held)]) + shift
    chances = torch.sigmoid(logits).numpy()
    right = (chances >= 0.5) == good
    bins = _bins(chances, good)
    low, high = taste.wilson(float(right.mean()), len(right))
    head, slope, shift, words = _fitted(every, seed)
    fitted = Fitted(
        good=int((every.stars == GOOD).sum()),
        bad=int((every.stars == BAD).sum()),
        held=int(held.sum()),
        accuracy=float(right.mean()),
        low=low,
        high=high,
        calibration=sum(one.count * abs(one.said - one.were) for one in bins) / len(right),
        bins=bins,
        words=_words(every, head, words),
        model=model,
        root=root,
        own=own,
    )
    return Classifier(head, slope, shift, vocabulary, fitted)


def _drawn(labelled: Sequence[Labelled], seed: int) -> Sequence[Labelled]:
    """At most MOST of them, in their order: every pair is compared, and more teach little."""
    if len(labelled) <= MOST:
        return labelled
    chosen = np.random.default_rng([seed, 41]).choice(len(labelled), MOST, replace=False)
    return [labelled[at] for at in sorted(chosen.tolist())]


def _enough(labelled: Sequence[Labelled]) -> None:
    good = sum(one.good for one in labelled)
    for number, what in ((good, "good"), (len(labelled) - good, "bad")):
        if number < FEWEST:
            raise UsageError(
                f"{number} passages were found {what}; at least {FEWEST} are needed.",
                "Label more of them.",
            )


def _scored(labelled: Sequence[Labelled], found: Tensor, vocabulary: Vocabulary) -> Scored:
    groups = np.unique([one.group for one in labelled], return_inverse=True)[1]
    stars = torch.tensor([GOOD if one.good else BAD for one in labelled], dtype=torch.float64)
    return Scored(
        found, stars, torch.ones_like(stars), groups, np.arange(len(labelled)), Pairs.none(),
        vocabulary,
    )  # fmt: skip


def _held(data: Scored, seed: int) -> np.ndarray:
    """Marks (N,) whole groups, a fifth of all and both kinds among them as evenly as groups are."""
    groups, good = data.folds_by, data.stars.numpy() == GOOD
    random = np.random.default_rng([seed, 40])
    names = random.permutation(np.unique(groups))
    share = np.array([good[groups == name].mean() for name in names])
    names = names[np.argsort(share, kind="stable")]
    every = round(1 / HELD)
    chosen = names[int(random.integers(every)) :: every]
    return np.isin(groups, chosen if len(chosen) else names[:1])


def _fitted(data: Scored, seed: int) -> tuple[Head, float, float, tuple[int, ...]]:
    """The head, Platt's slope and shift, and the words it listens for."""
    trust = taste.foretell(data, seed, RIDGES)
    words = telling(data)
    slope, shift = _platt(trust.predicted, data.stars.numpy() == GOOD)
    return taste.fit(data, trust.ridge, words), slope, shift, words


def _platt(u: np.ndarray, good: np.ndarray) -> tuple[float, float]:
    """Slope and shift that make u (N,) log-odds of `good` (N,): the maximum of the likelihood, with
    Platt's targets (n+ + 1) / (n+ + 2) and 1 / (n- + 2) in place of 1 and 0."""
    scores = torch.from_numpy(u.copy())
    scale = float(scores.std().clamp(min=1e-9))
    count = int(good.sum())
    target = torch.from_numpy(
        np.where(good, (count + 1) / (count + 2), 1 / (len(good) - count + 2))
    )
    line = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = line[0] * scores / scale + line[1]
        lost = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
        lost.backward()
        return lost

    optimiser.step(loss)
    slope, shift = line.detach().tolist()
    return max(0.0, slope) / scale, shift


def _bins(chances: np.ndarray, good: np.ndarray) -> list[Bin]:
    """Tenths of the chance, the empty ones left out (Guo et al., arXiv 1706.04599)."""
    at = np.minimum((chances * BINS).astype(int), BINS - 1)
    return [
        Bin(float(chances[at == n].mean()), float(good[at == n].mean()), int((at == n).sum()))
        for n in range(BINS)
        if (at == n).any()
    ]


def _words(data: Scored, head: Head, words: tuple[int, ...]) -> str:
    liked = taste.likes(data, head(data.features).numpy(), words)
    return " and ".join(liked) or "something without a name"


def reader(base: object, codec: Codec, pad: int) -> Read:
    """Reads texts with this model, which must be given as the root."""

    def read(texts: Sequence[str], vocabulary: Vocabulary) -> Tensor:
        return features.extract(base, texts_alone(codec, texts), pad, vocabulary)

    return read
