"""The words of what the writer has an opinion of, to be counted in every passage."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log1p

FEWEST_PASSAGES = 5  # that a word must be in: of what is rarer one passage decides
MOST_PASSAGES = 1 / 2  # of all: what is in more is grammar, or a manner that the traits tell


class _Letters(dict[int, str]):
    """To `str.translate`: letters, their marks and apostrophes stay, all else parts words."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        kept = letter if unicodedata.category(letter)[0] in "LM" else " "
        self[code] = "'" if letter in "'’" else kept
        return self[code]


_LETTERS = _Letters()


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
        # "princess" is no plural of "princes".
        plural = (word for word in known if len(word) > 2 and word[-1] != "s")
        singular = {f"{word}s": word for word in plural if f"{word}s" in known}
        counts = Counter(word for one in inside for word in {singular.get(w, w) for w in one})
        most = MOST_PASSAGES * len(texts)
        kept = {word for word, n in counts.items() if FEWEST_PASSAGES <= n <= most}
        return cls(tuple(sorted(kept)), {s: word for s, word in singular.items() if word in kept})

    def __len__(self) -> int:
        return len(self.words)

    def __call__(self, text: str) -> list[float]:
        """log(1 + how often) for each word: the second time tells less than the first."""
        counts = [0.0] * len(self.words)
        if counts:
            known = (self._column.get(self.singular.get(word, word)) for word in _words(text))
            for column, count in Counter(known).items():
                if column is not None:
                    counts[column] = log1p(count)
        return counts


NO_WORDS = Vocabulary()


def _words(text: str) -> list[str]:
    apart = unicodedata.normalize("NFC", text.lower()).translate(_LETTERS).split()
    return [word for one in apart if (word := one.strip("'"))]
