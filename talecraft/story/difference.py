"""How two texts differ, word by word, as a reader would tell it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from talecraft.story.clean import clean

Sign = Literal[" ", "-", "+"]
BREAK = "\n"  # the word that ends a paragraph

_WORDS = re.compile(r"\n+|[^\s]+")
# Between two longer changes so few words in common are chance: told as part of the change.
_CHANCE = 4
# What stands around words that only one of the texts has.
Marks = Mapping[Sign, tuple[str, str]]
SIGNS: Marks = {"-": ("[-", "-]"), "+": ("{+", "+}")}


class Piece(NamedTuple):
    """Words in a row that both texts have (" "), only the first ("-") or only the second ("+")."""

    sign: Sign
    words: Sequence[str]


def words(before: str, after: str) -> list[Piece]:
    """Both texts as one row of pieces. What was removed stands before what came in its place.

    Without `+` the pieces make the first text, without `-` the second, spaces aside.
    """
    old, new = _split(before), _split(after)
    changes: list[tuple[bool, list[str], list[str]]] = []  # (is it the same, old, new)
    for tag, i, i_end, j, j_end in SequenceMatcher(None, old, new).get_opcodes():
        changes.append((tag == "equal", old[i:i_end], new[j:j_end]))
        while _chance(changes):
            *_, first, same, last = changes
            joined = (False, first[1] + same[1] + last[1], first[2] + same[2] + last[2])
            changes[-3:] = [joined]
    return [piece for change in changes for piece in _pieces(*change)]


def counts(pieces: Sequence[Piece]) -> tuple[int, int]:
    """How many words were removed, and how many added."""
    lost, won = (
        sum(word != BREAK for piece in pieces if piece.sign == sign for word in piece.words)
        for sign in "-+"
    )
    return lost, won


def marked(pieces: Sequence[Piece], marks: Marks = SIGNS) -> Iterator[tuple[Sign, str, bool]]:
    """Each word with its sign, and whether a change begins with it. Around changed words stand
    their marks, in each paragraph anew."""
    changed = False
    for sign, found in pieces:
        opening, closing = marks.get(sign, ("", ""))
        for at, word in enumerate(found):
            if word == BREAK:
                # Where removed words end a paragraph, those in their place are told beside them.
                if sign != "-" or at < len(found) - 1:
                    yield sign, word, False
                continue
            first = at == 0 or found[at - 1] == BREAK
            last = at == len(found) - 1 or found[at + 1] == BREAK
            shown = f"{opening * first}{word}{closing * last}"
            yield sign, shown, sign != " " and not changed
            changed = sign != " "


def text(pieces: Sequence[Piece]) -> str:
    """The pieces as plain text, what changed between its signs."""
    words = (word for _, word, _ in marked(pieces))
    return re.sub(r" ?\n ?", "\n\n", " ".join(words)).strip()


def _split(text: str) -> list[str]:
    return [BREAK if word.startswith("\n") else word for word in _WORDS.findall(clean(text))]


def _chance(changes: Sequence[tuple[bool, list[str], list[str]]]) -> bool:
    """Do the last three stand for one change?"""
    if len(changes) < 3 or not changes[-2][0] or changes[-1][0]:
        return False
    (_, *first), (_, same, _), (_, *last) = changes[-3:]
    size = len(same)
    return size <= _CHANCE and all(size < max(map(len, side)) for side in (first, last))


def _pieces(same: bool, old: list[str], new: list[str]) -> list[Piece]:
    if same:
        return [Piece(" ", old)]
    signs: tuple[tuple[Sign, list[str]], ...] = (("-", old), ("+", new))
    return [Piece(sign, found) for sign, found in signs if found]
