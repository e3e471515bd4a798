"""A story as a file: plain text or Markdown, the prose alone or with its plans."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast, get_args

from talecraft.errors import LibraryError, UsageError
from talecraft.library import Library
from talecraft.paths import Home, private_folder, private_write
from talecraft.story.turns import Story, Turn, title_from

Format = Literal["txt", "md"]
# Markdown's own characters, so that a story's asterisks stay asterisks.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])|^(\s*)(\d+)([.)])|^(\s*)([-+=])", re.MULTILINE)


def render(story: Story, path: Sequence[Turn], form: Format, outlines: bool = False) -> str:
    """The open branch as text, its first line first, under the title that it was given; `outlines`
    puts each plan before its prose."""
    parts = [_prose(story.premise, form)]
    for turn in path:
        if outlines and turn.outline:
            parts.append(_plan(turn.outline, form))
        if turn.prose:
            parts.append(_prose(turn.prose, form))
    if story.title != title_from(story.premise):  # else it is the first line, and says no more
        line = "=" * len(story.title)
        parts.insert(0, f"# {escape(story.title)}" if form == "md" else f"{story.title}\n{line}")
    return "\n\n".join(parts) + "\n"


def _prose(prose: str, form: Format) -> str:
    """In Markdown a new line of a story is a new paragraph, or it would run on."""
    if form == "txt":
        return prose
    return "\n\n".join(escape(line) for line in prose.splitlines() if line.strip())


def _plan(outline: str, form: Format) -> str:
    lines = [line.strip() for line in outline.splitlines() if line.strip()]
    if form == "md":
        return "\n".join(f"> {escape(line)}" for line in lines)
    return "\n".join(f"    {line}" for line in lines)


def escape(text: str) -> str:
    """`text` as Markdown that reads the same."""

    def one(match: re.Match[str]) -> str:
        if match[1]:
            return "\\" + match[1]
        if match[3]:
            return f"{match[2]}{match[3]}\\{match[4]}"
        return f"{match[5]}\\{match[6]}"

    return _MARKDOWN.sub(one, text)


def text(library: Library, story_id: int, form: str, outlines: bool = False) -> str:
    """The open branch of a story. Raises UsageError for an unknown format or story."""
    if form not in get_args(Format):
        raise UsageError(f"'{form}' is not a format.", f"Formats: {', '.join(get_args(Format))}.")
    story = library.stories.get(story_id)
    path = library.stories.path(story.leaf_id)
    return render(story, path, cast(Format, form), outlines)


def export(
    library: Library,
    home: Home,
    story_id: int,
    form: str = "txt",
    target: Path | None = None,
    outlines: bool = False,
) -> Path:
    """Write the open branch of a story to `target`, or to a file of its name among the exports.

    Only a file that is still as it was exported is written over; another keeps its name, and among
    the exports this one gets the next number. Raises UsageError for an unknown format or story and
    where `target` is such a file, LibraryError where it cannot be written.
    """
    rendered = text(library, story_id, form, outlines).encode()
    if target is None:
        title = library.stories.get(story_id).title
        # With the id: two stories of one title are two files. No title has a line below.
        stem = private_folder(home.exports) / f"{file_name(title)}-{story_id}"
        names = (Path(f"{stem}{f'_{n}' if n > 1 else ''}.{form}") for n in itertools.count(1))
        target = next(one for one in names if not _anothers(home, one, rendered))
    elif _anothers(home, target := target.expanduser().absolute(), rendered):
        raise UsageError(f"{target} is already there.", "Name another place, or move it away.")
    private_write(target, rendered)
    with contextlib.suppress(LibraryError):  # it is exported; the next time nobody can say by whom
        private_folder(home.exported)
        private_write(_receipt(home, target), _digest(rendered))
    return target


def _anothers(home: Home, target: Path, rendered: bytes) -> bool:
    """Is there a file that says anything that no export did, this one counted?"""
    try:
        if not target.is_file():
            return False
    except OSError:
        return False  # nor can it be written: that says why
    try:
        found = _digest(target.read_bytes())
    except OSError:
        return True  # nobody can say
    if found == _digest(rendered):
        return False
    try:
        return _receipt(home, target).read_bytes() != found
    except OSError:
        return True


def _receipt(home: Home, target: Path) -> Path:
    """Where it is kept what was last exported to `target`: a file each, so that two programs do
    not lose each other's."""
    return home.exported / hashlib.sha256(os.fsencode(target.absolute())).hexdigest()


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def file_name(title: str) -> str:
    """A title as a plain file name: no separators, no leading dot, never empty."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()[:60] or "story"
