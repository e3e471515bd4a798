"""Opinions as other trainers read them: whole texts in the pattern, each where it belongs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from talecraft.story.turns import Turn
from talecraft.studio import Studio
from talecraft.studio.sharing import Shape, Shared, shared
from tests.studio.test_evidence import say

Write = Callable[[str], Turn]
PROMPT = "<prompt>\nA fox.\n"


@pytest.fixture
def versions(studio: Studio, write: Write) -> list[Turn]:
    """Three versions of a first passage, and two of what follows its first."""
    first = write("A fox.")
    add = studio.library.stories.add_turn
    made = first.generation
    others = [
        add(first.story_id, None, "model", text, "- p", made) for text in ("It slept.", "It ran.")
    ]
    later = [
        add(first.story_id, first.id, "model", text, "", made) for text in ("Then rain.", "Snow.")
    ]
    return [first, *others, *later]


def found(studio: Studio, shape: Shape) -> Shared:
    ref = studio.model_ref()
    return shared(studio.library, ref.key, ref.style, shape)


def test_preferences_are_of_one_prompt_in_the_models_pattern(
    studio: Studio, versions: list[Turn]
) -> None:
    first, slept, ran, rain, snow = versions
    say(studio, slept, "choice", others=(ran.id,))
    say(studio, rain, "choice", others=(snow.id,))
    say(studio, first, "choice", value=0, others=(ran.id,))
    told = found(studio, "preference")
    assert told.rows[0]["prompt"] == PROMPT
    assert told.rows[0]["chosen"] == "<think>\n- p\n<story>\nIt slept.\n"
    assert told.rows[0]["rejected"] == "<think>\n- p\n<story>\nIt ran.\n"
    before = f"{PROMPT}<think>\n{first.outline}\n<story>\n{first.prose}\n"
    assert told.rows[1] == {
        "prompt": before, "chosen": "<story>\nThen rain.\n", "rejected": "<story>\nSnow.\n",
        "weight": 1.0, "kind": "choice",
    }  # fmt: skip
    assert (len(told.rows), told.left_out) == (2, 1), "a tie prefers none"


def test_of_plans_only_the_plans_are_compared(studio: Studio, versions: list[Turn]) -> None:
    first, slept, *_ = versions
    say(studio, slept, "choice", others=(first.id,), aspect="outline")
    (row,) = found(studio, "preference").rows
    assert row["chosen"] == "<think>\n- p\n"
    assert "<story>" not in row["rejected"]


def test_an_edit_is_preferred_to_what_it_was(studio: Studio, versions: list[Turn]) -> None:
    say(studio, versions[1], "edit", text="It slept until the snow was gone, and woke up hungry.")
    (row,) = found(studio, "preference").rows
    assert row["kind"] == "edit"
    assert row["chosen"].endswith("woke up hungry.\n")
    assert row["rejected"].endswith("It slept.\n")


def test_grades_are_labels_where_they_say_something_and_scores_always(
    studio: Studio, versions: list[Turn]
) -> None:
    for turn, stars in zip(versions, (5, 3, 1, 2, 4), strict=True):
        studio.writing.rate(turn.id, "stars", stars)
    told = found(studio, "unpaired")
    assert [one["label"] for one in told.rows] == [True, False, False, True]
    assert told.left_out == 1
    scores = found(studio, "completion").rows
    assert [one["score"] for one in scores] == [5, 3, 1, 2, 4]
    assert {one["prompt"] for one in scores[:3]} == {PROMPT}
    assert all(one["weight"] == 1.0 for one in scores)


def test_trl_reads_them(studio: Studio, versions: list[Turn], tmp_path: Path) -> None:
    """By datasets, with the columns of its own conversion from pairs to labels."""
    datasets = pytest.importorskip("datasets")
    from trl import unpair_preference_dataset

    say(studio, versions[1], "choice", others=(versions[2].id,))
    for turn, stars in zip(versions, (5, 3, 1, 2, 4), strict=True):
        studio.writing.rate(turn.id, "stars", stars)
    read = {}
    for shape in ("preference", "unpaired"):
        file = tmp_path / f"{shape}.jsonl"
        rows = found(studio, shape).rows  # type: ignore[arg-type]
        file.write_text("".join(json.dumps(one) + "\n" for one in rows))
        read[shape] = datasets.load_dataset(
            "json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache")
        )
    unpaired = unpair_preference_dataset(read["preference"].select_columns(
        ["prompt", "chosen", "rejected"]
    ))  # fmt: skip
    assert sorted(unpaired.column_names) == sorted(read["unpaired"].column_names)
    assert unpaired["label"] == [True, False]
