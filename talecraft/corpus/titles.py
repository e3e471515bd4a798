"""Whose book this is, and what it is called: from its header or its first lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

from talecraft.corpus import boilerplate, headings

_FIELD = re.compile(r"^(Title|Author):\s*(\S.*)$")
# "by E. Nesbit", "COLLECTED BY_ JOSEPH JACOBS", "Arranged and put into English by Lady Gregory."
_BY = re.compile(r"^(?P<role>(?:[\w,]+ ){0,7})_*by(?![a-z])[_:*-]*\s*(?P<name>.*)$", re.IGNORECASE)
_OTHER = re.compile(
    r"(?i)illustrat|drawing|picture|introduc|preface|foreword|publish|print|photo|notes?\b|produced"
    r"|prepared|edition|sold|revised|followed|accompanied"
)
_NOBODY = re.compile(r"(?i)(?:various|anonymous|unknown|anon\b)")
_NAME_WORD = re.compile(r"(?:[A-Z][\w'’.-]*|de|la|le|von|van|der|of|du|and|&|d'[A-Z]\w+)$")
_SMALL = "of and the a an in to for on by from with or".split()
LOOKED_AT = 60  # lines that are not blank
MOST_NAME = 6  # words


def named(header: Sequence[str], lines: Sequence[str]) -> tuple[str, str, int]:
    """Title and author, '' where they are not told, and how many of the first lines told them.

    `header` is Project Gutenberg's; else the title is the first line, and the author the second
    where it is a name alone, or whom a line 'by ...' names.
    """
    fields = (_FIELD.match(line.strip()) for line in header)
    told = {found[1]: found[2] for found in fields if found}
    title, author = told.get("Title", ""), told.get("Author", "")
    rows = _first(lines)
    if not rows:
        return _titled(title), _person(author), 0
    used = 0
    if not title and _is_title(rows[0][1]):
        title, used = _title(rows)
    if not author:
        author, at = _author(rows, lines)
        used = max(used, at) if author and title else used
    return _titled(title), _person(author), used


def _first(lines: Sequence[str]) -> list[tuple[int, str]]:
    """The first lines that say something, with their numbers; what says who made the file is
    passed over."""
    found: list[tuple[int, str]] = []
    skipped = False
    for at, line in enumerate(lines):
        text = line.strip().strip("_*#- ")
        if not text:
            skipped = False
            continue
        skipped = skipped or boilerplate.kind([text]) != "" or text[:1] in "[+|"
        if not skipped:
            found.append((at, text))
        if len(found) == LOOKED_AT:
            break
    return found


def _is_title(line: str) -> bool:
    """Most words capital, no sentence, and no chapter's heading."""
    parts = [part for part in line.split() if part[0].isalpha()]
    capital = sum(part[0].isupper() for part in parts)
    return (
        len(line) <= 100
        and 0 < len(parts) < 3 * capital
        and not headings.is_chapter(line)
        and not (headings.is_matter(line, 2) and len(parts) < 3)
    )


def _title(rows: list[tuple[int, str]]) -> tuple[str, int]:
    """The title over the lines that stand together, but for who it is by; and the number of the
    line after it."""
    told, last = [rows[0][1]], rows[0][0]
    for at, line in rows[1:4]:
        open_ended = told[-1].split()[-1].lower() in _SMALL
        name = not open_ended and is_name(line)
        if at != last + 1 or _BY.match(line) or name or not _is_title(line):
            break
        told.append(line)
        last = at
    return " ".join(told), last + 1


def _author(rows: list[tuple[int, str]], lines: Sequence[str]) -> tuple[str, int]:
    """The author, and the number of the line after the name."""
    if len(rows) > 1:
        at, second = rows[1]
        alone = at + 1 >= len(lines) or not lines[at + 1].strip()
        if rows[0][0] + 1 == at and alone and is_name(second):
            return second, at + 1
    nobody = ("", 0)
    for (at, line), after in zip(rows, [*rows[1:], (0, "")], strict=True):
        if headings.is_chapter(line) or len(line) > 100:
            break
        found = _BY.match(line)
        if found is None or _OTHER.search(found["role"]):
            continue
        who, end = (found["name"], at) if found["name"] else (after[1], after[0])
        who = re.sub(r"(?i)\s+in\s+\d{4}$", "", who.strip(" _*."))
        if _NOBODY.match(who):
            nobody = who, end + 1
        elif is_name(_person(who)):
            return who, end + 1
    return nobody


def is_name(text: str) -> bool:
    """Whether this looks like a person's: two words or more, all but particles capital."""
    parts = text.split()
    capital = sum(part[:1].isupper() for part in parts)
    return 2 <= len(parts) <= MOST_NAME and capital >= 2 and all(map(_NAME_WORD.match, parts))


def _person(name: str) -> str:
    """Without titles of learning and marks; 'JOSEPH JACOBS' as Joseph Jacobs."""
    name = name.partition(",")[0].strip(" _*.;:") if "," in name else name.strip(" _*;:")
    name = " ".join(name.split())
    return _titled(name) if len(name) > 4 else name


def _titled(text: str) -> str:
    """What stands in capitals alone, with capitals at its words' beginnings."""
    text = " ".join(text.split()).rstrip(" :")
    if text.isupper():
        text = re.sub(r"(?<=['’])S\b", "s", text.title())
        text = re.sub(rf"(?i)(?<=\s)(?:{'|'.join(_SMALL)})\b", _small, text)
    return text[:-1] if re.search(r"[a-z]{4}\.$", text) else text


def _small(found: re.Match[str]) -> str:
    return found.group().lower()
