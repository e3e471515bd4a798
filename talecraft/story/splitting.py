"""A long text as passages that a page and a model can handle."""

from __future__ import annotations

from collections.abc import Iterator

LONGEST = 4_000  # characters: some 700 words


def passages(text: str, longest: int = LONGEST) -> Iterator[str]:
    """`text` in pieces of at most so many characters, none of its words lost or cut.

    A piece ends with a paragraph where that leaves it at least half as long, else between words;
    only a word that is longer by itself is cut.
    """
    start, end = 0, len(text)
    while start < end:
        stop = start + longest
        if stop < end:
            half = start + longest // 2
            breaks = (text.rfind(sign, half, stop) for sign in ("\n\n", "\n", " "))
            stop = next((at for at in breaks if at >= 0), stop)
        piece = text[start:stop].strip()
        if piece:
            yield piece
        start = stop
