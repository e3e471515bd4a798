"""What a publisher, a transcriber or Project Gutenberg put around and into a text, cut out."""

from __future__ import annotations

import re
from collections import Counter

from talecraft.story.idf import terms

_START = re.compile(r"^\s*\*{2,}\s*START OF (?:THE|THIS) PROJECT GUTENBERG.*$", re.IGNORECASE)
_STOP = re.compile(
    r"^\s*(?:\*{2,}\s*END OF (?:THE|THIS) PROJECT GUTENBERG|End of (?:the )?Project Gutenberg)",
    re.IGNORECASE,
)
_PRODUCED = re.compile(
    r"(?i)^\s*(?:produced by|e-?text prepared by|this e-?text was (?:prepared|produced)|transcribed"
    r" (?:from|by)|prepared by .{0,40}(?:@|http|proofread)|\[?transcriber'?s? note|note: project"
    r" gutenberg|images of the original)|project gutenberg|pgdp\.net|https?://|www\.\w|\bISBN\b"
    r"|all rights reserved|distributed proofread"
)
_FOOTNOTE = re.compile(
    r"\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|\[[A-Z*]\]|\{\d{1,3}\}|\*\s?[\w\"']|\u2020|Footnote\b|FOOTNOTE\b)"
)
_PAGE = re.compile(r"[\[({]?\s*(?:p(?:age|g?\.)\s*)?\d{1,4}\s*[\])}]?", re.IGNORECASE)
_RULE = re.compile(r"[\s*_~=#.\u2022\u00b7+-]+")
# Inside a sentence: numbers of notes and of pages, and an asterisk that hangs at a word.
_REFERENCE = re.compile(
    r" ?\[(?:(?:[IVXLC]{1,6}[_.-])?\d{1,3}|[A-Z]|\*|\u2020)\]"
    r"| ?\{(?:(?:end|foot)?note |p(?:age)?\.? ?)?\d{1,4}\}"
    r"| ?\[(?:p|pg|page)\.? ?\d{1,4}\]"
    r"|(?<=[\w.,;!?)\"'])\(\d{1,3}\)"
    r"|(?<=[^\W_.,;!?)\"'][.,;!?)\"'])\*(?=\s|$)|(?<=[.,;!?)][\"']) \*(?= \w)"
    r"|(?<=[^\W_])[*\u2020]{1,3}(?=[\s.,;:!?\"')]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_BRACKET = re.compile(r"[\[\]]")
_MARK = re.compile(
    r"\[\s*_?(?:illustrations?|footnote|sidenote|transcriber|editor's note|note|decorat\w+|picture"
    r"|frontispiece|image|plate|music|map|blank page|greek|hebrew)\b",
    re.IGNORECASE,
)
LONGEST_MARK = 4000  # characters from a bracket to its other half; further apart they are no pair


class Frame:
    """Lines that come one after the other: only those within Project Gutenberg's frame, where
    there is one, pass; `header` holds what stood before."""

    def __init__(self, lines: list[str]) -> None:
        first = next((at for at, line in enumerate(lines) if _START.match(line)), -1)
        last = next((at for at, line in enumerate(lines) if at > first and _STOP.match(line)), None)
        self.header = lines[: first + 1]
        self.body = lines[first + 1 : last]
        self.cut = _count(self.header) + _count(lines[last:] if last is not None else [])


def unbracketed(text: str, cut: Counter[str]) -> str:
    """Without pictures, notes and captions in brackets, over several lines too. `cut` counts their
    words. Time grows with the text's length."""
    spans: list[tuple[int, int]] = []
    begun: list[int] = []
    for found in _BRACKET.finditer(text):
        while begun and found.start() - begun[0] > LONGEST_MARK:
            begun.pop(0)
        if found.group() == "[":
            begun.append(found.start())
        elif begun:
            start = begun.pop()
            if not begun and _goes(text, start, found.end()):
                spans.append((start, found.end()))
    kept, last = [], 0
    for start, end in spans:
        cut["notes and pictures"] += len(terms(text[start:end]))
        kept.append(text[last:start])
        last = end
    return "".join([*kept, text[last:]])


def unreferenced(text: str) -> str:
    """Without the numbers of notes and pages inside sentences."""
    return _REFERENCE.sub("", text)


def _goes(text: str, start: int, end: int) -> bool:
    """Whether this bracket is a mark, or a paragraph of its own: a caption."""
    if _MARK.match(text, start):
        return True
    before = text[max(0, start - 80) : start]
    after = text[end : end + 80]
    alone = not before.strip() or re.search(r"\n[ \t]*\n[ \t_]*$", before)
    return bool(alone and (not after.strip() or re.match(r"_?[ \t]*\n[ \t]*(?:\n|$)", after)))


def kind(block: list[str]) -> str:
    """Which kind of boilerplate these lines between blank ones are; '' for text."""
    text = " ".join(line.strip() for line in block)
    if _RULE.fullmatch(text):
        return "rules"
    if _PAGE.fullmatch(text):
        return "page numbers"
    if len(text) < 1500 and _PRODUCED.search(text):
        return "production notes"
    if _FOOTNOTE.match(text):
        return "footnotes"
    return ""


def _count(lines: list[str]) -> int:
    return sum(len(terms(line)) for line in lines)
