"""`talecraft write`: prose on stdout, words on disk first, the same seed the same passage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from talecraft.library import Library
from talecraft.paths import home
from talecraft.story.turns import Turn
from tests.cli.conftest import Talecraft


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def turns(story: int) -> list[Turn]:
    library = Library(home().library)
    try:
        return list(library.stories.tree(story))
    finally:
        library.close()


def test_prose_is_the_data_and_the_rest_is_narration(talecraft_: Talecraft) -> None:
    result = talecraft_("write", "A fox.", "--seed", "2")
    assert result.code == 0
    (turn,) = turns(1)
    assert result.out == turn.prose + "\n"
    assert "- plan 2" in result.err
    assert "llama-ember on cpu (float32, quantisation none), no adapter." in result.err
    assert "Story 1, turn 1." in result.err
    assert "- plan" not in talecraft_("write", "A fox.", "--no-outline").err


def test_successive_passages_in_one_engine(talecraft_: Talecraft) -> None:
    result = talecraft_("write", "A fox.", "-n", "3", "--seed", "4")
    first, second, third = turns(1)
    assert [turn.parent_id for turn in (first, second, third)] == [None, first.id, second.id]
    assert result.out == f"{first.prose}\n\n{second.prose}\n\n{third.prose}\n"
    assert result.err.count("loading llama-ember") == 1
    seeds = [turn.generation.sampling.seed for turn in (first, second, third) if turn.generation]
    assert seeds == [4, 5, 6]


def test_the_last_of_several_passages_ends_the_story(talecraft_: Talecraft) -> None:
    assert talecraft_("write", "A fox.", "-n", "2", "--end").code == 0
    first, second = turns(1)
    assert "The end" not in first.outline
    assert second.outline.endswith("\n- The end")


def test_what_is_piped_and_what_is_said_are_joined(talecraft_: Talecraft) -> None:
    assert talecraft_("write", "It hid.", stdin="A fox ran.\n").code == 0
    library = Library(home().library)
    assert library.stories.get(1).premise == "A fox ran.\nIt hid."
    library.close()


def test_a_story_goes_on(talecraft_: Talecraft) -> None:
    talecraft_("write", "A fox.")
    assert talecraft_("write", "Then snow.", "--story", "1").code == 0
    assert talecraft_("write", "--story", "1").code == 0
    assert [turn.author for turn in turns(1)] == ["model", "writer", "model", "model"]
    assert turns(1)[1].prose == "Then snow."


def test_json_is_a_line_a_passage(talecraft_: Talecraft) -> None:
    result = talecraft_("write", "A fox.", "--count", "2", "--json", "--seed", "1")
    first, second = lines(result.out)
    assert (first["story"], first["turn"], first["parent"]) == (1, 1, None)
    assert (second["story"], second["turn"], second["parent"]) == (1, 2, 1)
    assert first["outline"] == "- plan 1"
    assert first["prose"] == turns(1)[0].prose
    made = ("llama-ember", None, 1, "end", 4, False)
    assert (
        tuple(first[k] for k in ("model", "adapter", "seed", "stop", "tokens", "stopped")) == made
    )


def test_many_stories_from_a_file(talecraft_: Talecraft, tmp_path: Path) -> None:
    (tmp_path / "p").write_text("A fox.\n\n  A bear. \n")
    result = talecraft_("write", "--prompts", str(tmp_path / "p"), "-n", "2", "--json")
    assert [(one["story"], one["turn"]) for one in lines(result.out)] == [
        (1, 1),
        (1, 2),
        (2, 3),
        (2, 4),
    ]
    assert result.err.count("loading llama-ember") == 1
    again = talecraft_("write", "--prompts", "-", "--json", stdin="A hen.\n")
    assert [one["story"] for one in lines(again.out)] == [3]


def test_markup_and_escapes_are_inert(talecraft_: Talecraft) -> None:
    result = talecraft_("write", "[bold]MARKUP[/oops]\x1b]52;c;x\x07\x9b31m")
    assert result.out == "[/oops] [red]not red[/red] [@click=app.quit]\n"
    shown = talecraft_("stories", "show", "1")
    assert "[bold]MARKUP[/oops]" in shown.out
    assert "\x1b" not in shown.out + result.err
    assert "[bold]MARKUP[/oops]" in talecraft_("stories", "list").out


def test_a_dry_run_shows_the_prompt_and_saves_nothing(talecraft_: Talecraft) -> None:
    result = talecraft_("write", "A fox.", "--dry-run")
    assert (result.code, result.out) == (0, "<prompt>\nA fox.\n\n")
    shown = lines(talecraft_("write", "A fox.", "--dry-run", "--json").out)[0]
    assert shown["blocks"] == ["<prompt>\nA fox.\n"]
    assert shown["settings"]["prose_tokens"] == 200
    assert json.loads(talecraft_("stories", "list", "--json").out) == []


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["write"], "", "needs a first line"),
        (["write", "   "], "\n", "needs a first line"),
        (["write", "\x1b[2J"], "", "needs a first line"),
        (["write", "x", "--prompts", "f"], "", "brings its own first lines"),
        (["write", "--prompts", "/no/file"], "", "cannot be read: no such file"),
        (["write", "--prompts", "-"], "\n \n", "no first line in -"),
        (["write", "x", "--story", "9"], "", "no story 9"),
        (["write", "x", "--model", "nope"], "", "no model 'nope'"),
        (["write", "x", "--model", "gpt2"], "", "GPT-2 is not installed"),
        (["write", "x", "--adapter", "zz"], "", "'zz' is no adapter here"),
        (["write", "x", "--count", "0"], "", "'--count'"),
        (["write"], "x" * 200_001, "More than 200 kB"),
    ],
)
def test_what_cannot_be_right_is_one_line_and_exit_2(
    talecraft_: Talecraft, arguments: list[str], stdin: str, words: str
) -> None:
    result = talecraft_(*arguments, stdin=stdin)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.startswith("talecraft: ")
    assert result.err.count("\n") == 1
    assert json.loads(talecraft_("stories", "list", "--json").out) == []


@pytest.mark.parametrize(("premise", "words"), [("REFUSED", "no room"), ("CRASH", "SIGKILL")])
def test_a_failure_says_so_and_keeps_the_words(
    talecraft_: Talecraft, premise: str, words: str
) -> None:
    result = talecraft_("write", premise)
    assert result.code == 1
    assert words in result.err.splitlines()[-1]
    assert json.loads(talecraft_("stories", "list", "--json").out)[0]["premise"] == premise
