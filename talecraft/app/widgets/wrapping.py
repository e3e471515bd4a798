"""Soft wrap by cell width: quick where every character is one cell wide, right where it is not."""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import cell_len, chop_cells

# (line, what joins it to the next one: a space, nothing inside a word, a newline at the end)
Wrapped = list[tuple[str, str]]
NARROWEST = 8

# Latin, Greek, Cyrillic and common typography: one cell each. All else is measured.
_NARROW = re.compile(
    "[\x20-\u02ff\u0370-\u0482\u048a-\u0590\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]*"
)
# Scripts written without spaces may break after every character.
_PIECES = re.compile(
    "[\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60] *"
    "|[^\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60 ]+ *| +"
)


@lru_cache(maxsize=8)
def _lines(width: int) -> re.Pattern[str]:
    return re.compile(rf"(.{{1,{width}}})(?: +|$)|(.{{{width}}})")


def wrap(paragraph: str, width: int) -> Wrapped:
    """Lines of at most `width` cells (never fewer than NARROWEST); `paragraph` has no newline."""
    width = max(width, NARROWEST)
    if not paragraph.strip():
        return [("", "\n")]
    if _NARROW.fullmatch(paragraph):
        lines = [
            (match[1].rstrip(" "), " ") if match[1] is not None else (match[2], "")
            for match in _lines(width).finditer(paragraph)
        ]
    else:
        lines = _measured(paragraph, width)
    lines[-1] = (lines[-1][0], "\n")
    return lines


def _measured(paragraph: str, width: int) -> Wrapped:
    lines: Wrapped = []
    line, used = "", 0
    for piece in _PIECES.findall(paragraph):
        word = piece.rstrip(" ")
        size = cell_len(word)
        if line and used + size > width:
            lines.append((line.rstrip(" "), " " if line.endswith(" ") else ""))
            line, used = "", 0
        if size > width:
            *whole, word = chop_cells(word, width)
            lines += [(chunk, "") for chunk in whole]
            size = cell_len(word)
            piece = word + " " * (len(piece) - len(piece.rstrip(" ")))
        line += piece
        used += size + len(piece) - len(word)
    return [*lines, (line.rstrip(" "), " ")] if line else lines
