"""A ghost's use case: what is asked of the engine, and what is told of the answer."""

from __future__ import annotations

import msgspec
import pytest

from talecraft.errors import EngineError
from talecraft.process.messages import Draft
from talecraft.story.turns import Turn
from talecraft.studio import Studio
from talecraft.studio.events import GhostFailed, GhostReady
from tests.studio.conftest import Write
from tests.support.tiny import Heard


def test_it_goes_on_where_the_cursor_is(
    studio: Studio, write: Write, heard: Heard, sent: list[Draft]
) -> None:
    turn = write("A fox.")
    request = studio.ghosts.ask(turn.story_id, "The fox sat", seed=1)
    ghost = heard.wait(GhostReady)
    (order,) = sent
    assert (ghost.request, ghost.story_id) == (request, turn.story_id)
    assert ghost.text == f" Draft {order.seeds[0][0]} of 2 blocks."
    assert order.prompts[0][0].text == "<prompt>\nA fox.\n"
    assert turn.prose in order.prompts[0][1].text
    assert order.middle is not None
    assert (order.middle.prose, order.middle.outline) == ("The fox sat", "")
    assert order.middle.following == ""
    assert len(order.seeds[0]) == 1


def test_the_blank_before_it_stands_once(studio: Studio, write: Write, heard: Heard) -> None:
    turn = write("A fox.")
    studio.ghosts.ask(turn.story_id, "The fox sat ")
    assert heard.wait(GhostReady).text.startswith("Draft ")
    studio.ghosts.ask(turn.story_id, "")
    assert heard.wait(GhostReady, nth=2).text.startswith("Draft ")


def test_of_several_the_one_that_leads_to_what_follows(
    studio: Studio, write: Write, heard: Heard, sent: list[Draft]
) -> None:
    """The tiny engine says that the last leads best."""
    turn = write("A fox.")
    studio.ghosts.ask(turn.story_id, "The fox sat.", "Then it slept.")
    ghost = heard.wait(GhostReady)
    (order,) = sent
    assert order.middle is not None
    assert order.middle.following == " Then it slept."
    assert len(order.seeds[0]) == 3
    assert ghost.text == f" Draft {order.seeds[0][-1]} of 2 blocks. ", "and a blank before the rest"


def test_a_plan_that_waits_is_not_what_it_follows(
    studio: Studio, write: Write, heard: Heard, sent: list[Draft]
) -> None:
    turn = write("A fox.")
    studio.library.stories.add_turn(
        turn.story_id, turn.id, "model", "", "- A plan", turn.generation
    )
    studio.ghosts.ask(turn.story_id, "The fox sat")
    heard.wait(GhostReady)
    assert len(sent[0].prompts[0]) == 2


def test_nothing_of_it_is_on_disk(studio: Studio, write: Write, heard: Heard) -> None:
    turn = write("A fox.")
    studio.ghosts.ask(turn.story_id, "The fox sat")
    heard.wait(GhostReady)
    assert [one.id for one in studio.library.stories.tree(turn.story_id)] == [turn.id]
    assert studio.library.stories.get(turn.story_id).draft == ""


@pytest.mark.parametrize(
    ("word", "message"), [("EMPTY", "no more to say"), ("REFUSED", "There is no room")]
)
def test_what_goes_wrong_is_said(
    studio: Studio, write: Write, heard: Heard, word: str, message: str
) -> None:
    turn = write("A fox.")
    studio.ghosts.ask(turn.story_id, f"{word} " * 400)
    assert message in heard.wait(GhostFailed).message


def test_what_was_asked_before_is_given_up(studio: Studio, write: Write, heard: Heard) -> None:
    turn = write("A fox.")
    studio.ghosts.ask(turn.story_id, "SLOW " * 400)
    second = studio.ghosts.ask(turn.story_id, "The fox")
    assert heard.wait(GhostReady).request == second
    studio.ghosts.ask(turn.story_id, "SLOW " * 400)
    studio.ghosts.stop()
    third = studio.ghosts.ask(turn.story_id, "The fox")
    assert heard.wait(GhostReady, lambda event: event.request != second).request == third


def test_without_a_model_it_is_an_error_and_the_next_one_comes(
    studio: Studio, heard: Heard
) -> None:
    story = studio.writing.new_story("A fox.")
    with pytest.raises(EngineError, match="No model"):
        studio.ghosts.ask(story.id, "The fox")
    studio.start_engine()
    studio.ghosts.ask(story.id, "The fox")
    assert heard.wait(GhostReady).story_id == story.id


def test_a_model_with_instructions_gets_one(
    studio: Studio, write: Write, heard: Heard, sent: list[Draft],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    turn: Turn = write("A fox.")
    model, writing = studio._prompting()
    chat = msgspec.structs.replace(model, style=msgspec.structs.replace(model.style, chat=True))
    monkeypatch.setattr(studio.ghosts, "_prompting", lambda story: (chat, writing))
    studio.ghosts.ask(turn.story_id, "The fox sat")
    heard.wait(GhostReady)
    assert "In the last passage write only what comes next." in sent[0].prompts[0][0].text
