"""Waiting for the engine: what is really in use, and every end of a turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from talecraft.errors import AdapterError, EngineError
from talecraft.library.adapters import Adapter
from talecraft.process.messages import Delta, Phase
from talecraft.studio import Studio
from talecraft.studio.events import StudioEvent
from talecraft.studio.waiting import Inbox
from tests.support import tiny


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def studio(inbox: Inbox) -> Iterator[Studio]:
    with Studio(inbox.put, engine_command=tiny.ENGINE) as opened:
        yield opened


def test_every_event_is_heard_in_order(studio: Studio, inbox: Inbox) -> None:
    heard: list[StudioEvent] = []
    studio.start_engine()
    loaded = inbox.loaded(None, heard.append)
    assert loaded == heard[-1]
    request = studio.writing.continue_story(studio.writing.new_story("A fox.").id, seed=2)
    written = inbox.written(request, heard.append)
    assert written == heard[-1]
    prose = "".join(e.text for e in heard if isinstance(e, Delta) and e.part == "prose")
    assert prose.strip() == written.turn.prose
    assert [e.phase for e in heard if isinstance(e, Phase)][:2] == ["starting", "loading"]


@pytest.mark.parametrize(
    ("premise", "words"),
    [("REFUSED", "There is no room."), ("EMPTY", "wrote nothing"), ("CRASH", "SIGKILL")],
)
def test_a_failed_turn_is_an_error(studio: Studio, inbox: Inbox, premise: str, words: str) -> None:
    studio.start_engine()
    inbox.loaded(None, lambda event: None)
    request = studio.writing.continue_story(studio.writing.new_story(premise).id)
    with pytest.raises(EngineError, match=words):
        inbox.written(request, lambda event: None)


def test_a_model_that_cannot_be_loaded_is_an_error(studio: Studio, inbox: Inbox) -> None:
    studio.engine.load(tiny.load("broken"))
    with pytest.raises(EngineError, match="The model is broken"):
        inbox.loaded(None, lambda event: None)


def test_an_engine_that_dies_while_loading_is_an_error(studio: Studio, inbox: Inbox) -> None:
    studio.engine.load(tiny.load("deadly"))
    with pytest.raises(EngineError, match="SIGKILL"):
        inbox.loaded(None, lambda event: None)


def test_another_adapter_than_was_asked_for_is_an_error_with_its_reason(
    studio: Studio, inbox: Inbox
) -> None:
    key = studio.model
    studio.library.adapters.add(
        Adapter("bad1", key.id, key.revision, None, "r", "bad1", {}, "active", "")
    )
    studio.start_engine()
    with pytest.raises(AdapterError, match="Adapter bad1 is damaged"):
        inbox.loaded("bad1", lambda event: None)
