"""A studio over the tiny engine and the tiny run, and what it told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from talecraft.library.runs import TrainingRun
from talecraft.process import classifier, look, machine, run_client, style, survey
from talecraft.process.messages import Draft
from talecraft.process.run_events import RunPhase
from talecraft.story.turns import Turn
from talecraft.studio import Studio
from talecraft.studio.events import TurnWritten
from talecraft.studio.waiting import follow
from tests.support import tiny
from tests.support.hub_fixtures import hub as hub


@pytest.fixture(autouse=True)
def tiny_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_client, "COMMAND", tiny.RUN)
    monkeypatch.setattr(look, "COMMAND", tiny.LOOK)
    monkeypatch.setattr(survey, "COMMAND", tiny.SURVEY)
    monkeypatch.setattr(classifier, "COMMAND", tiny.FITTING)
    monkeypatch.setattr(style, "COMMAND", tiny.STYLING)
    monkeypatch.setattr(machine, "COMMAND", tiny.PROBE)


@pytest.fixture
def heard() -> tiny.Heard:
    return tiny.Heard()


@pytest.fixture
def studio(heard: tiny.Heard) -> Iterator[Studio]:
    with Studio(heard, engine_command=tiny.ENGINE) as opened:
        yield opened


Write = Callable[[str], Turn]


@pytest.fixture
def sent(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> list[Draft]:
    """Every order to draft, as the engine gets it."""
    orders: list[Draft] = []
    generate = studio.engine.generate

    def record(request: object) -> None:
        if isinstance(request, Draft):
            orders.append(request)
        generate(request)  # type: ignore[arg-type]

    monkeypatch.setattr(studio.engine, "generate", record)
    return orders


@pytest.fixture
def write(studio: Studio, heard: tiny.Heard) -> Write:
    """A new story from these words, and its first passage by the tiny engine."""

    def one(premise: str) -> Turn:
        if not studio.engine.running:
            studio.start_engine()
        story = studio.writing.new_story(premise)
        request = studio.writing.continue_story(story.id, seed=3)
        return heard.wait(TurnWritten, lambda event: event.request == request).turn

    return one


@pytest.fixture
def scored(studio: Studio, write: Write) -> list[Turn]:
    """Two stories of twelve versions, scored 1 to 5 in turn: enough to train on."""
    turns = []
    for premise in ("A fox.", "A bear."):
        first = write(premise)
        turns.append(first)
        for _ in range(11):
            turns.append(
                studio.library.stories.add_turn(
                    first.story_id, None, "model", "More.", "- p", first.generation
                )
            )
    for number, turn in enumerate(turns):
        studio.writing.rate(turn.id, "stars", number % 5 + 1)
    return turns


def run(studio: Studio, end: str, monkeypatch: pytest.MonkeyPatch, seed: int = 7) -> TrainingRun:
    """One tiny run to its end, settled."""
    monkeypatch.setenv("TINY_RUN", end)
    started = studio.training.start(studio.model, seed, updates=2)
    events = list(follow(studio.training, started.id))
    assert isinstance(events[0], RunPhase)
    settled = studio.training.settle()
    assert [one.id for one in settled] == [started.id]
    assert studio.training.settle() == []
    return settled[0]
