"""From the method's name to what carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from talecraft.engine import loading
from talecraft.engine.codec import Codec
from talecraft.learning import episodes, opinions
from talecraft.learning.learner import Bench, Learner
from talecraft.learning.lessons import Learned, Lessons
from talecraft.learning.ppo import Ppo
from talecraft.learning.preference import Example, Offline
from talecraft.process.run_events import RunSettings


class TooLittle(Exception):
    """There is not enough of what the method learns from; the words say what is missing."""


def learner(
    settings: RunSettings,
    bench: Bench,
    folder: Path,
    known: Lessons | None,
    learned: Learned | None,
) -> Learner:
    """What carries out the order's method. Raises TooLittle."""
    method = settings.method
    if method in ("ppo", "rloo"):
        return Ppo(bench, critic=method == "ppo")
    if method in ("grpo", "dr_grpo"):
        from talecraft.learning.grpo import Grpo

        tokenizer = loading.load_tokenizer(settings.model)
        return Grpo(bench, method, settings.grpo, tokenizer, folder)
    assert known is not None
    assert learned is not None
    found = examples(method, known, learned, bench.settings.prompt_tokens, bench.codec)
    tokenizer = loading.load_tokenizer(settings.model)
    return Offline(bench, found, settings.offline, tokenizer, folder)


def examples(
    method: str, known: Lessons, learned: Learned, prompt_tokens: int, codec: Codec
) -> Sequence[Example]:
    """What was said of the stories that the gate's judge does not know. Raises TooLittle."""
    rows = np.flatnonzero(~learned.held)
    chosen = [known.passages[row] for row in rows.tolist()]
    passages = episodes.prose(chosen, prompt_tokens, codec)
    if method == "dpo":
        pairs = opinions.pairs(passages, known.scored.rows(rows))
        _enough(len(pairs), opinions.FEWEST_PAIRS, "comparisons of passages after one beginning")
        return pairs
    if method == "kto":
        marks = opinions.marks(passages, known.scored.rows(rows))
        good = sum(one.good for one in marks)
        _enough(good, opinions.FEWEST_MARKS, "passages that you found good")
        _enough(len(marks) - good, opinions.FEWEST_MARKS, "passages that you found bad")
        return marks
    texts = opinions.texts(passages, chosen)
    _enough(len(texts), opinions.FEWEST_TEXTS, "passages of five stars, or that you edited")
    return texts


def _enough(number: int, fewest: int, what: str) -> None:
    if number < fewest:
        raise TooLittle(
            f"This method learns from {what}; beside those that judge there are {number}, and"
            f" {fewest} are needed. PPO learns from every opinion."
        )
