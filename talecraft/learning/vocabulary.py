"""The words of what the writer has an opinion of, to be counted in every passage."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log1p

FEWEST_PASSAGES = 3  # that a word must be in
MOST_PASSAGES = 1 / 3  # of all: what is in more is grammar, or a manner that the traits tell
_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`words` in alphabetical order; `singular` tells which plural counts as which of them."""

    words: tuple[str, ...] = ()
    singular: dict[str, str] = field(default_factory=dict)
    _column: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        column = {word: i for i, word in enumerate(self.words)}
        object.__setattr__(self, "_column", column)

    @classmethod
    def of(cls, texts: Sequence[str]) -> Vocabulary:
        """The words that are in some of `texts`, neither in too few to tell nor in most."""
        inside = [set(_words(text)) for text in texts]
        known = set().union(*inside)
        singular = {f"{word}s": word for word in known if len(word) > 2 and f"{word}s" in known}
        counts = Counter(word for one in inside for word in {singular.get(w, w) for w in one})
        most = MOST_PASSAGES * len(texts)
        kept = sorted(word for word, n in counts.items() if FEWEST_PASSAGES <= n <= most)
        return cls(tuple(kept), {many: one for many, one in singular.items() if one in kept})

    def __len__(self) -> int:
        return len(self.words)

    def __call__(self, text: str) -> list[float]:
        """log(1 + how often) for each word: the second time tells less than the first."""
        counts = [0] * len(self.words)
        if counts:
            for word in _words(text):
                column = self._column.get(self.singular.get(word, word))
                if column is not None:
                    counts[column] += 1
        return [log1p(n) for n in counts]


NO_WORDS = Vocabulary()


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.lower())
