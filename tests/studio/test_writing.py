"""The page's use cases: words before generation, nothing overwritten, every end of a turn."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from talecraft.errors import EngineError, UsageError
from talecraft.library.stories import Stories
from talecraft.process.engine_client import Stopped
from talecraft.process.messages import Delta, Generate, Loaded
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Turn
from talecraft.studio import Studio
from talecraft.studio.events import Notice, TurnFailed, TurnWritten
from tests.support.tiny import Heard

Write = Callable[[str], Turn]


def last(heard: Heard, request: int) -> Turn:
    return heard.wait(TurnWritten, lambda event: event.request == request).turn


def test_words_are_on_disk_before_anything_is_asked(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = studio.writing.new_story("A fox.")
    studio.library.stories.save_draft(story.id, "It ran.")
    seen: list[tuple[list[str], str]] = []

    def generate(request: Generate) -> None:
        tree = studio.library.stories.tree(story.id)
        seen.append(([turn.prose for turn in tree], studio.library.stories.get(story.id).draft))
        assert [block.text for block in request.blocks][-1] == "<story>\nIt ran.\n"
        raise EngineError("no engine")

    monkeypatch.setattr(studio.engine, "generate", generate)
    with pytest.raises(EngineError):
        studio.writing.continue_story(story.id, " It ran.\x1b[2J ")
    assert seen == [(["It ran."], "")]
    assert not studio.writing.busy


def test_a_passage_is_written_and_recorded(studio: Studio, write: Write) -> None:
    turn = write("A fox.")
    assert turn.prose.startswith("Passage 3 of 1 blocks.")
    assert turn.outline == "- plan 3"
    assert turn.generation is not None
    assert turn.generation.sampling.seed == 3
    assert turn.generation.sampling.prose_tokens == studio.settings.writing.prose_tokens
    story = studio.library.stories.get(turn.story_id)
    assert story.leaf_id == turn.id
    assert studio.library.stories.turn(turn.id) == turn
    assert studio.loaded is not None
    assert studio.loaded.device == "cpu"


def test_seeds_differ_unless_they_are_given(studio: Studio, write: Write, heard: Heard) -> None:
    story = write("A fox.").story_id
    seeds = set()
    for _ in range(3):
        made = last(heard, studio.writing.continue_story(story)).generation
        assert made is not None
        seeds.add(made.sampling.seed)
    assert len(seeds) == 3


def test_a_retry_is_a_sibling_and_can_be_paged_through(
    studio: Studio, write: Write, heard: Heard
) -> None:
    first = write("A fox.")
    second = last(heard, studio.writing.retry(first.story_id, seed=4))
    assert second.parent_id == first.parent_id
    assert second.id != first.id
    assert studio.library.stories.get(first.story_id).leaf_id == second.id
    assert studio.writing.show_sibling(first.story_id, 1) is None
    assert studio.writing.show_sibling(first.story_id, -1) == first
    assert studio.library.stories.get(first.story_id).leaf_id == first.id
    assert studio.writing.show_sibling(first.story_id, -1) is None


def test_a_retry_from_an_edited_plan_follows_it(studio: Studio, write: Write, heard: Heard) -> None:
    first = write("A fox.")
    second = last(heard, studio.writing.retry(first.story_id, outline="- the fox hides"))
    assert second.outline == "- the fox hides"


def test_a_retry_after_the_writers_words_is_the_next_passage(
    studio: Studio, write: Write, heard: Heard
) -> None:
    first = write("A fox.")
    said = studio.writing.say(first.story_id, "Then snow.")
    assert said is not None
    assert last(heard, studio.writing.retry(first.story_id)).parent_id == said.id


def test_a_story_is_asked_to_end(studio: Studio, write: Write, heard: Heard) -> None:
    first = write("A fox.")
    turn = last(heard, studio.writing.continue_story(first.story_id, "It ran.", ending=True))
    assert turn.outline.endswith("\n- The end")
    assert last(heard, studio.writing.retry(first.story_id)).outline.endswith("\n- The end")
    assert last(heard, studio.writing.continue_story(first.story_id)).outline.count("end") == 0


def test_a_stopped_passage_is_kept(studio: Studio, heard: Heard) -> None:
    studio.start_engine()
    story = studio.writing.new_story("SLOW")
    request = studio.writing.continue_story(story.id)
    heard.wait(Delta, lambda event: event.part == "prose")
    assert studio.writing.busy
    studio.writing.stop()
    written = heard.wait(TurnWritten)
    assert (written.request, written.stopped, written.turn.prose) == (request, True, "Slowly.")
    assert not studio.writing.busy


def test_a_plan_stopped_before_its_prose_is_kept_and_followed(studio: Studio, heard: Heard) -> None:
    studio.start_engine()
    story = studio.writing.new_story("PLANONLY")
    studio.writing.continue_story(story.id, seed=5)
    heard.wait(Delta)
    studio.writing.stop()
    stopped = heard.wait(TurnWritten).turn
    assert (stopped.outline, stopped.prose) == ("- plan 5", "")
    followed = last(heard, studio.writing.continue_story(story.id, seed=6))
    assert followed.outline == "- plan 5"
    assert followed.prose.startswith("Passage 6")
    assert followed.parent_id == stopped.parent_id
    # New words do not follow an empty passage.
    studio.library.stories.open_leaf(story.id, stopped.id)
    said = studio.writing.say(story.id, "No: it rained.")
    assert said is not None
    assert said.parent_id is None


@pytest.mark.parametrize(
    ("premise", "message"),
    [("EMPTY", "The model wrote nothing."), ("REFUSED", "There is no room.")],
)
def test_a_turn_that_failed_leaves_the_story_as_it_was(
    studio: Studio, heard: Heard, premise: str, message: str
) -> None:
    studio.start_engine()
    story = studio.writing.new_story(premise)
    request = studio.writing.continue_story(story.id, "My words.")
    failed = heard.wait(TurnFailed)
    assert (failed.request, failed.story_id, failed.message) == (request, story.id, message)
    assert [turn.prose for turn in studio.library.stories.tree(story.id)] == ["My words."]
    assert not studio.writing.busy


def test_a_crash_fails_the_turn_and_the_next_one_works(
    studio: Studio, heard: Heard, write: Write
) -> None:
    studio.start_engine()
    story = studio.writing.new_story("CRASH")
    studio.writing.continue_story(story.id, "My words.")
    assert "SIGKILL" in heard.wait(TurnFailed).message
    assert heard.wait(Stopped).restarting
    assert [turn.prose for turn in studio.library.stories.tree(story.id)] == ["My words."]
    assert write("A fox.").prose


def test_a_turn_that_cannot_be_saved_is_said(
    studio: Studio, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from talecraft.errors import LibraryError

    def full(*_: object, **__: object) -> Turn:
        raise LibraryError("The disk is full.", "Free some.")

    studio.start_engine()
    story = studio.writing.new_story("A fox.")
    monkeypatch.setattr(Stories, "add_turn", full)
    studio.writing.continue_story(story.id)
    assert heard.wait(TurnFailed).message == "The disk is full."


def test_a_model_that_cannot_be_loaded_is_a_notice(studio: Studio, heard: Heard) -> None:
    from talecraft.process.messages import Load
    from tests.support.tiny import load

    studio.engine.load(Load(load("broken").model))
    assert heard.wait(Notice).message == "The model is broken."


@pytest.mark.parametrize("premise", ["", "  \n", "\x1b[2J", "\u200b"])
def test_a_story_needs_words(studio: Studio, premise: str) -> None:
    with pytest.raises(UsageError, match="first line"):
        studio.writing.new_story(premise)
    with pytest.raises(UsageError, match="first line"):
        studio.writing.preview(None, premise)
    assert studio.library.stories.list() == []


def test_titles_are_cleaned_and_never_empty(studio: Studio) -> None:
    story = studio.writing.new_story("A fox.\x1b]52;c;x\x07", title="  [/oops]\n\x1b[31m ")
    assert (story.title, story.premise) == ("[/oops]", "A fox.")
    studio.writing.rename(story.id, " The  fox ")
    assert studio.library.stories.get(story.id).title == "The fox"
    with pytest.raises(UsageError):
        studio.writing.rename(story.id, "\x07")


def test_a_preview_is_what_would_be_asked_and_saves_nothing(studio: Studio, write: Write) -> None:
    turn = write("A fox.")
    shown = studio.writing.preview(turn.story_id, "It hid.")
    assert [block.text.split("\n")[0] for block in shown] == ["<prompt>", "<think>", "<story>"]
    assert shown[-1].text == "<story>\nIt hid.\n"
    assert len(studio.library.stories.tree(turn.story_id)) == 1
    with pytest.raises(UsageError):
        studio.writing.preview(99, "x")


# ---------------------------------------------------------------------------- scores
def test_scores_are_checked_all_before_any_is_kept(studio: Studio, write: Write) -> None:
    turn = write("A fox.")
    said = studio.writing.say(turn.story_id, "Mine.")
    assert said is not None
    for wrong in (
        Feedback(0, turn.id, "stars", 6),
        Feedback(0, said.id, "stars", 3),  # the writer's own words
        Feedback(0, 999, "stars", 3),
    ):
        with pytest.raises(UsageError):
            studio.writing.score_many([Feedback(0, turn.id, "stars", 4), wrong])
    assert studio.library.feedback.all() == []


def test_the_latest_score_counts_and_can_be_withdrawn(studio: Studio, write: Write) -> None:
    turn = write("A fox.")
    assert not studio.writing.withdraw(turn.id)
    studio.writing.score(turn.id, "stars", 2, note="dull\x1b[2J")
    studio.writing.score(turn.id, "stars", 5)
    assert [line.value for line in studio.writing.opinions(turn.id)] == [5]
    assert studio.library.feedback.all()[0].note == "dull"
    assert studio.writing.withdraw(turn.id)
    assert studio.writing.opinions(turn.id) == []
    assert len(studio.library.feedback.all()) == 3  # nothing left the log


def test_a_grade_replaces_one_of_the_other_kind(studio: Studio, write: Write) -> None:
    turn = write("A fox.")
    studio.writing.rate(turn.id, "stars", 2)
    up = studio.writing.rate(turn.id, "thumb", 1)
    assert (up.kind, up.value) == ("thumb", 1)
    assert [(line.kind, line.value) for line in studio.writing.opinions(turn.id)] == [("thumb", 1)]


def test_an_adapter_switch_reaches_a_running_engine(studio: Studio, heard: Heard) -> None:
    studio.start_engine()
    heard.wait(Loaded)
    studio.use_adapter(None)
    assert heard.wait(Loaded, nth=2).adapter_id is None


def test_a_plan_comes_alone_is_drawn_again_and_is_followed_as_it_was_edited(
    studio: Studio, write: Write, heard: Heard
) -> None:
    first = write("A fox.")
    story = first.story_id
    plan = last(heard, studio.writing.continue_story(story, "Rain.", seed=4, plan_only=True))
    assert (plan.outline, plan.prose) == ("- plan 4", "")
    assert plan.generation is not None
    assert plan.generation.stop_reason == "plan"
    again = last(heard, studio.writing.continue_story(story, seed=5, plan_only=True))
    assert (again.outline, again.parent_id) == ("- plan 5", plan.parent_id)
    done = last(heard, studio.writing.continue_story(story, outline="- my own beat", seed=6))
    assert (done.outline, done.parent_id) == ("- my own beat", plan.parent_id)
    assert done.prose
    followed = studio.library.stories.path(done.id)
    assert [turn.prose for turn in followed] == [first.prose, "Rain.", done.prose]


def test_the_model_goes_on_from_the_beginning_of_its_own_passage(
    studio: Studio, write: Write, heard: Heard
) -> None:
    first = write("A fox.")
    version = last(heard, studio.writing.go_on_from(first.id, "\n It ran, and  ", seed=8))
    assert version.prose == "It ran, and goes on."
    assert (version.parent_id, version.outline) == (first.parent_id, first.outline)
    mine = studio.writing.say(first.story_id, "Mine.")
    assert mine is not None
    with pytest.raises(UsageError, match="your own"):
        studio.writing.go_on_from(mine.id, "Mi")


def test_the_engine_is_sent_what_stands_before_the_passage_not_after_it(
    studio: Studio, write: Write, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write("A fox.")
    last(heard, studio.writing.continue_story(first.story_id, "Rain.", seed=4))
    sent: list[Generate] = []
    monkeypatch.setattr(studio.engine, "generate", sent.append)
    studio.writing.go_on_from(first.id, "It ran")
    assert len(sent[0].blocks) == 1
    assert (sent[0].prose, sent[0].outline) == ("It ran", first.outline)


def test_a_grade_is_taken_back_and_all_else_that_is_known_of_the_passage_stays(
    studio: Studio, write: Callable[[str], Turn]
) -> None:
    turn = write("A fox.")
    studio.branching.edit(turn.id, "Another text.")
    studio.writing.score(turn.id, "stars", 4, "outline")
    studio.writing.rate_span(turn.id, "stars", 2, "some words")
    studio.writing.rate(turn.id, "stars", 5)
    assert studio.writing.withdraw(turn.id)
    left = studio.writing.opinions(turn.id)
    assert sorted((one.kind, one.aspect, one.tags) for one in left) == [
        ("edit", "both", ()), ("stars", "both", ("span",)), ("stars", "outline", ()),
    ]  # fmt: skip
    assert not studio.writing.withdraw(turn.id)
    assert studio.writing.withdraw(turn.id, spans=True)
    assert len(studio.writing.opinions(turn.id)) == 2


def test_a_thumb_for_a_passage_leaves_the_stars_of_its_plan(
    studio: Studio, write: Callable[[str], Turn]
) -> None:
    turn = write("A fox.")
    studio.writing.score(turn.id, "stars", 4, "outline")
    studio.writing.rate(turn.id, "thumb", 1)
    assert {(one.kind, one.aspect) for one in studio.writing.opinions(turn.id)} == {
        ("stars", "outline"), ("thumb", "both"),
    }  # fmt: skip
