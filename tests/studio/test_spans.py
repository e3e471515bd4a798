"""Another text for a span: drafted as trials, what leads best to what follows first."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from talecraft.errors import UsageError
from talecraft.process.messages import Draft
from talecraft.story.context import Block
from talecraft.story.spans import How
from talecraft.story.turns import Turn
from talecraft.studio import Studio, evidence, reading
from talecraft.studio.events import SpanFailed, SpanReady, TurnWritten
from tests.support.tiny import Heard

Write = Callable[[str], Turn]
TEXT = "The fox sat. It looked at the sea. Then it went home."
START, END = TEXT.index("It looked"), TEXT.index(" Then")


def ask(studio: Studio, turn: Turn, how: How = "rewrite", text: str = TEXT) -> int:
    return studio.spans.ask(turn.id, text, START, END, how, seed=1)


def ready(heard: Heard, request: int) -> SpanReady:
    return heard.wait(SpanReady, lambda event: event.request == request)


def test_proposals_are_trials_the_best_first(studio: Studio, write: Write, heard: Heard) -> None:
    turn = write("A fox.")
    found = ready(heard, ask(studio, turn)).proposals
    assert len(found) == 4
    made = [one.turn for one in found]
    assert all(one.trial and one.generation is not None for one in made)
    assert {one.parent_id for one in made} == {turn.parent_id}
    assert [one.id for one in made] == sorted(one.id for one in made), "kept in their order"
    seeds = [one.generation.sampling.seed for one in made if one.generation is not None]
    assert found[0].text == f"Draft {seeds[0]} of 1 blocks."
    drafted = studio.library.stories.turns([one.id for one in made])
    assert all(one.prose.startswith("The fox sat. Draft") for one in drafted)
    page = reading.page(studio.library, turn.story_id)
    assert [one.id for one in page.path] == [turn.id], "they belong to no branch"
    assert page.versions == 1


def test_the_last_seed_fits_best(
    studio: Studio, write: Write, heard: Heard, sent: list[Draft]
) -> None:
    """The tiny engine says that each draft leads better to what follows than the one before."""
    turn = write("A fox.")
    found = ready(heard, ask(studio, turn)).proposals
    ((*_, last),) = sent[0].seeds
    assert found[0].text == f"Draft {last} of 1 blocks."


def test_what_the_model_is_asked(
    studio: Studio, write: Write, heard: Heard, sent: list[Draft]
) -> None:
    turn = write("A fox.")
    lengths = {}
    for how in ("rewrite", "expand", "shorten", "describe"):
        ready(heard, ask(studio, turn, how))  # type: ignore[arg-type]
        lengths[how] = sent[-1].sampling.prose_tokens
    first, describe = sent[0].middle, sent[-1].middle
    assert first is not None
    assert describe is not None
    assert first.outline == "- It looked at the sea"
    assert first.prose == "The fox sat."
    assert first.following == " Then it went home."
    assert first.whole
    assert describe.prose == "The fox sat. It looked at the sea."
    assert lengths == {"rewrite": 8, "expand": 14, "shorten": 8, "describe": 48}


def test_the_next_passage_follows_a_short_rest(
    studio: Studio, write: Write, heard: Heard, sent: list[Draft]
) -> None:
    turn = write("A fox.")
    studio.writing.say(turn.story_id, "Rain fell.")
    studio.spans.ask(turn.id, "The fox sat. ", 13, 13, "insert", seed=1)
    heard.wait(SpanReady)
    middle = sent[0].middle
    assert middle is not None
    assert middle.following == "\n<story>\nRain fell."
    assert middle.outline == turn.outline
    assert middle.prose == "The fox sat."


def test_a_long_beginning_is_context_and_its_end_goes_on(
    studio: Studio, write: Write, heard: Heard, sent: list[Draft]
) -> None:
    turn = write("A fox.")
    begin = "One sentence more of it. " * 200
    studio.spans.ask(turn.id, begin + TEXT, len(begin), len(begin) + 12, "rewrite", seed=1)
    found = heard.wait(SpanReady).proposals
    head = sent[0].prompts[0][-1].text
    middle = sent[0].middle
    assert middle is not None
    assert len(middle.prose) <= 1200
    joined = head.removeprefix("<story>\n").strip() + " " + middle.prose
    assert joined == begin.strip()
    assert found[0].text.startswith("Draft ")


def test_the_writers_own_passage_is_helped_too(studio: Studio, write: Write, heard: Heard) -> None:
    turn = write("A fox.")
    mine = studio.writing.say(turn.story_id, TEXT)
    assert mine is not None
    assert len(ready(heard, ask(studio, mine)).proposals) == 4


def test_a_model_with_instructions_gets_one(
    studio: Studio, write: Write, heard: Heard, sent: list[Draft], monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = write("A fox.")
    model, writing = studio._prompting()
    chat = msgspec.structs.replace(model, style=msgspec.structs.replace(model.style, chat=True))
    monkeypatch.setattr(studio.spans, "_prompting", lambda story: (chat, writing))
    ready(heard, ask(studio, turn, "shorten"))
    (block,) = sent[0].prompts[0]
    told = f"<prompt>\nA fox.\n\nTell this in half the length: “{TEXT[START:END]}”"
    assert block == Block(told, source="premise")


def test_what_is_taken_stands_above_what_was_passed_over(
    studio: Studio, write: Write, heard: Heard
) -> None:
    turn = write("A fox.")
    found = ready(heard, ask(studio, turn)).proposals
    studio.spans.take(found[2], found[:2])
    studio.spans.take(found[3], [])
    (said,) = studio.writing.opinions(found[2].turn.id)
    assert (said.kind, said.others) == ("choice", tuple(one.turn.id for one in found[:2]))
    assert studio.writing.opinions(found[3].turn.id) == []
    gathered = evidence.gather(studio.library, studio.model.key).evidence
    assert len(gathered.passages) == 3
    pairs = [(gathered.passages[p.better].turn_id, gathered.passages[p.worse].turn_id)
             for p in gathered.preferences]  # fmt: skip
    assert pairs == [(found[2].turn.id, one.turn.id) for one in found[:2]]


def test_the_same_twice_and_the_span_itself_are_no_proposals(
    studio: Studio, write: Write, heard: Heard
) -> None:
    turn = write("SAME fox.")
    assert len(ready(heard, ask(studio, turn)).proposals) == 1
    same = "The fox sat. Draft 1 of 1 blocks. Then it went home."
    end = same.index(" Then")
    studio.spans.ask(turn.id, same, 13, end, "rewrite", seed=1)
    assert "nothing else" in heard.wait(SpanFailed).message


@pytest.mark.parametrize(("word", "message"), [("EMPTY", "nothing else"), ("REFUSED", "no room")])
def test_what_goes_wrong_is_said(
    studio: Studio, write: Write, heard: Heard, word: str, message: str
) -> None:
    turn = write("A fox.")
    mine = studio.writing.say(turn.story_id, word)
    assert mine is not None
    studio.writing.continue_story(turn.story_id)
    heard.wait((TurnWritten), nth=1)
    begin = f"{word} " * 400
    studio.spans.ask(mine.id, begin + TEXT, len(begin), len(begin) + 12, "rewrite")
    assert message in heard.wait(SpanFailed).message


def test_what_was_asked_before_is_given_up(studio: Studio, write: Write, heard: Heard) -> None:
    turn = write("A fox.")
    begin = "SLOW " * 400
    studio.spans.ask(turn.id, begin + TEXT, len(begin), len(begin) + 12, "rewrite")
    second = ask(studio, turn)
    assert ready(heard, second).request == second
    studio.spans.stop()
    assert len([one for one in heard.events if isinstance(one, SpanReady)]) == 1


def test_an_empty_span_is_refused(studio: Studio, write: Write) -> None:
    turn = write("A fox.")
    for start, end in ((0, 0), (12, 13)):
        with pytest.raises(UsageError, match="Select"):
            studio.spans.ask(turn.id, TEXT, start, end, "rewrite")
