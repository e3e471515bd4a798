"""A paragraph cut at the ends of its sentences, nothing of it lost."""

from __future__ import annotations

import re

# After a stop and what closes with it, before what can begin a sentence; not after a title.
_END = re.compile(r"(?<=[.!?\u2026\"')\]])\s+(?=[\"'(\[]*[A-Z])|\n+")
_STOPPED = re.compile(r"[.!?\u2026][\"')\]]*\Z")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|Capt|Col|Gen|Lieut|Rev|Prof|Messrs|Esq|No|[A-Z])\.\Z")


def split(paragraph: str) -> list[str]:
    """The sentences in their order; a line's end ends one too. Joined by blanks they have the
    paragraph's words."""
    found: list[str] = []
    start = 0
    for end in _END.finditer(paragraph):
        before = paragraph[max(start, end.start() - 12) : end.start()]
        if "\n" in end.group() or (_STOPPED.search(before) and not _TITLE.search(before)):
            found.append(paragraph[start : end.start()])
            start = end.end()
    found.append(paragraph[start:])
    return [one for one in found if one.strip()]
