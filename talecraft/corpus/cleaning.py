"""Texts as they are found on disk -> paragraphs of plain prose."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PARAGRAPH = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")
# Bounded, and within a line: a hostile file must not take a time that grows with its square.
_MARKDOWN = re.compile(r"(\*\*|__)(?=\S)([^\n]{1,300}?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*_])([*_])(?=\S)([^*_\n]{1,300}?)(?<=\S)\1(?![\w*_])")
_HEADING = re.compile(r"^#{1,6}\s+", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:[-*_~=#][ \t]*){3,}$", re.MULTILINE)

# WritingPrompts (Fan et al. 2018) stands there tokenised: "do n't", "`` Yes , ''", "<newline>".
_CONTRACTION = re.compile(r" (n't|'(?:s|re|ve|ll|d|m))\b", re.IGNORECASE)
_BEFORE = re.compile(r" +([,.;:!?%)\]])")
_AFTER = re.compile(r"([(\[]) +")
_TOKENISED = re.compile(r"<newline>| n't|``| ''")
_TAG = re.compile(r"^\s*\[ ?[A-Za-z]{2} ?\]\s*")


def margin(text: str) -> int:
    """Where the lines of `text` end: nine in ten of them are no longer; 0 without lines."""
    lengths = sorted(len(line.rstrip()) for line in text.splitlines() if line.strip())
    return lengths[int(0.9 * len(lengths))] if lengths else 0


def unwrap(text: str, at: int | None = None) -> str:
    """Lines that are hard-wrapped at the margin `at` (None: the text's own) become paragraphs,
    divided by blank lines; verse keeps its lines. At one margin it is idempotent."""
    if at is None:
        at = margin(text)
    lines = "\n".join(line.rstrip() for line in text.splitlines())
    found = (joined(paragraph.split("\n"), at) for paragraph in _PARAGRAPH.split(lines))
    return "\n\n".join(one for one in found if one)


def joined(lines: Sequence[str], at: int) -> str:
    """A paragraph on one line; verse on its own lines. It is verse where its lines, but for the
    last, end well before the margin `at`."""
    rows = [row.strip() for row in lines if row.strip()]
    verse = len(rows) > 1 and all(len(row) < 0.7 * at for row in rows[:-1])
    return ("\n" if verse else " ").join(rows)


def wrapped(text: str) -> bool:
    """Whether single line ends stand within sentences: more than half of all lines end in mid
    sentence, at a margin of at most 100 characters."""
    rows = [row.rstrip() for row in text.splitlines() if row.strip()]
    if len(rows) < 5 or max(map(len, rows)) > 100:
        return False
    return sum(row[-1].isalnum() or row[-1] in ",;-" for row in rows) > len(rows) / 2


def unmarked(text: str) -> str:
    """Without Markdown's emphasis, headings and rules."""
    text = _RULE.sub("", text)
    text = _HEADING.sub("", text)
    text = _MARKDOWN.sub(r"\2", text)
    return _EMPHASIS.sub(r"\2", text)


def untokenised(text: str) -> str:
    """WritingPrompts' tokens put together again; other text stays as it is."""
    if not _TOKENISED.search(text):
        return text
    text = re.sub(r"[ \t]*<newline>[ \t]*", "\n", text)
    text = re.sub(r" ?''", '"', re.sub(r"`` ?", '"', text))
    text = _CONTRACTION.sub(r"\1", text)
    return _AFTER.sub(r"\1", _BEFORE.sub(r"\1", text))


def prompt(text: str) -> str:
    """A writing prompt on one line, its tag ([ WP ], [EU] ...) cut."""
    return " ".join(_BEFORE.sub(r"\1", _TAG.sub("", untokenised(text))).split())


def paragraphs(text: str) -> str:
    """Prose with one blank line between paragraphs and single blanks elsewhere."""
    text = text.replace("\r\n", "\n").replace("\t", " ").replace("\u00a0", " ")
    text = unwrap(text) if wrapped(text) else text
    rows = (" ".join(row.split()) for row in unmarked(untokenised(text)).split("\n"))
    return re.sub(r"\n{2,}", "\n\n", "\n".join(rows)).strip()


def typography(text: str) -> str:
    """One typography: straight quotes, three dots, one dash without blanks; no marks of italics."""
    text = _DASH.sub("\u2014", text.translate(STRAIGHT))
    if not text.replace("\n", "").isprintable():
        text = "".join(letter if letter == "\n" else _printed(letter) for letter in text)
    return re.sub(r"(?<!\w)_|_(?!\w)", "", text)


def _printed(letter: str) -> str:
    if letter.isprintable():
        return letter
    return " " if letter.isspace() else ""


def tidy(text: str) -> str:
    """Plain paragraphs in one typography, without notes and pictures."""
    text = re.sub(r"\[(?:Illustration|Footnote|Sidenote|\d+|[A-Z])[^\]]{0,400}\]", "", text)
    return spoken(typography(paragraphs(text)))


# Within a line: a dash that ends a paragraph does not join the next one to it.
_DASH = re.compile(r"[^\S\n]*(?:--+|\u2015)[^\S\n]*|[^\S\n]+[\u2013\u2014][^\S\n]+")
STRAIGHT = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2026": "...", "`": "'"}
)
# The first words of a chapter, as printers set them: "THERE was once", "A FOX FELL INTO a well".
_SHOUTED = re.compile(r"\A[\"']?[A-Z]+(?:[ ,'-]+[A-Z]+)*(?=[ ,]+[a-z])")


def spoken(text: str) -> str:
    """Without the capitals that printers begin a chapter with."""
    return _SHOUTED.sub(lambda found: _lowered(found.group()), text)


def _lowered(words: str) -> str:
    return words if len(words) < 3 else words.capitalize()
