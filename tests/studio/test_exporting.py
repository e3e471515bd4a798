"""A story as a file: whole, private, and reading the same as Markdown."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.errors import LibraryError, UsageError
from talecraft.story.turns import Story, Turn, title_from
from talecraft.studio import Studio, exporting
from talecraft.studio.exporting import escape, file_name, render

STORY = Story(1, "A *fox*", "A fox.", 3, "", "")
PATH = [
    Turn(1, 1, None, "model", "- it runs\n- it hides", "It ran.\n\nIt hid.", ""),
    Turn(2, 1, 1, "writer", "", "# Not a head_line", ""),
    Turn(3, 1, 2, "model", "- it waits", "", ""),
]


def test_text_is_the_prose_under_its_title() -> None:
    assert render(STORY, PATH, "txt") == (
        "A *fox*\n=======\n\nA fox.\n\nIt ran.\n\nIt hid.\n\n# Not a head_line\n"
    )


def test_text_with_its_plans() -> None:
    assert render(STORY, PATH, "txt", outlines=True) == (
        "A *fox*\n=======\n\nA fox.\n\n    - it runs\n    - it hides\n\nIt ran.\n\nIt hid.\n\n"
        "# Not a head_line\n\n    - it waits\n"
    )


def test_markdown_keeps_every_character_a_character() -> None:
    assert render(STORY, PATH, "md", outlines=True) == (
        "# A \\*fox\\*\n\nA fox.\n\n> \\- it runs\n> \\- it hides\n\nIt ran.\n\nIt hid.\n\n"
        "\\# Not a head\\_line\n\n> \\- it waits\n"
    )


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("[/oops] <b>", "\\[/oops\\] \\<b\\>"),
        ("1. first", "1\\. first"),
        ("a\n  - dash", "a\n  \\- dash"),
        ("+ plus\n= line", "\\+ plus\n\\= line"),
        ("in 1999. Then - no", "in 1999. Then - no"),
        ("back\\slash `code`", "back\\\\slash \\`code\\`"),
    ],
)
def test_escape(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@given(st.text(max_size=60))
def test_taking_the_escapes_out_again_gives_the_text(text: str) -> None:
    assert re.sub(r"\\([\\`*_{}\[\]<>#|~.)+=-])", r"\1", escape(text)) == text


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("A Fox, finds…", "a-fox-finds"),
        ("../../etc/passwd", "etc-passwd"),
        ("Über café", "uber-cafe"),
        ("日本", "story"),
        ("...", "story"),
        ("x" * 200, "x" * 60),
    ],
)
def test_file_names_are_plain(title: str, name: str) -> None:
    assert file_name(title) == name


def test_two_stories_of_one_title_are_two_private_files(studio: Studio) -> None:
    paths = []
    for words in ("One.", "Two."):
        story = studio.writing.new_story("P", title="Same")
        studio.writing.say(story.id, words)
        paths.append(exporting.export(studio.library, studio.home, story.id, "md"))
    assert [path.read_text() for path in paths] == [
        "# Same\n\nP\n\nOne.\n",
        "# Same\n\nP\n\nTwo.\n",
    ]
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    assert paths[0].parent == studio.home.exports


def test_a_story_without_a_name_of_its_own_begins_with_its_first_line() -> None:
    long = "A lighthouse keeper who had never once seen the sea by day went down to it."
    story = Story(1, title_from(long), long, None, "", "")
    assert story.title.endswith("…")
    assert render(story, [], "txt") == f"{long}\n"
    assert render(story, [], "md") == f"{long}\n"


def test_what_was_changed_since_it_was_exported_is_never_written_over(
    studio: Studio, tmp_path: Path
) -> None:
    story = studio.writing.new_story("P", title="Same")

    def export(target: Path | None = None) -> Path:
        return exporting.export(studio.library, studio.home, story.id, target=target)

    first = export()
    studio.writing.say(story.id, "One.")
    assert export() == first, "it is as it was exported"
    assert "One." in first.read_text()
    first.write_text("My own line.")
    second = export()
    assert (second.name, first.read_text()) == ("same-1_2.txt", "My own line.")
    studio.writing.say(story.id, "Two.")
    assert export() == second
    assert "Two." in second.read_text()
    mine = tmp_path / "mine.txt"
    mine.write_text("Kept.")
    with pytest.raises(UsageError, match="already there"):
        export(mine)
    assert mine.read_text() == "Kept."
    mine.unlink()
    assert export(mine) == export(mine) == mine
    shutil.rmtree(studio.home.exported)
    assert export(mine) == mine, "it says the same"
    shutil.rmtree(studio.home.exported)
    studio.writing.say(story.id, "Three.")
    with pytest.raises(UsageError, match="already there"):
        export(mine)


def test_where_no_receipt_can_be_kept_it_is_exported_all_the_same(
    studio: Studio, tmp_path: Path
) -> None:
    story = studio.writing.new_story("P", title="Same")
    studio.home.exported.parent.mkdir(parents=True, exist_ok=True)
    studio.home.exported.write_text("A file where a folder should be.")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt"))
    for target in (tmp_path / "a.txt", odd):
        assert exporting.export(studio.library, studio.home, story.id, target=target) == target
        assert "P" in target.read_text()


def test_what_cannot_be_exported_is_said(studio: Studio, tmp_path: Path) -> None:
    story = studio.writing.new_story("P")
    with pytest.raises(UsageError, match="'pdf' is not a format"):
        exporting.export(studio.library, studio.home, story.id, "pdf")
    with pytest.raises(UsageError, match="no story 9"):
        exporting.export(studio.library, studio.home, 9)
    (tmp_path / "file").write_text("kept")
    for target in (tmp_path / "none" / "x.txt", tmp_path / "file" / "x.txt", tmp_path):
        with pytest.raises(LibraryError, match="could not be written"):
            exporting.export(studio.library, studio.home, story.id, target=target)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "home"]
