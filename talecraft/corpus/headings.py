"""Which lines of a book are no story: headings, and what stands before and after the chapters."""

from __future__ import annotations

import re

_NUMBER = (
    r"(?:[ivxlcdm]+|\d+|the\s+\w+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty"
    r"|first|second|third|fourth|fifth|last)"
)
_NUMBERED = re.compile(
    rf"(?:chapter|book|part|volume|vol\.|story|letter|section|night|adventure)\s+{_NUMBER}\b"
    r"(?![^\n]*[a-z],\s*$)",
    re.IGNORECASE,
)
_NAMED = re.compile(r"(?:prologue|epilogue|conclusion|prelude)\b[.: ]?.{0,60}$", re.IGNORECASE)
_UPPER = re.compile(r"(?:book|part|volume|vol\.)\s", re.IGNORECASE)
_MATTER = re.compile(
    r"(?:the\s+)?(?:(?:author's|editor's|publisher's|translator's|transcriber's|introductory)\s+)?"
    r"(?:preface|foreword|introduction|introductory|contents|dedication|dedicated to|to the reader"
    r"|list of (?:illustrations|plates|tales|stories)|illustrations|notes?|footnotes?|endnotes?"
    r"|index|glossary|appendix|appendices|bibliograph\w+|acknowledge?ments?|errata|advertisements?"
    r"|about the author|transcriber|copyright|notes and references|sources and parallels|parallels"
    r"|remarks|authorities|post ?scriptum|pages?(?=\W*$)|press notices|pronunciation)\b.{0,50}$",
    re.IGNORECASE,
)
_END = re.compile(r"(?:the\s+end|finis|end\s+of\s+.{3,60})[.!]?$", re.IGNORECASE)
LONGEST = 200  # characters; a heading is shorter


def is_chapter(text: str) -> bool:
    """Whether this says by itself that a chapter begins: 'CHAPTER IV. The Mill', 'Part Two'."""
    return (
        text[:1].isupper()
        and len(text) <= LONGEST
        and bool(_NUMBERED.match(text) or _NAMED.match(text))
    )


def is_upper(text: str) -> bool:
    """Whether a chapter's heading is that of a part or book, which has chapters below it."""
    return bool(_UPPER.match(text))


def is_matter(text: str, blanks: int) -> bool:
    """Whether what follows is no story but a preface, a table of contents, notes and the like.
    Such a heading is in capitals or has room before it: so many blank lines."""
    stands_out = text.isupper() or blanks >= 2
    return stands_out and text[:1].isupper() and len(text) <= 75 and bool(_MATTER.match(text))


def is_end(text: str) -> bool:
    """Whether a story ends here."""
    return text[:1].isupper() and bool(_END.match(text))


def is_heading(words: str, blanks: int) -> bool:
    """Whether a line that stands alone after so many blank ones looks like a title: in capitals,
    or with most of its words capital and no stop at its end."""
    letters = [letter for letter in words if letter.isalpha()]
    if len(letters) < 4 or len(words) > 75 or words[-1] in ",;:-\"'_":
        return False
    capital = sum(letter.isupper() for letter in letters) > 0.9 * len(letters)
    titled = words[-1] not in ".!?" and sum(w[0].isupper() for w in words.split()) > 1
    return (blanks >= 1 and capital) or (blanks >= 2 and titled)
