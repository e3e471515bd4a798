"""A run that is going gives way, is paused, shows an example, and has the memory to itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from talecraft.errors import DoesNotFit, UsageError
from talecraft.process import run_events
from talecraft.process.messages import Loaded, Phase
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Example, GoingOn, RunEvent, Waiting
from talecraft.story.turns import Turn
from talecraft.studio import Studio, memory, waiting
from talecraft.studio.events import TurnWritten
from talecraft.studio.waiting import follow
from tests.support import tiny
from tests.support.tiny import Heard, until


@pytest.fixture
def going(studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch) -> EventTail:
    """A run that goes until it is stopped; its events."""
    monkeypatch.setenv("TINY_RUN", "going")
    tail = studio.training.tail(studio.training.start(studio.model).id)
    said(tail, lambda event: isinstance(event, run_events.Step))
    return tail


def said(tail: EventTail, wanted: Callable[[RunEvent], bool]) -> None:
    until(lambda: any(wanted(event) for event in tail.read()))


def end(studio: Studio) -> None:
    run = studio.training.stop()
    list(follow(studio.training, run.id))
    assert [one.state for one in studio.training.settle()] == ["cancelled"]


def test_without_a_run_there_is_nothing_to_ask(studio: Studio) -> None:
    for ask in (studio.training.pause, studio.training.ask_example, studio.training.stop):
        with pytest.raises(UsageError, match="No training run is going"):
            ask()
    with pytest.raises(UsageError, match="No training run is paused"):
        studio.training.unpause()
    with pytest.raises(UsageError, match="No training run is going"):
        waiting.example(studio.training)


def test_a_run_gives_way_while_a_turn_is_written(
    studio: Studio, heard: Heard, going: EventTail
) -> None:
    story = studio.writing.new_story("SLOW")
    request = studio.writing.continue_story(story.id)
    said(going, lambda event: event == Waiting("writing"))
    studio.writing.stop()
    heard.wait(TurnWritten, lambda event: event.request == request)
    said(going, lambda event: isinstance(event, GoingOn))
    end(studio)


def test_a_paused_run_waits_for_whoever_comes_next(studio: Studio, going: EventTail) -> None:
    run = studio.training.pause()
    said(going, lambda event: event == Waiting("pause"))
    assert studio.training.paused(run.id)
    studio.close()
    with Studio(engine_command=tiny.ENGINE) as other:
        assert other.training.settle() == []
        assert other.training.paused(run.id)
        assert other.training.resume(other.model).id == run.id
        said(going, lambda event: isinstance(event, GoingOn))
        assert not other.training.paused(run.id)
        other.training.pause()
        said(going, lambda event: event == Waiting("pause"))
        end(other)  # a cancel gets through


def test_a_paused_run_that_is_resumed_after_its_death_is_not_paused(
    studio: Studio, going: EventTail, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = studio.training.pause()
    said(going, lambda event: event == Waiting("pause"))
    end(studio)
    monkeypatch.setenv("TINY_RUN", "adopted")
    studio.training.resume(studio.model)
    list(follow(studio.training, run.id))
    assert [one.state for one in studio.training.settle()] == ["adopted"]


def test_an_example_is_written_when_it_is_asked_for(studio: Studio, going: EventTail) -> None:
    example = waiting.example(studio.training)
    assert isinstance(example, Example)
    assert example.sample.after == "It stands open."
    studio.training.pause()
    said(going, lambda event: event == Waiting("pause"))
    with pytest.raises(UsageError, match="is paused; the example comes when it goes on"):
        waiting.example(studio.training)
    end(studio)


def test_a_run_with_no_update_left_shows_no_example(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_RUN", "wait")
    tail = studio.training.tail(studio.training.start(studio.model).id)
    said(tail, lambda event: isinstance(event, run_events.Step))
    with pytest.raises(UsageError, match="has done its last update"):
        waiting.example(studio.training)
    end(studio)


# ---------------------------------------------------------------------------- room
def free(monkeypatch: pytest.MonkeyPatch, studio: Studio, share: float) -> None:
    """As much memory free as the run needs, and this share of what the engine needs."""
    room = studio.training.room(studio.model)
    monkeypatch.setattr(memory, "free_mb", lambda: room.run + share * room.engine)
    monkeypatch.setattr(memory, "_own_mb", lambda pid: 0.0)


def test_a_plan_says_what_it_needs_and_what_is_free(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, studio, 1.5)
    plan = studio.training.plan(studio.model)
    assert (plan.fits, plan.together, plan.refusal) == (True, True, "")
    assert plan.free_mb is not None
    assert 300 < plan.memory_mb < plan.free_mb
    assert 1 < plan.disk_mb < 100
    free(monkeypatch, studio, 0.5)
    plan = studio.training.plan(studio.model)
    assert (plan.fits, plan.together, plan.refusal) == (True, False, "")


@pytest.mark.parametrize("what", ["memory", "disk"])
def test_a_run_that_does_not_fit_is_refused_with_figures(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(memory, "free_mb" if what == "memory" else "free_disk_mb", lambda *_: 3.0)
    monkeypatch.setattr(memory, "_own_mb", lambda pid: 0.0)
    plan = studio.training.plan(studio.model)
    assert not plan.fits
    assert "3 MB are free" in plan.refusal
    assert what in plan.refusal
    with pytest.raises(DoesNotFit, match="3 MB are free") as caught:
        studio.training.start(studio.model)
    assert caught.value.exit_code == 4
    assert studio.library.runs.list() == []


def test_an_engine_without_room_sleeps_while_the_run_works_and_wakes_to_write(
    studio: Studio, heard: Heard, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    until(lambda: studio.phase == Phase("ready"))
    free(monkeypatch, studio, 0.5)
    monkeypatch.setenv("TINY_RUN", "going")
    first = studio.engine.pid
    assert first is not None
    run = studio.training.start(studio.model)
    tail = studio.training.tail(run.id)
    assert studio.engine.asleep
    until(lambda: tiny.gone(first))
    # Writing wakes it, and the run stands still until the turn is on disk.
    request = studio.writing.continue_story(studio.writing.new_story("SLOW").id)
    said(tail, lambda event: event == Waiting("writing"))
    second = studio.engine.pid
    assert second is not None
    studio.writing.stop()
    heard.wait(TurnWritten, lambda event: event.request == request)
    until(lambda: studio.engine.asleep)
    until(lambda: tiny.gone(second))
    said(tail, lambda event: isinstance(event, GoingOn))
    # Another program that finds the run leaves its engine asleep, unless it must write at once.
    told = Heard()
    with Studio(told, engine_command=tiny.ENGINE) as other:
        other.start_engine(beside_run=False)
        assert other.engine.asleep
        other.start_engine()
        assert told.wait(Loaded).adapter_id is None
        said(tail, lambda event: event == Waiting("writing"))
    said(tail, lambda event: isinstance(event, GoingOn))
    end(studio)
    studio.reload()
    assert heard.wait(Loaded, nth=3).adapter_id is None, "with the run over it is warm again"


def test_an_engine_with_room_stays_awake(studio: Studio, going: EventTail) -> None:
    assert studio.engine.running
    assert not studio.engine.asleep
    end(studio)
