"""`talecraft notes`, command by command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Talecraft


@pytest.fixture
def story(talecraft_: Talecraft) -> str:
    assert talecraft_("write", "A fox met Marta. So Marta ran, and Marta sang.").code == 0
    return "1"


def test_what_is_noted_is_shown(talecraft_: Talecraft, story: str) -> None:
    for arguments in (
        ("memory", story, "It is winter."),
        ("tell", story, "Keep it short.", "--depth", "2"),
        ("entry", story, "Mill", "It burned.", "--key", "mill,/old fire/"),
        ("entry", story, "Ro", "a fox", "--character", "--always"),
        ("plans", story, "--hide"),
        ("sofar", story, "They met.", "--upto", "1"),
    ):
        done = talecraft_("notes", *arguments)
        assert (done.code, done.out) == (0, ""), done.err
        assert "kept for story 1" in done.err.lower()
    shown = talecraft_("notes", "show", story).out
    assert shown == (
        "# memory\nIt is winter.\n\n# note to the model, 2 before the end\nKeep it short.\n\n"
        "# the story so far\nThey met.\n\n# character: Ro (called by: always told)\na fox\n\n"
        "# lore: Mill (called by: mill, /old fire/)\nIt burned.\n\n"
        "The model is not shown its earlier plans.\n"
    )
    assert json.loads(talecraft_("notes", "show", story, "--json").out)["memory"] == "It is winter."
    assert talecraft_("notes", "entry", story, "mill", stdin="It stands again.").code == 0
    assert talecraft_("notes", "forget", story, "Ro").code == 0
    nothing = talecraft_("notes", "memory", story)
    assert nothing.code == 2, "an empty pipe takes nothing away"
    assert "There is no text." in nothing.err
    taken = talecraft_("notes", "memory", story, "")
    assert (taken.code, "Taken away" in taken.err) == (0, True)
    shown = talecraft_("notes", "show", story).out
    assert "It stands again." in shown
    assert "memory" not in shown
    assert "Ro" not in shown


def test_what_the_model_sees(talecraft_: Talecraft, story: str) -> None:
    talecraft_("notes", "memory", story, "It is winter.")
    talecraft_("notes", "entry", story, "Mill", "It burned.")
    seen = talecraft_("notes", "context", story, "The owl woke.")
    assert seen.code == 0, seen.err
    assert "--- memory, 3 tokens\nIt is winter.\n" in seen.out
    assert "The owl woke." in seen.out
    assert "--- left out: lore Mill, 3 tokens: not spoken of" in seen.out
    assert "of 712 tokens" in seen.err
    table = json.loads(talecraft_("notes", "context", story, "--json").out)
    assert table["budget"] == 712
    assert [one["source"] for one in table["parts"]] == ["premise", "memory", "text"]
    assert table["left_out"][0]["why"] == "not spoken of"
    back = talecraft_("notes", "context", story, "--turn", "1")
    assert "What it was shown then." in back.out
    assert "Mill" not in back.out, "there was no such entry then"


def test_a_draft_is_the_storys_own_words(talecraft_: Talecraft, story: str) -> None:
    assert talecraft_("notes", "draft", story).out == "Marta\n"
    drafted = talecraft_("notes", "draft", story, "Marta", "--keep")
    assert "Marta sang" in drafted.out
    assert "# character: Marta" in talecraft_("notes", "show", story).out
    none = talecraft_("notes", "draft", story)
    assert (none.out, "three times" in none.err) == ("", True)


def test_a_lorebook_is_imported(talecraft_: Talecraft, story: str, tmp_path: Path) -> None:
    file = tmp_path / "book.json"
    file.write_text(
        '{"entries": {"0": {"key": ["mill"], "comment": "Mill", "content": "Burned."}}}'
    )
    taken = talecraft_("notes", "import", story, str(file))
    assert (taken.code, taken.out) == (0, "Mill\n")
    assert json.loads(talecraft_("notes", "import", story, str(file), "--json").out) != []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "9"), "no story 9"),
        (("memory", "9", "x"), "no story 9"),
        (("context", "9"), "no story 9"),
        (("context", "1", "--turn", "99"), "no turn 99"),
        (("context", "1", "--turn", "2"), "of another story"),
        (("entry", "1", "Mill", " "), "nothing to tell"),
        (("entry", "1", "Mill", "x", "--key", "/(/"), "no regular expression"),
        (("entry", "1", "Mill", "x", "--scan", "0"), "scan is 0"),
        (("forget", "1", "Mill"), "no entry called Mill"),
        (("draft", "1", "Otto"), "does not speak of Otto"),
        (("sofar", "1", "x", "--upto", "7"), "no passage 7"),
        (("import", "1", "/none.json"), "no such file"),
    ],
)
def test_wrong_use_is_one_clear_line(
    talecraft_: Talecraft, story: str, arguments: tuple[str, ...], words: str
) -> None:
    talecraft_("write", "Another story.")
    done = talecraft_("notes", *arguments)
    assert done.code == 2
    assert words in done.err
    assert "Traceback" not in done.err
