"""How good a specimen of narrative prose a chunk is, by what can be counted.

The criteria are those of the filters that large corpora are made by: the share of letters, the
length of words, stop words, repeated n-grams and list lines of MassiveText (Rae et al. 2021,
arXiv 2112.11446, table A1), and the closing mark of a paragraph of C4 (Raffel et al. 2020,
arXiv 1910.10683, section 2.2). Each is 1 for sound prose and falls to 0 in a straight line; the
limits were set by looking at chunks of 90 books. Words and stop words are English: what is written
in another language is no specimen here.
"""

from __future__ import annotations

import re
from collections import Counter

import msgspec

from talecraft.corpus import clauses, sentences
from talecraft.story.words import STOPWORDS, words

LONGEST_SENTENCE = 150  # words: what is longer is a list, or has lost its stops
# What a publisher, a transcriber or a machine left behind.
_MARK = re.compile(
    r"(?i)[\[\]{}|*_#<>\\^~=]|https?:|www\.|gutenberg|illustration|footnote|transcriber|\bchapter\b"
    r"|\bvol\.|\bpp?\. ?\d|\.{4,}"
)
_SHOUTED = re.compile(r"\b[A-Z]{2,}(?:[ ,.'-]+[A-Z]{2,}){3,}")
_CLOSED = re.compile(r"[.!?\u2026:;,\u2014-][\"')\]]*$")
_CHARACTER = re.compile(r"\S")
_PLAIN = re.compile(r"[^\W\d_]|[.,;:!?'\"\u2014-]")


class Parts(msgspec.Struct, frozen=True):
    """What the score is made of, each from 0 to 1 at best.

    letters: the share of letters and common marks among all that is no blank (0.90 to 0.97).
    words: their mean length (2.6 to 3.4 rising, 5.5 to 7 falling letters) and the share of stop
    words (0.2 to 0.35). sentences: the share of words in sentences of at most 150 words (0 to 0.7;
    never below 0.5). repetition: of 4-grams of words, those that stood before (0.3 to 0.05).
    marks: leftovers of print and transcription, of all words (0.03 to 0). lines: the share of words
    that stand neither in verse nor in a list (0.2 to 0.8); in a paragraph without a mark at its end
    half of them. narration: the share of words that nobody speaks (0 to 0.15; never below 0.5, for
    a tale may be told by one of its people). length: words, against half of what was asked for.
    """

    letters: float
    words: float
    sentences: float
    repetition: float
    marks: float
    lines: float
    narration: float
    length: float

    @property
    def score(self) -> float:
        """The product: a chunk that fails in one thing is no specimen, however good the rest."""
        value = 1.0
        for name in self.__struct_fields__:
            value *= getattr(self, name)
        return round(value, 4)


def parts(text: str, fewest: int = 50) -> Parts:
    """The criteria of a chunk in paragraphs; `fewest` words are enough."""
    found = words(text)
    total = max(1, len(found))
    letters = len(_PLAIN.findall(text)) / max(1, len(_CHARACTER.findall(text)))
    mean = sum(map(len, found)) / total
    common = sum(word.lower() in STOPWORDS for word in found) / total
    marks = len(_MARK.findall(text)) + len(_SHOUTED.findall(text))
    return Parts(
        letters=_ramp(letters, 0.90, 0.97),
        words=_round(_up(mean, 2.6, 3.4) * (1 - _up(mean, 5.5, 7)) * _up(common, 0.2, 0.35)),
        sentences=_round(0.5 + 0.5 * _up(_sane(text) / total, 0, 0.7)),
        repetition=_round(1 - _up(_repeated(found), 0.05, 0.3)),
        marks=_round(1 - _up(marks / total, 0, 0.03)),
        lines=_ramp(_prose(text) / total, 0.2, 0.8),
        narration=_round(0.5 + 0.5 * _up(len(words(clauses.told(text))) / total, 0, 0.15)),
        length=_ramp(len(found) / max(1, fewest), 0, 1),
    )


def _sane(text: str) -> int:
    """Words in sentences that are not too long."""
    counts = (len(words(one)) for row in text.split("\n") for one in sentences.split(row))
    return sum(count for count in counts if count <= LONGEST_SENTENCE)


def _repeated(found: list[str]) -> float:
    """The share of 4-grams that stood before."""
    low = [word.lower() for word in found]
    grams = Counter(zip(low, low[1:], low[2:], low[3:], strict=False))
    total = sum(grams.values())
    return (total - len(grams)) / total if total else 0.0


def _prose(text: str) -> float:
    """Words in paragraphs of one line, half of them where it ends in no mark."""
    paragraphs = (one.strip() for one in text.split("\n\n") if "\n" not in one.strip())
    return sum(len(words(one)) * (1 if _CLOSED.search(one) else 0.5) for one in paragraphs)


def _up(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _ramp(value: float, low: float, high: float) -> float:
    return _round(_up(value, low, high))


def _round(value: float) -> float:
    return round(value, 4)
