"""The corpora as they lie on disk -> `Text`s, one for each story, tale or chapter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from talecraft.corpus import cleaning
from talecraft.corpus.cleaning import tidy
from talecraft.corpus.headings import is_heading


class Text(msgspec.Struct, frozen=True):
    """A story. `group`: what it must not be parted from (its book, its tale in another telling;
    else its place in its file); `summary` is a true one, `sections` were cut by hand; '' and ()
    where there are none."""

    source: str
    group: str
    title: str
    body: str
    premise: str = ""
    summary: str = ""
    sections: tuple[str, ...] = ()


SNAKES = ("child", "bedtime", "campfire", "story", "slice_of_life")
# Tale collections; the others are scholarly, verse, or retold elsewhere.
TALES = (503, 540, 640, 641, 2435, 2591, 5314, 17208, 29021, 28, 11339, 7128, 7439, 12814, 3833)
NOT_A_TALE = re.compile(
    r"(?i)\b(contents|preface|introduct|notes?|index|glossary|appendix|footnotes?|illustrations?"
    r"|bibliograph|transcriber|preparer|publish|dedicat|history of|about the|volume|edition|page)\b"
)
FOREIGN = re.compile(r"(?i)\b(?:und|nicht|avec|dans|pour|della|ja|että|een|het)\b")
LEAST_WORDS = 40


def read(corpus: Path) -> Iterator[Text]:
    """Every text worth reading, cleaned, the best-kept source of a tale before the others."""
    yield from _fairytaleqa(corpus / "fairytaleqa.jsonl")
    yield from _pictures(corpus / "pratham_storyweaver.jsonl", "storyweaver")
    yield from _pictures(corpus / "african_storybook.jsonl", "african")
    for at, row in enumerate(_rows(corpus / "tinystories.jsonl")):
        yield Text("tinystories", f"tinystories {at}", "", tidy(row["text"]))
    for at, row in enumerate(_rows(corpus / "snakes_summary_pairs.jsonl")):
        body, summary = tidy(row["story"]), tidy(row["summary"])
        yield Text("snakes_pairs", f"snakes_pairs {at}", "", body, summary=summary)
    for name in SNAKES:
        yield from _snakes(corpus / f"snakes_{name}.jsonl", f"snakes_{name}")
    yield from _tales(corpus / "gutenberg_fairy_tales")
    yield from _chapters(corpus / "clic_childrens_literature")
    yield from _magazines(corpus / "lcats_short_stories.jsonl")


def key(title: str) -> str:
    """What two tellings of one tale have in common: 'The Frog-Prince' is 'frog prince'."""
    words = re.findall(r"[a-z]+", title.lower().replace("'s", ""))
    return " ".join(w for w in words if w not in {"the", "a", "an", "or", "of", "and", "story"})


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


# Some of its texts are hard-wrapped, some have a paragraph a line.
_MID_SENTENCE = re.compile(r"(?<=[\w,;-])[ \t]*\n(?=[ \t]*\S)")


def _fairytaleqa(path: Path) -> Iterator[Text]:
    for row in _rows(path):
        title = row["name"].replace("-", " ").strip()
        title = title[:1].upper() + title[1:]
        sections = tuple(tidy(_MID_SENTENCE.sub(" ", one)) for one in row["sections"])
        body = "\n".join(sections)
        yield Text("fairytaleqa", key(title), title, body, sections=sections)


def _pictures(path: Path, source: str) -> Iterator[Text]:
    for row in _rows(path):
        pages = [tidy(page).replace("\n", " ") for page in row["pages"]]
        body = "\n".join(" ".join(pages[at : at + 3]) for at in range(0, len(pages), 3))
        body = body.removeprefix(row["title"]).strip()
        yield Text(source, key(row["title"]), row["title"], body)


def _snakes(path: Path, source: str) -> Iterator[Text]:
    for at, row in enumerate(_rows(path)):
        named = re.search(r"`([^`]+)`", row["prompt"])
        asked = re.sub(r"(?i)^(write|tell) (a|an|the)( short)? [\w-]+ (about|where|in which) ", "",
                       row["prompt"])  # fmt: skip
        premise = "" if named else asked[:1].upper() + asked[1:]
        title = named.group(1) if named else ""
        body = re.sub(r"(?m)^\s*\([^)]*\)\s*$", "", row["text"])  # stage notes
        body = tidy(body).removeprefix(title).strip()
        yield Text(source, f"{source} {at}", title, body, premise=tidy(premise))


def _tales(folder: Path) -> Iterator[Text]:
    for number in TALES:
        (path,) = folder.glob(f"{number}_*.txt")
        text = path.read_text(encoding="utf-8", errors="replace").translate(cleaning.STRAIGHT)
        title, lines = "", list[str]()
        blanks = 2
        rows = text.splitlines()
        for line, after in zip(rows, [*rows[1:], ""], strict=True):
            words = line.strip()
            if words and not after.strip() and is_heading(words, blanks):
                yield from _tale(number, title, lines)
                title, lines = words, []
            else:
                lines.append(line)
            blanks = 0 if words else blanks + 1
        yield from _tale(number, title, lines)


def _tale(number: int, title: str, lines: list[str]) -> Iterator[Text]:
    if NOT_A_TALE.search(title) or not title:
        return
    while lines and (not lines[-1].strip() or re.match(r"\s*(\[|\(\d|Footnote)", lines[-1])):
        lines.pop()
    body = tidy(cleaning.unwrap("\n".join(lines)))
    if re.match(r"(Source|Parallels|Remarks)\b", body):  # the collector's notes on a tale
        return
    kept = [one for one in body.split("\n\n") if not re.match(r"(\(\d|\d+\.? |\[|Footnote)", one)]
    name = re.sub(r"^(?:[IVXLC\d]+\.|\d+)\s*", "", title).strip(" .").title().replace("'S", "'s")
    yield Text("gutenberg_tales", key(name), name, "\n".join(kept))


def _chapters(folder: Path) -> Iterator[Text]:
    for path in sorted(folder.glob("ChiLit_*.txt")):
        title, _, rest = path.read_text(encoding="utf-8", errors="replace").partition("\n")
        _, _, rest = rest.partition("\n")
        for chapter in re.split(r"(?m)^(?:CHAPTER|BOOK|PART) [^\n]{0,90}$", rest):
            body = tidy(cleaning.unwrap(chapter))
            yield Text("clic", path.stem, title.strip(), body.replace("\n\n", "\n"))


def _magazines(path: Path) -> Iterator[Text]:
    for row in _rows(path):
        body = tidy(row["text"])
        if row["collection"] == "hemingway" or len(FOREIGN.findall(body)) > len(body) / 600:
            continue
        tale = row["collection"] in {"grimm", "anderson", "wilde_happy_prince"}
        title = row["title"].partition("\n")[0].rpartition(" - ")[2].strip()
        yield Text("lcats_tales" if tale else "lcats", key(title), title,
                   body.replace("\n\n", "\n"))  # fmt: skip
