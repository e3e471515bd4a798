"""A story as a file: plain text or Markdown, the prose alone or with its plans."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast, get_args

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.paths import Home, private_folder, private_write
from talecraft.story.turns import Story, Turn

Format = Literal["txt", "md"]
# Markdown's own characters, so that a story's asterisks stay asterisks.
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])|^(\s*)(\d+)([.)])|^(\s*)([-+=])", re.MULTILINE)


def render(story: Story, path: Sequence[Turn], form: Format, outlines: bool = False) -> str:
    """The open branch as text, its first line first; `outlines` puts each plan before its prose."""
    parts = [_prose(story.premise, form)]
    for turn in path:
        if outlines and turn.outline:
            parts.append(_plan(turn.outline, form))
        if turn.prose:
            parts.append(_prose(turn.prose, form))
    head = (
        f"# {escape(story.title)}" if form == "md" else f"{story.title}\n{'=' * len(story.title)}"
    )
    return "\n\n".join([head, *parts]) + "\n"


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

    Raises UsageError for an unknown format or story, LibraryError where it cannot be written.
    """
    rendered = text(library, story_id, form, outlines)
    if target is None:
        title = library.stories.get(story_id).title
        # With the id: two stories of one title are two files.
        target = private_folder(home.exports) / f"{file_name(title)}-{story_id}.{form}"
    private_write(target, rendered.encode())
    return target


def file_name(title: str) -> str:
    """A title as a plain file name: no separators, no leading dot, never empty."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-").lower()[:60] or "story"
