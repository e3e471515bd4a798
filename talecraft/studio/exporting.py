"""A story as a file: plain text or Markdown, the prose alone or with its plans."""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast, get_args

import msgspec

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.paths import Home, private_folder, private_write
from talecraft.story.turns import Story, Turn, title_from

Format = Literal["txt", "md"]
_FILE, _RECEIPTS = "exported.json", 1000
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
    receipts = _receipts(home)
    if target is None:
        title = library.stories.get(story_id).title
        # With the id: two stories of one title are two files.
        stem = private_folder(home.exports) / f"{file_name(title)}-{story_id}"
        names = (f"{stem}{f'-{n}' if n > 1 else ''}.{form}" for n in itertools.count(1))
        target = next(one for one in map(Path, names) if not _anothers(one, rendered, receipts))
    target = target.expanduser().absolute()
    if _anothers(target, rendered, receipts):
        raise UsageError(f"{target} is already there.", "Name another place, or move it away.")
    private_write(target, rendered)
    older = [one for one in receipts.items() if one[0] != str(target)]
    kept = dict([(str(target), _digest(rendered)), *older[: _RECEIPTS - 1]])
    private_write(private_folder(home.data) / _FILE, msgspec.json.encode(kept))
    return target


def _receipts(home: Home) -> dict[str, str]:
    """What was exported: files and their digests, the newest first."""
    try:
        return msgspec.json.decode((home.data / _FILE).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return {}


def _anothers(target: Path, rendered: bytes, receipts: dict[str, str]) -> bool:
    """Is there a file that says anything that no export did, this one counted?"""
    try:
        found = _digest(target.read_bytes()) if target.is_file() else None
    except OSError:
        return True  # nobody can say
    return found is not None and found not in (receipts.get(str(target)), _digest(rendered))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_name(title: str) -> str:
    """A title as a plain file name: no separators, no leading dot, never empty."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()[:60] or "story"
