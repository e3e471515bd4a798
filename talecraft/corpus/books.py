"""A book as it lies on disk -> its chapters in clean paragraphs, and what was cut of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from talecraft.corpus import boilerplate, cleaning, headings, titles
from talecraft.story.clean import clean
from talecraft.story.idf import terms

LEAST_WORDS = 30  # of a chapter; what is shorter is an entry of a table of contents, or a motto
ENOUGH_HEADINGS = 3  # chapters that say so themselves, and no other line is taken for a heading
WIDEST = 120  # characters; where lines end beyond it they are paragraphs
_MARKDOWN = re.compile(r"\s*#{1,6}\s+\S")
INDENT = 3  # blanks before every line of what is set apart


class Chapter(NamedTuple):
    """`title` is unlike that of any other chapter of the book; '' where the book has none."""

    title: str
    paragraphs: list[str]


class Book(msgspec.Struct, frozen=True):
    """`cut`: how many words were left out, by what they were."""

    title: str
    author: str
    chapters: list[Chapter]
    cut: dict[str, int]


class _Block(NamedTuple):
    """Lines between blank ones; `blanks` of these stand before it."""

    rows: list[str]
    blanks: int

    @property
    def text(self) -> str:
        return " ".join(row.strip() for row in self.rows)

    @property
    def alone(self) -> str:
        """Its text where it is one line, without marks of emphasis and of notes; else ''."""
        return _bare(self.rows[0]) if len(self.rows) == 1 else ""

    @property
    def indented(self) -> bool:
        return all(row.startswith(" " * INDENT) for row in self.rows)


def parse(text: str, author: str = "", name: str = "") -> Book:
    """The book in `text`; `author` where it is known better than the book says, `name` for what
    has no title. Hostile characters are cleaned, lines unwrapped, quotes made straight."""
    cut = Counter[str]()
    frame = boilerplate.Frame(clean(text).translate(cleaning.STRAIGHT).splitlines())
    cut["frame"] = frame.cut
    title, own, used = titles.named(frame.header, frame.body[: 40 * titles.LOOKED_AT])
    cut["title"] = sum(len(terms(line)) for line in frame.body[:used])
    body = boilerplate.unbracketed("\n".join(frame.body[used:]), cut)
    chapters = _Reader(body, author or own, cut).chapters()
    return Book(title or name, author or own, chapters, {what: n for what, n in cut.items() if n})


class _Reader:
    """Goes through the blocks of a book once; `cut` counts what it leaves out."""

    def __init__(self, body: str, author: str, cut: Counter[str]) -> None:
        self._blocks = list(_blocks(body))
        self._author = author.lower()
        self._cut = cut
        self._margin = cleaning.margin(body)
        self._explicit = self._says_its_chapters()
        indented = sum(one.indented for one in self._blocks)
        self._sets_apart = indented < len(self._blocks) / 2  # else all of it is indented
        self._found: list[Chapter] = []
        self._seen = Counter[str]()
        self._part = self._title = ""
        self._held: list[str] = []
        self._motto = False  # whether one stands above the chapter being read
        self._before_prose = False  # between a heading and the first sentence
        self._matter = False  # whether what is read is no story

    def chapters(self) -> list[Chapter]:
        first = next((at for at, one in enumerate(self._blocks) if self._begins(one)), None)
        if first is not None and self._front(first):
            for block in self._blocks[:first]:
                self._leave(block, "front matter")
            self._blocks = self._blocks[first:]
        for block in self._blocks:
            self._read(block)
        self._close()
        return self._found

    def _says_its_chapters(self) -> bool:
        """Whether the chapters say so themselves, or are known by lines that stand alone like
        titles, as the tales of a collection."""
        told = sum(_chapter_of(one) != "" for one in self._blocks)
        alone = (one for one in self._blocks if one.alone and not _chapter_of(one))
        like = sum(one.blanks >= 2 and _like_title(one.alone, 2) for one in alone)
        return told >= max(ENOUGH_HEADINGS, like)

    def _front(self, first: int) -> bool:
        """Whether what stands before the first heading is a title page and no story."""
        before = self._blocks[:first]
        return self._explicit or sum(len(terms(one.text)) for one in before) < 300

    def _begins(self, block: _Block) -> bool:
        alone = block.alone
        own = not self._explicit and alone and _like_title(alone, block.blanks)
        return bool(_chapter_of(block) or _matter_of(block) or own)

    def _read(self, block: _Block) -> None:
        alone = block.alone
        if what := boilerplate.kind(block.rows):
            self._leave(block, what)
        elif _matter_of(block):
            self._leave(block, "headings")
            self._close()
            self._part, self._matter = "", True
        elif heading := _chapter_of(block):
            self._open(heading)
            if rest := _after_heading(block):
                self._text(rest)
        elif alone and headings.is_end(alone):
            self._leave(block, "headings")
            self._close()
            self._matter = True
        elif alone and self._is_title(alone, block.blanks) and not self._signs(alone):
            self._leave(block, "headings")
            if self._before_prose and self._title and not self._held:
                if not (self._motto or self._title.endswith(alone)):
                    self._title = f"{self._title} {alone}"
            else:
                self._open(alone, counted=True)
        elif self._matter:
            self._leave(block, "front and back matter")
        elif self._before_prose and self._sets_apart and block.indented:
            self._leave(block, "mottoes")
            self._motto = True
        else:
            self._text(block)

    def _is_title(self, alone: str, blanks: int) -> bool:
        """A line in capitals or like a title, where the book's chapters do not say what they are;
        right after a heading everywhere."""
        if self._explicit:
            return self._before_prose and not self._held and _like_title(alone, 2)
        return _like_title(alone, blanks)

    def _signs(self, alone: str) -> bool:
        """Whether this is a name below a preface."""
        name = titles.is_name(alone.rstrip("."))
        initials = re.search(r"\b[A-Z]\.", alone) is not None
        return self._matter and name and (initials or alone.rstrip(".").lower() == self._author)

    def _open(self, heading: str, counted: bool = False) -> None:
        if not counted:
            self._cut["headings"] += len(terms(heading))
        if self._before_prose and not self._held and headings.is_upper(self._title):
            self._part = self._title
        self._close()
        if headings.is_upper(heading):
            self._part = ""
        self._title, self._before_prose = heading, True
        self._matter = self._motto = False

    def _text(self, block: _Block) -> None:
        if self._matter:
            self._leave(block, "front and back matter")
            return
        wrapped = self._margin <= WIDEST
        found = [cleaning.joined(block.rows, self._margin)] if wrapped else block.rows
        for one in found:
            marked = cleaning.unmarked(one)
            text = boilerplate.unreferenced(marked)
            if text != marked:
                self._cut["notes and pictures"] += len(terms(marked)) - len(terms(text))
            text = _plain(cleaning.typography(text))
            if self._held and _goes_on(self._held[-1], text):
                self._held[-1] += f" {text}"
            elif text:
                self._held.append(text)
        self._before_prose = False

    def _close(self) -> None:
        """The chapter that was being read ends here."""
        held, self._held = self._held, []
        count = sum(len(terms(one)) for one in held)
        if 0 < count < LEAST_WORDS and (self._found or self._title):
            self._cut["short sections"] += count
        elif held:
            title = f"{self._part} {self._title}".strip() if self._part else self._title
            title = _plain(cleaning.typography(cleaning.unmarked(title)))
            self._seen[title] += 1
            if self._seen[title] > 1:
                title = f"{title} ({self._seen[title]})".strip()
            held[0] = cleaning.spoken(held[0])
            self._found.append(Chapter(title, held))
        self._title, self._before_prose = "", False

    def _leave(self, block: _Block, what: str) -> None:
        self._cut[what] += len(terms(block.text))


def _blocks(body: str) -> Iterator[_Block]:
    rows: list[str] = []
    blanks, before = 2, 2  # nothing stands before the first
    for line in body.split("\n"):
        if line.strip():
            if not rows:
                before = blanks
            rows.append(line.rstrip())
            blanks = 0
        else:
            if rows:
                yield _Block(rows, before)
                rows = []
            blanks += 1
    if rows:
        yield _Block(rows, before)


def _chapter_of(block: _Block) -> str:
    """The heading where this block is or begins with one that says so itself; '' where not."""
    first = block.rows[0].strip()
    if _MARKDOWN.match(first):
        return first.lstrip("# ").rstrip("# ")
    whole = _bare(block.text)
    if len(block.rows) <= 4 and headings.is_chapter(whole):
        return whole
    alone = _bare(first)
    return alone if len(block.rows) > 4 and headings.is_chapter(alone) else ""


def _bare(line: str) -> str:
    return boilerplate.unreferenced(line.strip().strip("_*# ")).strip()


def _matter_of(block: _Block) -> bool:
    """Whether a preface, a table of contents, notes or the like begin here."""
    markdown = _MARKDOWN.match(block.rows[0])
    text = _chapter_of(block) if markdown else block.alone
    return bool(text) and headings.is_matter(text, 2 if markdown else block.blanks)


def _like_title(alone: str, blanks: int) -> bool:
    """A title, and no entry of an index or a table of contents: 'FESTIVALS, 133-135'."""
    return headings.is_heading(alone, blanks) and not re.search(r"\d\W*$|,\s*\d", alone)


def _after_heading(block: _Block) -> _Block | None:
    """What stands in the same block below a heading of one line."""
    first = block.rows[0].strip()
    below = len(block.rows) > 4 or _MARKDOWN.match(first)
    return _Block(block.rows[1:], 0) if below and len(block.rows) > 1 else None


def _goes_on(before: str, text: str) -> bool:
    """Whether a page's end, or a picture, stood in the midst of this paragraph."""
    return text[:1].islower() and "\n" not in before + text and before[-1:].isalnum()


def _plain(text: str) -> str:
    return "\n".join(" ".join(row.split()) for row in text.split("\n") if row.strip())


def word_count(chapters: Sequence[Chapter]) -> int:
    return sum(len(terms(one)) for chapter in chapters for one in chapter.paragraphs)
