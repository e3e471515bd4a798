"""`talecraft compare`: blind to its end, and what the writer says is done."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from talecraft.library import Library
from talecraft.library.adapters import Adapter
from talecraft.paths import home
from talecraft.process import adapter_files
from talecraft.studio import Studio
from talecraft.studio.comparing import Comparison
from tests.cli.conftest import Talecraft
from tests.support import tiny
from tests.support.hub_fixtures import known_as


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def adapters() -> list[str]:
    """One that writes, and a rejected one trained after it."""
    made: list[str] = []
    with Studio(engine_command=tiny.ENGINE) as studio:
        for state in ("retired", "rejected"):
            draft = studio.home.adapters / "draft"
            draft.mkdir(parents=True)
            (draft / "adapter_config.json").write_text(json.dumps({"state": state}))
            (draft / "adapter_model.safetensors").write_bytes(state.encode())
            files = adapter_files.checksums(draft)
            name = adapter_files.content_id(files)
            draft.rename(studio.home.adapters / name)
            parent = made[0] if made else None
            studio.library.adapters.add(
                Adapter(
                    name, studio.model.id, studio.model.revision, parent, "r", name, files,
                    state, "",  # type: ignore[arg-type]
                )
            )  # fmt: skip
            made.append(name)
        studio.library.adapters.activate(studio.model.id, made[0])
    return made


@pytest.fixture
def loyal(monkeypatch: pytest.MonkeyPatch, adapters: list[str]) -> str:
    """Verdicts that are always for the second adapter, whichever side it is on: three lines."""
    monkeypatch.setattr(
        "talecraft.studio.comparing.Comparison.__init__",
        functools.partialmethod(Comparison.__init__, seed=1),
    )
    with Studio(engine_command=tiny.ENGINE) as studio:
        studio.start_engine()
        trial = Comparison(studio, pairs=3)
        said = []
        while not trial.round.over:
            tiny.until(lambda: trial.round.pair is not None)
            assert trial.round.pair is not None
            made = trial.round.pair.a.generation
            assert made is not None
            said.append("a" if made.adapter_id == adapters[1] else "b")
            trial.round.choose("=")
    return "\n".join(said) + "\n"


def active() -> str | None:
    library = Library(home().library)
    try:
        found = library.adapters.active("llama-ember")
        return found.id if found else None
    finally:
        library.close()


@pytest.mark.parametrize(("answer", "option"), [("y\n", []), ("", ["--adopt"])])
def test_the_winner_writes_when_the_writer_says_so(
    talecraft_: Talecraft, adapters: list[str], loyal: str, answer: str, option: list[str]
) -> None:
    result = talecraft_("compare", "--pairs", "3", *option, stdin=loyal + answer)
    assert result.code == 0
    before, _, end = result.out.rpartition("\nadapter ")
    assert not any(name in before + result.err.split("3 choices")[0] for name in adapters)
    assert end.startswith(f"{adapters[1]} was chosen: 3. adapter {adapters[0]} was chosen: 0.")
    assert "That may still be chance." in end
    assert f"adapter {adapters[1]} writes from now on." in result.err
    assert active() == adapters[1]


@pytest.mark.parametrize("option", ["--adopt", None])
def test_a_trial_broken_off_changes_nothing(
    talecraft_: Talecraft, adapters: list[str], loyal: str, option: str | None
) -> None:
    begun = loyal[:2] + "q\ny\n"
    result = talecraft_("compare", "--pairs", "3", *filter(None, [option]), stdin=begun)
    assert f"{adapters[1]} was chosen: 1." in result.out
    assert result.code == (2 if option else 0)
    assert ("Only 1 of 3 pairs were judged" in result.err) == bool(option)
    assert active() == adapters[0]
    result = talecraft_("compare", "--pairs", "3", "--json", "--adopt", stdin=begun)
    assert result.code == 2
    assert lines(result.out)[-1]["adopted"] is False
    assert active() == adapters[0]


@pytest.mark.parametrize("answer", ["n\n", "", "yes\n"])
def test_without_a_yes_nothing_changes(
    talecraft_: Talecraft, adapters: list[str], loyal: str, answer: str
) -> None:
    result = talecraft_("compare", "--pairs", "3", stdin=loyal + answer)
    assert result.code == 0
    assert active() == adapters[0]
    refused = talecraft_("adapters", "use", adapters[1])
    assert refused.code == 2
    assert "did not pass its test" in refused.err
    assert f"talecraft compare {adapters[1][:8]}" in refused.err


def test_json_hides_whose_it_is_until_the_result(
    talecraft_: Talecraft, adapters: list[str], loyal: str
) -> None:
    result = talecraft_("compare", *adapters, "--pairs", "2", "--json", stdin="=\nn\n")
    *shown, end = lines(result.out)
    passages = [one[side] for one in shown if "a" in one for side in "ab"]
    assert len(passages) == 4
    assert not any("adapter" in one or "seconds" in one for one in passages)
    assert end == {
        "first": {"adapter": adapters[0], "won": 0},
        "second": {"adapter": adapters[1], "won": 0},
        "equal": 2, "unshown": 0, "p": 1.0, "words": "Neither was chosen more often.",
        "adopted": False,
    }  # fmt: skip
    tags = {tuple(one["tags"]) for one in lines(talecraft_("feedback", "export").out)[-3:]}
    assert tags == {("compare", f"A:{adapters[0]}", f"B:{adapters[1]}")}


def story(*lines: str) -> None:
    with Studio(engine_command=tiny.ENGINE) as studio:
        made = studio.writing.new_story(lines[0])
        for line in lines[1:]:
            studio.writing.say(made.id, line)


def test_the_same_by_both_is_counted_unseen(talecraft_: Talecraft, adapters: list[str]) -> None:
    story("SAME", "More.")
    result = talecraft_("compare", *adapters, "--story", "1", "--pairs", "3", stdin="=\n")
    assert result.code == 0
    assert "Neither was better: 3." in result.out
    assert "SAME" not in result.out
    assert "2 pairs were not shown: both passages were the same" in result.err
    assert "1 choice of this round kept in the log" in result.err


def test_pairs_that_do_not_come_end_it_with_what_was_judged(
    talecraft_: Talecraft, adapters: list[str]
) -> None:
    story("A fox.", "REFUSED")
    result = talecraft_(
        "compare", *adapters, "--story", "1", "--pairs", "8", "--json", stdin="=\n" * 8
    )
    assert result.code == 1
    assert "There is no room." in result.err.splitlines()[-1]
    end = lines(result.out)[-1]
    judged = sum("choice" in one for one in lines(result.out))
    assert end["equal"] == judged < 8
    assert not end["adopted"]


def test_the_bare_model_can_be_compared(talecraft_: Talecraft, adapters: list[str]) -> None:
    result = talecraft_("compare", adapters[0][:6], "none", "--pairs", "1", stdin="=\n")
    assert result.code == 0
    assert "the bare model was chosen: 0." in result.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["zz"], 2, "'zz' is no adapter here"),
        (["none", "none"], 2, "cannot be compared with itself"),
        (["--story", "9"], 2, "no story 9"),
        (["--pairs", "0"], 2, "'--pairs'"),
        (["--model", "gpt2"], 2, "GPT-2 is not installed"),
    ],
)
def test_what_cannot_be_compared_is_said(
    talecraft_: Talecraft, adapters: list[str], arguments: list[str], code: int, words: str
) -> None:
    result = talecraft_("compare", *arguments, stdin="a\n")
    assert (result.code, result.out) == (code, "")
    assert words in result.err


def test_without_adapters_and_with_a_damaged_one(
    talecraft_: Talecraft, request: pytest.FixtureRequest
) -> None:
    result = talecraft_("compare", stdin="a\n")
    assert result.code == 2
    assert "There is no adapter to compare yet." in result.err
    name = request.getfixturevalue("adapters")[1]
    os.truncate(home().adapters / name / "adapter_model.safetensors", 1)
    result = talecraft_("compare", stdin="a\n")
    assert result.code == 1
    assert "damaged" in result.err


@pytest.fixture
def second(own_home: Path) -> str:
    """Another model: the bundled one's files under another name."""
    known_as("second")
    return "second"


def test_two_models_are_compared_blind_and_train_nobody(talecraft_: Talecraft, second: str) -> None:
    result = talecraft_(
        "compare", second, "llama-ember", "--pairs", "3", "--json", stdin="a\nb\n=\n"
    )
    assert result.code == 0
    *shown, end = lines(result.out)
    passages = [one[side] for one in shown if "a" in one for side in "ab"]
    assert len(passages) == 6
    assert not any({"model", "adapter", "tokens", "seconds"} & set(one) for one in passages)
    assert (end["first"]["model"], end["second"]["model"]) == (second, "llama-ember")
    assert end["first"]["won"] + end["second"]["won"] == 2
    assert end["equal"] == 1
    with Studio(engine_command=tiny.ENGINE) as studio:
        pairs = [turn for turn in studio.library.feedback.all() if turn.kind == "choice"]
        assert len(pairs) == 3
        turns = studio.library.stories.turns([pairs[0].turn_id, *pairs[0].others])
        assert {one.generation.model_id for one in turns} == {second, "llama-ember"}
        assert studio.training.plan(studio.model).choices == 0


def test_a_model_alone_is_compared_with_the_one_in_use(talecraft_: Talecraft, second: str) -> None:
    result = talecraft_("compare", second, "--pairs", "2", stdin="a\na\n")
    assert "second was chosen:" in result.out
    assert "llama-ember was chosen:" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["llama-ember", "llama-ember/none"], "Both are llama-ember"),
        (["gpt2"], "GPT-2 is not installed"),
        (["second", "llama-ember/zz"], "no adapter here"),
        (["second", "--adopt"], "not adopted by a trial"),
    ],
)
def test_a_trial_of_models_that_cannot_be(
    talecraft_: Talecraft, second: str, arguments: list[str], words: str
) -> None:
    result = talecraft_("compare", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
