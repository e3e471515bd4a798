"""What a file of tales holds, as a child of its own reads it."""

import msgspec
import pytest

from talecraft.config.assets import reference_file
from talecraft.errors import EngineError, UsageError
from talecraft.learning import survey as child
from talecraft.process import survey
from talecraft.process.run_events import PatternSettings, RunSettings
from talecraft.story.turns import Sampling
from tests.support import tales
from tests.support.models import bundled_ref


def order(data) -> RunSettings:
    return RunSettings(
        "survey", "pattern", bundled_ref(), None, 4, 8, "all-linear", 0, 0, str(reference_file()),
        Sampling(), data=str(data), pattern=PatternSettings(held_out=0.1),
    )  # fmt: skip


def test_a_child_tells_what_there_is_and_leaves_nothing(tmp_path):
    data = tales.written(tmp_path / "tales.jsonl", tales.tales(30))
    found = survey.survey(tmp_path / "runs", order(data))
    assert (found.tales, found.held_out, found.turns, found.examples) == (30, 4, 30, 26)
    assert found.words == "26 tales to learn from, 4 held back to judge by."
    assert list((tmp_path / "runs" / "look").iterdir()) == []


def test_what_is_left_out_is_named(tmp_path):
    every = tales.tales(30)
    data = tales.written(tmp_path / "tales.jsonl", [*every, *every[:5]])
    with data.open("a") as file:
        file.write('{"prompt": "A fox", "story": "It hid."}\n')
    settings = msgspec.structs.replace(
        order(data), pattern=PatternSettings(held_out=0.1, most_tales=0)
    )
    found = child.survey(settings)
    assert (found.tales, found.left_out, found.there) == (30, 6, 35)
    assert len(found.left_out_first) == 3
    assert found.left_out_first[0] == "tales.jsonl, row 31 (the same as tales.jsonl, row 1)"
    few = msgspec.structs.replace(order(data), pattern=PatternSettings(most_tales=25))
    assert child.survey(few).there == 35
    assert child.survey(few).tales <= 25


def test_what_cannot_be_read_is_told_with_its_row(tmp_path, monkeypatch):
    data = tmp_path / "tales.jsonl"
    data.write_text('{"prompt": "p", "story": "' + "word " * 30 + '"}\n{"prompt": 1}\n')
    with pytest.raises(UsageError, match=r"tales\.jsonl, row 2 has no story"):
        survey.survey(tmp_path / "runs", order(data))
    monkeypatch.setattr(survey, "COMMAND", ("false",))
    with pytest.raises(EngineError, match="The tales could not be read: no word"):
        survey.survey(tmp_path / "runs", order(data))


def test_of_many_tales_some_are_counted_and_the_others_reckoned(tmp_path, monkeypatch):
    data = tales.written(tmp_path / "tales.jsonl", tales.tales(300))
    whole = child.survey(order(data))
    monkeypatch.setattr(child, "COUNTED", 50)
    some = child.survey(order(data))
    assert (some.tales, some.held_out, some.turns) == (whole.tales, whole.held_out, whole.turns)
    assert some.tokens == pytest.approx(whole.tokens, rel=0.06)
    assert some.examples == pytest.approx(whole.examples, rel=0.06)
