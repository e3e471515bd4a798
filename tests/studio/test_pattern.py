"""Teaching the pattern as a use case: planned, started, and the root that comes of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.config import models
from talecraft.errors import BusyError, DoesNotFit, UsageError
from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.paths import home
from talecraft.process import run_client, run_events
from talecraft.process.run_events import PatternSettings, RunSettings
from talecraft.story.turns import Turn
from talecraft.studio import Studio, memory, pattern
from talecraft.studio.waiting import follow
from tests.studio.conftest import run


@pytest.fixture
def tales(tmp_path: Path) -> Path:
    """Forty of them, as tiny_survey reads them."""
    file = tmp_path / "tales.jsonl"
    file.write_text("a tale\n" * 40)
    return file


def learn(
    studio: Studio, data: Path, monkeypatch: pytest.MonkeyPatch, end: str = "adopted"
) -> TrainingRun:
    """One tiny pattern run to its end, settled."""
    monkeypatch.setenv("TINY_RUN", end)
    plan = studio.pattern.plan(studio.model, data)
    started = studio.pattern.start(studio.model, plan, seed=5)
    list(follow(studio.training, started.id))
    (settled,) = studio.training.settle()
    return settled


def active(studio: Studio) -> Adapter:
    found = studio.library.adapters.active(studio.model.id)
    assert found is not None
    return found


def ordered(studio: Studio, ended: TrainingRun) -> RunSettings:
    folder = studio.home.runs / ended.id
    return run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())


def test_the_plan_says_what_there_is_and_what_it_takes(studio: Studio, tales: Path) -> None:
    plan = studio.pattern.plan(studio.model, tales)
    assert (plan.found.tales, plan.found.held_out, plan.refusal) == (40, 4, "")
    assert plan.data == str(tales)
    assert plan.epochs == 8, "of few tales as many times as are allowed"
    assert plan.steps == 160, "40 sequences, 2 a step, 8 times"
    assert plan.minutes > 0
    assert plan.memory_mb > studio.machine.run
    asked = studio.pattern.plan(studio.model, tales, epochs=2)
    assert (asked.epochs, asked.steps) == (2, 40)
    assert studio.library.runs.list() == []
    assert list((studio.home.runs / "look").iterdir()) == [], "nothing of it is left"


@given(st.integers(0, 500))
def test_few_examples_are_learned_in_smaller_steps_of_whole_micro_batches(examples: int) -> None:
    batch = pattern._batch(examples)
    made = pattern.settings_for(models.load(home()).default, 1, 0, batch)
    assert made.batch % made.micro_batch == 0
    assert pattern.SMALLEST_BATCH <= batch <= PatternSettings().batch
    enough = examples * pattern.MOST_EPOCHS >= pattern.SURE_STEPS * batch
    assert enough or batch == pattern.SMALLEST_BATCH
    larger_would_do = examples * pattern.MOST_EPOCHS >= pattern.SURE_STEPS * 2 * batch
    assert batch == PatternSettings().batch or not larger_would_do


def test_what_is_left_out_is_told(studio: Studio, tales: Path) -> None:
    plan = studio.pattern.plan(studio.model, tales)
    assert plan.left_out == ""
    found = msgspec.structs.replace(
        plan.found, there=9000, left_out=5, left_out_first=["a, row 1 (too short)", "a, row 4 (x)"]
    )
    told = msgspec.structs.replace(plan, found=found, most=5000).left_out
    assert told == (
        "Of 9,000 stories 5,000 were drawn at random."
        " Left out: a, row 1 (too short), a, row 4 (x) and 3 more."
    )
    with pytest.raises(UsageError, match="10 tales are too few"):
        studio.pattern.plan(studio.model, tales, most=10)
    assert studio.pattern.plan(studio.model, tales, most=0).most == 0


def test_too_few_tales_and_tales_that_cannot_be_read_start_nothing(
    studio: Studio, tmp_path: Path
) -> None:
    file = tmp_path / "few.jsonl"
    file.write_text("a tale\n" * 19)
    plan = studio.pattern.plan(studio.model, file)
    assert plan.refusal.startswith("1 more tale is needed")
    with pytest.raises(UsageError, match="1 more tale is needed"):
        studio.pattern.start(studio.model, plan)
    file.write_text("a tale\nbad\n")
    with pytest.raises(UsageError, match=r"tales.jsonl, row 2 is no JSON\."):
        studio.pattern.plan(studio.model, file)
    with pytest.raises(UsageError, match="nowhere is not there"):
        studio.pattern.plan(studio.model, tmp_path / "nowhere")
    for odd in ("~nobody-here/x", "x" * 5000, "a\udcff.txt", "nul\0"):
        with pytest.raises(UsageError, match="is not there"):
            studio.pattern.plan(studio.model, Path(odd))
    missing = studio.catalogue.get("gpt2")
    with pytest.raises(UsageError, match="GPT-2 is not installed"):
        studio.pattern.plan(missing, tmp_path)
    assert studio.library.runs.list() == []


def test_what_has_no_room_is_refused(
    studio: Studio, tales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_mb", lambda: 300.0)
    plan = studio.pattern.plan(studio.model, tales)
    assert not plan.fits
    with pytest.raises(DoesNotFit, match="It needs about"):
        studio.pattern.start(studio.model, plan)


def test_the_order_that_a_pattern_run_gets(
    studio: Studio, tales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = learn(studio, tales, monkeypatch)
    order = ordered(studio, ended)
    assert (order.method, order.seed, order.data) == ("pattern", 5, str(tales))
    assert (order.parent, order.root) == (None, None)
    assert order.pattern.learning_rate == pattern.MOST_RATE
    assert pattern.RATE * studio.model.learning_rate > pattern.MOST_RATE
    large = studio.catalogue.get("mistral-7b")
    assert pattern.settings_for(large, 3, 0).learning_rate == pattern.RATE * large.learning_rate
    assert not (studio.home.runs / ended.id / run_client.EPISODES).exists()


def test_an_adopted_pattern_is_a_root_and_training_begins_there(
    studio: Studio, scored: list[Turn], tales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run(studio, "adopted", monkeypatch)
    assert active(studio).root_id is None
    assert ordered(studio, before).root is None

    learn(studio, tales, monkeypatch)
    root = active(studio)
    assert (root.is_root, root.root_id, root.parent_id) == (True, root.id, before.adapter_id)

    studio.writing.rate(scored[0].id, "stars", 5)  # or it would learn the same as before
    taste = run(
        studio,
        "adopted",
        monkeypatch,
    )
    order = ordered(studio, taste)
    assert order.root is not None
    assert order.root.id == root.id
    assert order.parent is not None
    assert order.parent.id == root.id, "what writes now is the opponent"
    learned = active(studio)
    assert (learned.root_id, learned.is_root, learned.parent_id) == (root.id, False, root.id)

    studio.writing.rate(scored[1].id, "stars", 5)
    again = ordered(studio, run(studio, "adopted", monkeypatch))
    assert again.root is not None
    assert again.root.id == root.id, "the tenth run begins where the first did"
    assert again.parent is not None
    assert again.parent.id == learned.id


def test_a_root_is_rolled_back_in_one_step_like_any_adapter(
    studio: Studio, scored: list[Turn], tales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn(studio, tales, monkeypatch)
    assert studio.roll_back() is None
    assert studio.library.adapters.active(studio.model.id) is None
    assert ordered(studio, run(studio, "adopted", monkeypatch)).root is None


def test_a_rejected_pattern_changes_nothing(
    studio: Studio, tales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = learn(studio, tales, monkeypatch, "rejected")
    assert ended.state == "rejected"
    assert studio.library.adapters.active(studio.model.id) is None
    (kept,) = studio.library.adapters.list()
    assert (kept.state, kept.is_root) == ("rejected", True)


def test_a_root_is_kept_while_others_rest_on_it(
    studio: Studio, scored: list[Turn], tales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn(studio, tales, monkeypatch)
    root = active(studio)
    run(studio, "adopted", monkeypatch)
    learned = active(studio)
    with pytest.raises(UsageError, match="began at"):
        studio.adapters.delete(root.id)
    studio.use_adapter(None)
    studio.adapters.delete(learned.id)
    studio.adapters.delete(root.id)


def test_one_run_at_a_time_and_a_cut_off_one_goes_on(
    studio: Studio, scored: list[Turn], tales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_RUN", "wait")
    plan = studio.pattern.plan(studio.model, tales)
    started = studio.pattern.start(studio.model, plan)
    for start in (
        lambda: studio.training.start(studio.model),
        lambda: studio.pattern.start(studio.model, plan),
    ):
        with pytest.raises(BusyError):
            start()
    with pytest.raises(UsageError, match="no examples on its way"):
        studio.training.ask_example()
    studio.training.stop()
    list(follow(studio.training, started.id))
    assert [one.state for one in studio.training.settle()] == ["cancelled"]
    monkeypatch.setenv("TINY_RUN", "adopted")
    again = studio.training.resume(studio.model)
    assert (again.id, again.method) == (started.id, "pattern")
    list(follow(studio.training, again.id))
    assert [one.state for one in studio.training.settle()] == ["adopted"]


def test_the_time_of_a_pattern_run_is_not_taken_for_a_training_runs(
    studio: Studio, scored: list[Turn], tales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn(studio, tales, monkeypatch)
    assert not studio.training.plan(studio.model).measured
