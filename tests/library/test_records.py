"""Feedback, adapters and runs."""

from __future__ import annotations

import sqlite3

import msgspec
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


def test_an_adapters_root_is_found_again(library: Library) -> None:
    root = msgspec.structs.replace(adapter("r00t"), root_id="r00t")
    library.adapters.add(root)
    library.adapters.add(msgspec.structs.replace(adapter("b"), root_id="r00t", parent_id="r00t"))
    assert library.adapters.get("r00t").is_root
    found = library.adapters.get("b")
    assert (found.root_id, found.is_root) == ("r00t", False)
    with pytest.raises(sqlite3.IntegrityError):
        library.adapters.add(msgspec.structs.replace(adapter("c"), root_id="nowhere"))


def test_an_adapter_by_the_beginning_of_its_id(library: Library) -> None:
    library.adapters.add(adapter("aa1"))
    library.adapters.add(adapter("ab2"))
    assert library.adapters.get("ab").id == "ab2"
    for wrong in ("a", "zz", "", "%"):
        with pytest.raises(UsageError):
            library.adapters.get(wrong)


def test_names_are_unique_among_the_living_of_a_model(library: Library) -> None:
    for name in ("aa1", "ab2"):
        library.adapters.add(adapter(name))
    library.adapters.add(msgspec.structs.replace(adapter("ac3"), model_id="other"))
    library.adapters.rename("aa1", "Harbour")
    library.adapters.rename("ac3", "harbour")
    with pytest.raises(UsageError, match="called 'harbour' already"):
        library.adapters.rename("ab2", "harbour")
    assert library.adapters.get("HARBOUR", "m").id == "aa1"
    assert library.adapters.get("harbour", "other").id == "ac3"
    with pytest.raises(UsageError, match="more than one"):
        library.adapters.get("harbour")
    library.adapters.annotate("aa1", "salt")
    library.adapters.delete("aa1")
    library.adapters.rename("ab2", "harbour")
    assert library.adapters.get("harbour", "m").id == "ab2"
    gone = library.adapters.get("aa1")
    assert (gone.name, gone.note, gone.label) == ("Harbour", "salt", "Harbour")
    assert gone.deleted_at
    assert [one.id for one in library.adapters.list("m")] == ["ab2"]
    assert [one.id for one in library.adapters.list("m", deleted=True)] == ["aa1", "ab2"]


def test_what_is_deleted_never_writes_and_what_writes_is_never_deleted(library: Library) -> None:
    library.adapters.add(adapter("aa1"))
    library.adapters.add(adapter("ab2"))
    library.adapters.activate("m", "aa1")
    with pytest.raises(UsageError, match="one that writes"):
        library.adapters.delete("aa1")
    library.adapters.delete("ab2")
    with pytest.raises(UsageError, match="has been deleted"):
        library.adapters.activate("m", "ab2")
    active = library.adapters.active("m")
    assert active is not None
    assert active.id == "aa1"


def test_the_same_content_again_brings_a_deleted_one_back(library: Library) -> None:
    for name, parent in (("aa1", None), ("ab2", "aa1")):
        library.adapters.add(adapter(name, parent=parent))
    library.adapters.rename("aa1", "harbour")
    library.adapters.delete("aa1")
    library.adapters.rename("ab2", "harbour")
    again = msgspec.structs.replace(adapter("aa1", parent="ab2"), run_id="later")
    library.adapters.add(again)
    back = library.adapters.get("aa1")
    assert (back.deleted_at, back.run_id, back.name) == (None, "later", "")
    assert back.parent_id is None, "nothing descends from itself"


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
