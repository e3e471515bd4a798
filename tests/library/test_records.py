"""Feedback, adapters and runs."""

from __future__ import annotations

import sqlite3

import pytest

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.story.feedback import Feedback


def adapter(name: str, state: str = "candidate", parent: str | None = None) -> Adapter:
    return Adapter(name, "m", "r", parent, "run", name, {"a": "b"}, state, "")  # type: ignore[arg-type]


def test_feedback_comes_back_as_it_was_given(library: Library) -> None:
    story = library.stories.create("T", "P")
    turn = library.stories.add_turn(story.id, None, "model", "p")
    given = Feedback(0, turn.id, "choice", 1, "prose", ("dull", "long"), "why", (3, 4), "text")
    kept = library.feedback.append([given, Feedback(0, turn.id, "stars", None)])
    assert kept == library.feedback.all() == library.feedback.of_turn(turn.id)
    assert (kept[0].tags, kept[0].others, kept[0].note, kept[0].text) == (
        ("dull", "long"), (3, 4), "why", "text",
    )  # fmt: skip
    assert kept[1].value is None
    assert kept[0].created_at
    assert library.feedback.watermark() == kept[-1].id
    assert library.feedback.append([]) == []


def test_feedback_is_all_or_nothing(library: Library) -> None:
    story = library.stories.create("T", "P")
    turn = library.stories.add_turn(story.id, None, "model", "p")
    lines = [Feedback(0, turn.id, "stars", 3), Feedback(0, 999, "stars", 3)]
    with pytest.raises(sqlite3.IntegrityError):
        library.feedback.append(lines)
    assert library.feedback.all() == []
    assert library.feedback.watermark() == 0


def test_one_adapter_of_a_model_is_active(library: Library) -> None:
    library.adapters.add(adapter("aa1"))
    library.adapters.add(adapter("aa2", parent="aa1"))
    assert library.adapters.active("m") is None
    library.adapters.activate("m", "aa1")
    library.adapters.activate("m", "aa2")
    assert {one.id: one.state for one in library.adapters.list("m")} == {
        "aa1": "retired",
        "aa2": "active",
    }
    library.adapters.activate("m", None)
    assert library.adapters.active("m") is None
    with pytest.raises(sqlite3.IntegrityError):  # also not by a second writer
        library.database.execute("UPDATE adapters SET state='active'")


def test_the_same_content_is_no_second_adapter(library: Library) -> None:
    library.adapters.add(adapter("aa1"))
    library.adapters.add(adapter("aa1", state="rejected"))
    assert [one.state for one in library.adapters.list()] == ["candidate"]


def test_an_adapter_by_the_beginning_of_its_id(library: Library) -> None:
    library.adapters.add(adapter("aa1"))
    library.adapters.add(adapter("ab2"))
    assert library.adapters.get("ab").id == "ab2"
    for wrong in ("a", "zz", "", "%"):
        with pytest.raises(UsageError):
            library.adapters.get(wrong)


def test_a_run_is_recorded_and_ended(library: Library) -> None:
    library.runs.add(TrainingRun("r1", "ppo", "m", None, 4, "{}", 7, "running"))
    library.runs.add(TrainingRun("r2", "ppo", "m", None, 4, "{}", 7, "running"))
    library.runs.launched("r1", 123)
    library.runs.end("r1", "rejected", '{"a": 1}', "no gain")
    ended = library.runs.get("r1")
    assert (ended.state, ended.outcome, ended.error, ended.pid) == (
        "rejected", '{"a": 1}', "no gain", 123,
    )  # fmt: skip
    assert ended.ended_at
    assert ended.started_at
    assert [run.id for run in library.runs.list()] == ["r2", "r1"]
    assert [run.id for run in library.runs.list("running")] == ["r2"]
    with pytest.raises(UsageError, match="no run 'x'"):
        library.runs.get("x")
