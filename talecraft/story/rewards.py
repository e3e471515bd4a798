"""What a passage can be rewarded for: the parts of the reward, by name, and their weights.

What each computes is in learning/rewards/, a file a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from talecraft.errors import UsageError

RewardName = Literal[
    "taste",
    "finished",
    "repetition",
    "length",
    "semantic",
    "form",
    "completeness",
    "format",
    "classifier",
    "style",
]
TASTE: RewardName = "taste"
SEMANTIC: RewardName = "semantic"
CLASSIFIER: RewardName = "classifier"
STYLE: RewardName = "style"
NAMES: tuple[RewardName, ...] = get_args(RewardName)
MOST_WEIGHT = 10.0


class Part(NamedTuple):
    """A part in `words` for a plot or a table, and what it `means`."""

    words: str
    means: str


PARTS: dict[RewardName, Part] = {
    "taste": Part("your taste", "what your scores, choices and edits say you like"),
    "finished": Part("ended", "the turn has a plan and prose, and the model ended it itself"),
    "repetition": Part("unrepeated", "no more repeated word pairs than people's prose has"),
    "length": Part("length", "about as long as it writes, or as your best scores ask for"),
    "semantic": Part("keeps the plan", "what the plan names is in the prose (BERTScore by TF-IDF)"),
    "form": Part("prose", "prose, and no more dialogue than people's stories have"),
    "completeness": Part("complete", "it ends, and takes up each beat of its plan"),
    "classifier": Part("found good", "what your classifier takes for good (log-odds)"),
    "style": Part("the author's manner", "near to how the author writes (cosine of their style)"),
    "format": Part("well formed", "a plan in lines that the model closes itself, then bare prose"),
}
BY_WORDS = frozenset({"semantic", "completeness"})  # which need to know how much a word tells
# What a run that learns a manner is rewarded by: benchmarks/RESULTS.md, "A manner".
MANNER_WEIGHTS: dict[str, float] = {"style": 1.0, "semantic": 0.5, "completeness": 0.5}
# LEARNING 1.3: what is shaped weighs less than what was learned, but for a turn that never ends.
DEFAULT_WEIGHTS: dict[str, float] = {
    "taste": 1.0,
    "finished": 0.7,
    "repetition": 0.15,
    "length": 0.3,
}


def words(name: str) -> str:
    """A part's name in words; an unknown one, of another version, as it is."""
    return PARTS[name].words if name in NAMES else name


def parse(text: str) -> dict[str, float]:
    """`semantic,length=0.3` as weights; a name alone weighs 1.

    Raises UsageError for a name that is none, is there twice, or has no weight in (0, 10].
    """
    found: dict[str, float] = {}
    for one in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = one.partition("=")
        name = name.strip()
        if name not in NAMES:
            raise UsageError(
                f"There is no reward '{name}'.", f"The rewards are {', '.join(NAMES)}."
            )
        if name in found:
            raise UsageError(f"The reward '{name}' is named twice.")
        try:
            found[name] = float(number) if number else 1.0
        except ValueError:
            found[name] = -1.0
        if not 0 < found[name] <= MOST_WEIGHT:
            raise UsageError(
                f"The weight of '{name}' is {number.strip()!r}.",
                f"A weight is a number above 0, at most {MOST_WEIGHT:g}.",
            )
    if not found:
        raise UsageError("No reward is named.", f"The rewards are {', '.join(NAMES)}.")
    return found


def told(weights: Mapping[str, float]) -> str:
    """The weights in words: `your taste 1, length 0.3`."""
    return ", ".join(f"{words(name)} {weight:g}" for name, weight in weights.items())
