"""Phrases that may not be written: taken back as soon as they stand there, and begun otherwise.

A token that completes a phrase is never kept; the turn goes back to where the phrase began, and the
token it began with is ruled out at that place. So what comes instead fits what stands before, and
is no half of the phrase (the method of S. Paech's antislop sampler, 2024).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from copy import copy
from typing import NamedTuple, Protocol

from talecraft.story.outline import OutlineSplitter

MOST = 100  # times that a turn goes back; after these phrases stand, or it might never end
_NONE: Set[int] = frozenset()


class _Written(Protocol):
    """As much of a response as its beginning is known by."""

    ids: list[int]
    forced: list[bool]
    outline: str
    prose: str


class _Before(NamedTuple):
    """How things stood before a token."""

    splitter: OutlineSplitter
    outline: int  # characters
    prose: int


class Bans:
    """The phrases of one turn, and what has been ruled out in it."""

    def __init__(self, phrases: Sequence[str]) -> None:
        self._phrases = [_lowered(one) for one in phrases if one.strip()]
        self._longest = max(map(len, self._phrases), default=0)
        self._begun = {one[:size] for one in self._phrases for size in range(1, len(one))}
        self._before: dict[int, _Before] = {}
        self._ruled_out: dict[int, set[int]] = {}
        self._times = 0
        self._text = ""

    def ruled_out(self, place: int) -> Set[int]:
        """The ids that may not be the `place`-th of the response."""
        return self._ruled_out.get(place, _NONE)

    def remember(self, written: _Written, splitter: OutlineSplitter) -> None:
        """How things stand before the next token is drawn."""
        if self._phrases:
            at = len(written.ids)
            before = _Before(copy(splitter), len(written.outline), len(written.prose))
            self._before[at] = before
            # No phrase has more tokens than bytes.
            self._before.pop(at - 4 * self._longest - 1, None)

    def added(self, text: str) -> None:
        """This is the response's next text."""
        if self._phrases:
            self._text += _lowered(text)

    def begins(self, written: _Written, ends: Sequence[int]) -> int | None:
        """Where among the tokens a phrase begins that the newest of them completes, which is not
        in `written` yet; `ends` counts characters after each token, it included. None where there
        is none, or all of its tokens that could be others are the program's own."""
        if not self._phrases or self._times >= MOST or not ends:
            return None
        start = ends[-2] if len(ends) > 1 else 0
        found = [at for one in self._phrases if (at := self._found(one, start)) is not None]
        if not found:
            return None
        keep = sum(end <= min(found) for end in ends)
        # A character may be of several tokens, whose first ones gave no text: they go with it.
        while 0 < keep <= len(written.ids) and not written.forced[keep - 1]:
            if ends[keep - 1] != (ends[keep - 2] if keep > 1 else 0):
                break
            keep -= 1
        while keep < len(written.ids) and written.forced[keep]:
            keep += 1
        return keep if keep in self._before else None

    def go_back(
        self, keep: int, token: int, ends: Sequence[int]
    ) -> tuple[OutlineSplitter, int, int]:
        """Rule out `token` as the `keep`-th; returns the splitter as it was before it, and how much
        outline and prose there was (characters)."""
        self._times += 1
        self._ruled_out = {at: ids for at, ids in self._ruled_out.items() if at <= keep}
        self._ruled_out.setdefault(keep, set()).add(token)
        self.keep(ends[keep - 1] if keep else 0)
        before = self._before[keep]
        self._before = {at: one for at, one in self._before.items() if at <= keep}
        return copy(before.splitter), before.outline, before.prose

    def keep(self, characters: int) -> None:
        """So much of the text is left."""
        self._text = self._text[:characters]

    def possible(self, ends: Sequence[int]) -> int:
        """How many characters at the end of the text may yet be taken back, as a phrase could begin
        in a token of theirs; `ends` counts characters after each token.

        What is taken back may have ruled out another beginning just before it: that waits, too.
        """
        sure = len(self._text)
        while (start := self._beginning(sure)) is not None:
            sure = max((end for end in ends if end <= start), default=0)
        return len(self._text) - sure

    def _beginning(self, end: int) -> int | None:
        """Where the longest beginning of a phrase starts that the text ends with at `end`."""
        for size in range(min(end, self._longest - 1), 0, -1):
            if self._text[end - size : end] in self._begun and self._apart(end - size):
                return end - size
        return None

    def _found(self, phrase: str, start: int) -> int | None:
        """Where `phrase` begins that ends after character `start`."""
        at = self._text.find(phrase, max(0, start - len(phrase) + 1))
        while at >= 0:
            if at + len(phrase) > start and self._apart(at):
                return at
            at = self._text.find(phrase, at + 1)
        return None

    def _apart(self, at: int) -> bool:
        """Does no word go on here? In "there" there is no "here"."""
        return at == 0 or not (self._text[at - 1].isalnum() and self._text[at].isalnum())


def _lowered(text: str) -> str:
    """In small letters, a character for each of `text`."""
    return "".join(low if len(low := one.lower()) == 1 else one for one in text)
