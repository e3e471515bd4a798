"""A passage token by token: what is asked of the engine, what is refused, another from there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import msgspec
import pytest

from talecraft.errors import UsageError
from talecraft.process.messages import Probe
from talecraft.story.turns import Generation, Turn
from talecraft.studio import Studio, reading
from talecraft.studio.events import TokensFailed, TokensRead, TurnWritten
from tests.support.tiny import Heard, until

Write = Callable[[str], Turn]


def record(turn: Turn) -> Generation:
    assert turn.generation is not None
    return turn.generation


def again(studio: Studio, turn: Turn, **changes: object) -> Turn:
    """The same passage with another record."""
    made = msgspec.structs.replace(record(turn), **changes)
    return studio.library.stories.add_turn(
        turn.story_id, turn.parent_id, "model", turn.prose, turn.outline, made
    )


def test_the_tokens_of_a_passage_come_with_what_they_were_read_with(
    studio: Studio, write: Write, heard: Heard
) -> None:
    turn = write("A fox.")
    studio.tokens.look(turn.id)
    found = heard.wait(TokensRead)
    assert found.turn == turn
    assert [one.taken.id for one in found.tokens] == record(turn).response_ids
    assert found.begins == 1, "the tag that opens the plan says nothing"
    assert (found.adapter_id, found.edited) == (None, False)
    studio.branching.edit(turn.id, "Edited.")
    studio.tokens.look(turn.id)
    assert heard.wait(TokensRead, nth=2).edited


def test_an_adapter_that_is_gone_leaves_the_look_to_what_writes_now(
    studio: Studio, write: Write, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Probe] = []
    send = studio.engine.generate

    def spy(command: Probe) -> None:
        asked.append(command)
        send(command)

    first = write("A fox.")
    monkeypatch.setattr(studio.engine, "generate", spy)
    studio.tokens.look(first.id)
    heard.wait(TokensRead)
    studio.tokens.look(again(studio, first, adapter_id="deadbeef").id)
    heard.wait(TokensRead, nth=2)
    found = [(one.adapter, one.active) for one in asked]
    assert found == [(None, False), (None, True)], "the bare model wrote the first one"


def test_what_cannot_be_looked_at_is_one_clear_line(studio: Studio, write: Write) -> None:
    turn = write("A fox.")
    mine = studio.writing.say(turn.story_id, "Rain.")
    assert mine is not None
    bare = studio.library.stories.add_turn(turn.story_id, mine.id, "model", "No record.")
    other = again(studio, turn, model_id="another")
    empty = again(studio, turn, response_ids=[], forced=[])
    said = {mine.id: "own words", bare.id: "no record", other.id: "by another", empty.id: "record"}
    for turn_id, words in said.items():
        with pytest.raises(UsageError, match=words):
            studio.tokens.look(turn_id)
        with pytest.raises(UsageError, match=words):
            studio.tokens.reroll(turn_id, 1)
    for position in (-1, 0, 4, 99):
        with pytest.raises(UsageError, match="no token"):
            studio.tokens.reroll(turn.id, position)


def test_a_look_nobody_waits_for_ends_quietly(studio: Studio, write: Write, heard: Heard) -> None:
    turn = write("A fox.")
    slow = again(studio, turn, response_ids=[9, 9, 9, 9])
    studio.tokens.look(slow.id)
    studio.tokens.stop()
    studio.tokens.look(slow.id)
    studio.tokens.look(turn.id)  # stops the one before
    assert heard.wait(TokensRead).turn == turn
    assert not any(isinstance(one, TokensRead) and one.turn == slow for one in heard.events)
    assert not any(isinstance(one, TokensFailed) for one in heard.events)


def test_an_engine_that_dies_fails_the_look(studio: Studio, write: Write, heard: Heard) -> None:
    turn = write("A fox.")
    slow = again(studio, turn, response_ids=[9, 9, 9, 9])
    studio.tokens.look(slow.id)
    pid = studio.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    failed = heard.wait(TokensFailed)
    assert failed.turn_id == slow.id
    assert failed.message
    until(lambda: studio.engine.running)


@pytest.mark.parametrize("then", [None, 77])
def test_a_passage_begun_again_is_a_sibling_with_the_very_tokens(
    studio: Studio, write: Write, heard: Heard, then: int | None
) -> None:
    turn = write("A fox.")
    request = studio.tokens.reroll(turn.id, 3, then, seed=5)
    made = heard.wait(TurnWritten, lambda event: event.request == request).turn
    assert made.prose == f"Begun with {[*record(turn).response_ids[:3], then]}."
    assert (made.parent_id, made.story_id) == (turn.parent_id, turn.story_id)
    page = reading.page(studio.library, turn.story_id)
    assert (page.path[-1].id, page.versions) == (made.id, 2)
    studio.branching.undo(turn.story_id)
    assert reading.page(studio.library, turn.story_id).path[-1].id == turn.id
