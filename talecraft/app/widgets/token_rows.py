"""Tokens in lines: which of them stands where. Pure; the widget draws what is found here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len

from talecraft.app.marks import mark
from talecraft.app.widgets.wrapping import wrap
from talecraft.process.messages import TokenOdds
from talecraft.story.clean import clean

END_OF_LINE = "↵"


class Stretch(NamedTuple):
    """What of one token stands in one row, and where."""

    token: int
    text: str
    x: int


Row = Sequence[Stretch]


def anchors(tokens: Sequence[TokenOdds]) -> Sequence[int]:
    """Of each token the one it is shown at: itself, or where it has no text (half a character) the
    next that has, else the last that has."""
    found = list(range(len(tokens)))
    told = [at for at, one in enumerate(tokens) if clean(one.text)]
    last = told[-1] if told else 0
    for at in range(len(tokens) - 1, -1, -1):
        if clean(tokens[at].text):
            last = at
        found[at] = last
    return found


def of_tags(texts: Sequence[str], tags: Sequence[str]) -> frozenset[int]:
    """The tokens that one of the `tags` is made of."""
    owners = [at for at, text in enumerate(texts) for _ in text]
    whole, found = "".join(texts), set[int]()
    for tag in filter(None, tags):
        at = whole.find(tag)
        while at >= 0:
            found.update(owners[at : at + len(tag)])
            at = whole.find(tag, at + len(tag))
    return frozenset(found)


def first_word(texts: Sequence[str], begin: int, tags: frozenset[int]) -> int:
    """The first token from `begin` on with a letter or a digit that is not of a tag; `begin` where
    there is none."""
    said = (at for at in range(begin, len(texts)) if at not in tags)
    return next((at for at in said if any(map(str.isalnum, texts[at]))), begin)


def rows(texts: Sequence[str], first: int, width: int) -> Sequence[Row]:
    """The tokens' texts from `first` on in rows of `width` cells; what hangs over is spaces."""
    owners = [at for at in range(first, len(texts)) for _ in texts[at]]
    whole = "".join(texts[first:])
    found: list[Row] = []
    start = 0
    for paragraph in whole.split("\n") if whole else ():
        pieces = cuts(paragraph, width)
        for number, (begin, end) in enumerate(pieces):
            text = paragraph[begin:end]
            ends = number == len(pieces) - 1 and start + len(paragraph) < len(whole)
            found.append(_row(text + "\n" * ends, owners[start + begin :]))
        start += len(paragraph) + 1
    return found


def cuts(paragraph: str, width: int) -> Sequence[tuple[int, int]]:
    """Where its lines begin and end, the spaces after a line with it."""
    starts, at = [], 0
    for line, _ in wrap(paragraph, width):
        words = line.strip(" ")
        at = paragraph.index(words, at) if words else at
        starts.append(at)
        at += len(words)
    starts[0] = 0
    return list(zip(starts, [*starts[1:], len(paragraph)], strict=True))


def _row(text: str, owners: Sequence[int]) -> Row:
    row: list[Stretch] = []
    x = begin = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or owners[at] != owners[begin] or "\n" in text[at - 1 : at + 1]:
            piece = text[begin:at].replace("\n", mark(END_OF_LINE, " "))
            row.append(Stretch(owners[begin], piece, x))
            x, begin = x + cell_len(piece), at
    return row


def nearest(row: Row, x: int) -> int:
    """The token of `row` that stands at column `x`, or nearest to it."""
    for stretch in reversed(row):
        if stretch.x <= x:
            return stretch.token
    return row[0].token
