"""The taste round: pairs ahead of the reader, every verdict in the log, nothing lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from talecraft.config.assets import reference
from talecraft.errors import EngineError, LibraryError, UsageError
from talecraft.library.stories import Stories
from talecraft.process.messages import Draft, DraftsOver, Loaded
from talecraft.story import feedback
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Turn
from talecraft.studio import Studio, reading, tasting
from talecraft.studio.events import PairReady, RoundFailed
from talecraft.studio.rounds import Pair, Round, passage
from tests.support.tiny import Heard, until

Write = Callable[[str], Turn]


@pytest.fixture
def begin(studio: Studio) -> Callable[..., Round]:
    def one(*arguments: object, **more: object) -> Round:
        if not studio.engine.running:
            studio.start_engine()
        return studio.tasting.begin(*arguments, **{"seed": 1} | more)  # type: ignore[arg-type]

    return one


def shown(a_round: Round) -> Pair:
    """The pair to be judged, once it is there."""
    until(lambda: a_round.pair is not None)
    assert a_round.pair is not None
    return a_round.pair


def log(studio: Studio) -> list[tuple[object, ...]]:
    return [(one.turn_id, one.kind, one.value, one.others) for one in studio.library.feedback.all()]


def count(studio: Studio, table: str) -> int:
    return int(studio.library.database.rows(f"SELECT COUNT(*) FROM {table}")[0][0])


# ---------------------------------------------------------------------------- verdicts
def test_each_verdict_is_what_the_log_says(studio: Studio, begin: Callable[..., Round]) -> None:
    a_round = begin(None, 4)
    expected: list[tuple[object, ...]] = []
    for verdict in ("a", "b", "=", "neither"):
        pair = shown(a_round)
        a, b = pair.a.id, pair.b.id
        a_round.choose(verdict)  # type: ignore[arg-type]
        expected += {
            "a": [(a, "choice", 1, (b,))],
            "b": [(b, "choice", 1, (a,))],
            "=": [(a, "choice", 0, (b,))],
            "neither": [(a, "thumb", -1, ()), (b, "thumb", -1, ())],
        }[verdict]
    assert log(studio) == expected
    assert {one.tags for one in studio.library.feedback.all()} == {("taste",)}
    assert a_round.over
    assert a_round.judged == 4
    assert a_round.pair is None
    with pytest.raises(UsageError, match="round is over"):
        a_round.choose("a")


def test_a_choice_can_be_taken_back_and_made_again(
    studio: Studio, begin: Callable[..., Round]
) -> None:
    a_round = begin(None, 3)
    assert not a_round.undo()
    first = shown(a_round)
    a_round.choose("neither")
    second = shown(a_round)
    a_round.choose("a")
    assert a_round.undo()
    assert (a_round.judged, a_round.pair) == (1, second)
    assert a_round.undo()
    assert (a_round.judged, a_round.pair) == (0, first)
    assert not a_round.undo()
    assert feedback.current(studio.library.feedback.all()) == []
    assert len(log(studio)) == 6, "nothing leaves the log"
    a_round.choose("b")
    assert a_round.pair == second
    assert [one.turn_id for one in feedback.current(studio.library.feedback.all())] == [first.b.id]


def test_the_last_choice_of_a_round_can_be_taken_back(begin: Callable[..., Round]) -> None:
    a_round = begin(None, 1)
    pair = shown(a_round)
    a_round.choose("a")
    assert a_round.over
    assert a_round.undo()
    assert not a_round.over
    assert a_round.pair == pair


def test_which_of_the_two_is_a_is_drawn_by_lot(
    studio: Studio, begin: Callable[..., Round], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    generate = studio.engine.generate

    def noted(request: Draft) -> None:
        seeds.extend(seed for prompt in request.seeds for seed in prompt)
        generate(request)

    monkeypatch.setattr(studio.engine, "generate", noted)
    a_round = begin(None, 24)
    swapped = []
    while not a_round.over:
        pair = shown(a_round)
        a, b = pair.a.generation, pair.b.generation
        assert a is not None
        assert b is not None
        swapped.append(seeds.index(a.sampling.seed) > seeds.index(b.sampling.seed))
        a_round.choose("=")
    assert 4 <= sum(swapped) <= 20


def test_a_choice_that_cannot_be_kept_is_not_made(
    studio: Studio, begin: Callable[..., Round], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_round = begin(None, 2)
    pair = shown(a_round)

    def full(_: object) -> None:
        raise LibraryError("The disk is full.")

    monkeypatch.setattr(studio.tasting, "_score", full)
    with pytest.raises(LibraryError):
        a_round.choose("a")
    assert (a_round.pair, a_round.judged) == (pair, 0)


# ---------------------------------------------------------------------------- what is drafted
def test_pairs_are_siblings_with_their_whole_record(
    studio: Studio, begin: Callable[..., Round]
) -> None:
    pair = shown(begin(None, 2))
    for turn in (pair.a, pair.b):
        assert turn.trial
        assert turn.author == "model"
        assert studio.library.stories.turns([turn.id]) == [turn]
        assert turn.generation is not None
        sampling = turn.generation.sampling
        page = studio.settings.writing
        assert (sampling.temperature, sampling.top_p) == (page.temperature, page.top_p)
        assert (sampling.outline_tokens, sampling.prose_tokens) == (24, 40)
    assert pair.a.story_id == pair.b.story_id
    assert pair.a.parent_id is pair.b.parent_id is None
    seeds = {turn.generation.sampling.seed for turn in (pair.a, pair.b) if turn.generation}
    assert len(seeds) == 2
    assert pair.before in reference("prompt")
    assert pair.before not in reference("gate")


def test_half_the_pairs_follow_the_open_story_at_different_places(
    studio: Studio, write: Write, begin: Callable[..., Round]
) -> None:
    turn = write("A fox.")
    said = studio.writing.say(turn.story_id, "It ran.")
    assert said is not None
    a_round = begin(turn.story_id, 10)
    pairs = []
    while not a_round.over:
        pairs.append(shown(a_round))
        a_round.choose("a")
    own = [pair for pair in pairs if pair.a.story_id == turn.story_id]
    assert own[0] is pairs[0], "the open end comes first"
    assert own[0].before == f"A fox.\n\n{turn.prose}\n\nIt ran."
    assert {pair.a.parent_id for pair in own} == {said.id, turn.id, None}
    assert len(own) == 3
    assert len({pair.before for pair in pairs}) == 10


def test_every_other_pair_is_fresh_and_no_place_comes_twice(studio: Studio, write: Write) -> None:
    story = write("A fox.").story_id
    for number in range(30):
        studio.writing.say(story, f"Line {number}.")
    found = tasting.places(studio.library, story, 24, random.Random(3))
    assert [bool(one.story.id) for one in found] == [True, False] * 12
    assert len({one.before for one in found}) == 24
    assert found[0].path[-1].prose == "Line 29."
    many = tasting.places(studio.library, None, 130, random.Random(3))
    assert len(many) == 130
    assert len({one.before for one in many[:60]}) == 60


def test_nothing_is_drafted_after_a_plan_that_has_no_prose(studio: Studio, write: Write) -> None:
    turn = write("A fox.")
    studio.library.stories.add_turn(turn.story_id, turn.id, "model", "", "- a plan")
    found = tasting.places(studio.library, turn.story_id, 8, random.Random(3))
    assert found[0].path == (turn,)


def test_the_reader_is_never_far_behind(
    studio: Studio, begin: Callable[..., Round], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    generate = studio.engine.generate

    def counted(request: Draft) -> None:
        asked.append(len(request.prompts))
        generate(request)

    monkeypatch.setattr(studio.engine, "generate", counted)
    a_round = begin(None, 24)
    assert asked[:2] == [1, 4], "the first one alone: it is there soonest"
    until(lambda: a_round.waiting == 5)
    assert sum(asked) == 5, "no more than a stop may waste"
    a_round.choose("a")
    assert sum(asked) == 5
    a_round.choose("a")
    assert sum(asked) == 9
    while not a_round.over:
        shown(a_round)
        a_round.choose("a")
    assert sum(asked) == 24


def test_a_stop_keeps_what_was_chosen_and_asks_for_no_more(
    studio: Studio, begin: Callable[..., Round]
) -> None:
    a_round = begin(None, 24)
    shown(a_round)
    a_round.choose("a")
    shown(a_round)
    studio.tasting.stop()
    assert (a_round.over, a_round.judged, a_round.pair) == (True, 1, None)
    assert len(feedback.current(studio.library.feedback.all())) == 1
    assert not a_round.undo()
    again = begin(None, 2)  # what the first one asked for disturbs nothing
    shown(again)
    assert again.judged == 0
    assert count(studio, "turns") % 2 == 0


def test_a_draft_that_is_cut_off_shows_that_it_is(studio: Studio, write: Write) -> None:
    turn = write("A fox.")
    assert turn.generation is not None
    cut = msgspec.structs.replace(turn.generation, stop_reason="length")
    for prose, read in (("and then the", "and then the …"), ("It ran.", "It ran."),
                        ("“Go!”", "“Go!”")):  # fmt: skip
        assert passage(msgspec.structs.replace(turn, prose=prose, generation=cut)) == read
    assert passage(msgspec.structs.replace(turn, prose="The end")) == "The end"


def test_a_round_may_be_ended_while_its_drafts_arrive(
    studio: Studio, begin: Callable[..., Round], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(None, 1)
    kept = studio.tasting._round

    class Racing(tasting.Tasting):
        """Another thread ends the round between any two looks at it."""

        looks = 0

        @property
        def _round(self) -> Round | None:  # type: ignore[override]
            self.looks += 1
            return kept if self.looks == 1 else None

    with monkeypatch.context() as patch:
        patch.setattr(studio.tasting, "__class__", Racing)
        studio.tasting.settle(DraftsOver(99))


# ---------------------------------------------------------------------------- what goes wrong
def test_an_engine_that_dies_is_asked_again(
    studio: Studio,
    heard: Heard,
    begin: Callable[..., Round],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TINY_MARK", str(tmp_path / "died"))
    story = studio.writing.new_story("CRASHONCE")
    studio.start_engine()
    heard.wait(Loaded)
    a_round = begin(story.id, 3)
    befores = []
    while not a_round.over:
        befores.append(shown(a_round).before)
        a_round.choose("b")
    assert "CRASHONCE" in befores, "the place that killed it is asked again"
    assert len(feedback.current(studio.library.feedback.all())) == 3


@pytest.mark.parametrize(
    ("premise", "words"),
    [
        ("REFUSED", "There is no room"),
        ("EMPTY", "nothing to choose between"),
        ("SAME", "nothing to choose between"),
    ],
)
def test_what_cannot_be_drafted_is_said(
    studio: Studio, heard: Heard, begin: Callable[..., Round], premise: str, words: str
) -> None:
    story = studio.writing.new_story(premise)
    a_round = begin(story.id, 1)
    assert words in heard.wait(RoundFailed).message
    assert words in a_round.failure
    assert a_round.pair is None
    assert not a_round.over
    assert count(studio, "turns") == 0
    a_round.go_on()
    assert words in heard.wait(RoundFailed, nth=2).message


def test_a_pair_that_cannot_be_kept_is_said_and_leaves_no_half(
    studio: Studio, heard: Heard, begin: Callable[..., Round], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise LibraryError("The disk is full.", "Free some.")

    with monkeypatch.context() as patch:
        patch.setattr(Stories, "add_trials", full)
        a_round = begin(None, 2)
        assert heard.wait(RoundFailed).message == "The disk is full."
        until(lambda: not a_round._asked)
    assert count(studio, "turns") == 0
    a_round.go_on()
    shown(a_round)
    assert heard.wait(PairReady)
    a_round.choose("a")
    shown(a_round)
    assert count(studio, "turns") == 4


def test_a_round_needs_an_engine_a_story_and_chance(studio: Studio) -> None:
    with pytest.raises(EngineError, match="No model is loaded"):
        studio.tasting.begin()
    with pytest.raises(UsageError, match="no story 9"):
        studio.tasting.begin(9)
    (temperature,) = [one for one in studio.preferences.entries if one.key == "writing.temperature"]
    studio.preferences.put(temperature, "0")
    with pytest.raises(UsageError, match="writes the same twice"):
        studio.tasting.begin()


def test_there_is_no_choice_before_there_is_a_pair(
    studio: Studio, begin: Callable[..., Round]
) -> None:
    story = studio.writing.new_story("SLOW")
    a_round = begin(story.id, 1)
    with pytest.raises(UsageError, match="still being written"):
        a_round.choose("a")


# ---------------------------------------------------------------------------- where trials are not
def test_trials_are_seen_nowhere_but_in_the_log(
    studio: Studio, write: Write, begin: Callable[..., Round]
) -> None:
    from talecraft.studio import exporting

    turn = write("A fox.")
    before = reading.page(studio.library, turn.story_id)
    shelf = reading.shelf(studio.library)
    text = exporting.text(studio.library, turn.story_id, "md")
    a_round = begin(turn.story_id, 8)
    pairs = []
    while not a_round.over:
        pairs.append(shown(a_round))
        a_round.choose("neither")
    assert {pair.a.parent_id for pair in pairs if pair.a.story_id == turn.story_id} == {
        None, turn.id,
    }  # fmt: skip
    after = reading.page(studio.library, turn.story_id)
    assert (after.path, after.version, after.versions) == (before.path, 1, 1)
    assert after.words == before.words
    assert reading.shelf(studio.library) == shelf
    assert reading.shelf(studio.library, trashed=True) == []
    assert list(studio.library.stories.tree(turn.story_id)) == [turn]
    assert exporting.text(studio.library, turn.story_id, "md") == text
    assert studio.writing.show_sibling(turn.story_id, 1) is None
    assert len(feedback.current(studio.library.feedback.all())) == 16
    ids = [one.id for pair in pairs for one in (pair.a, pair.b)]
    assert len(studio.library.stories.turns(ids)) == 16
    fresh = next(pair.a.story_id for pair in pairs if pair.a.story_id != turn.story_id)
    with pytest.raises(UsageError, match=f"no story {fresh}"):
        studio.writing.say(fresh, "Lost words?")


# ---------------------------------------------------------------------------- choices are checked
def test_a_choice_is_between_versions_of_one_passage(studio: Studio, write: Write) -> None:
    turn = write("A fox.")
    made = turn.generation
    stories = studio.library.stories
    sibling = stories.add_turn(turn.story_id, None, "model", "More.", generation=made)
    child = stories.add_turn(turn.story_id, turn.id, "model", "Later.", generation=made)
    other = write("A bear.")
    studio.writing.score_many([Feedback(0, turn.id, "choice", 1, others=(sibling.id,))])
    studio.writing.score_many([Feedback(0, turn.id, "choice", None)])
    for wrong in ((turn.id,), (child.id,), (other.id,), (999,), (sibling.id, child.id), ()):
        with pytest.raises(UsageError):
            studio.writing.score_many([Feedback(0, turn.id, "choice", 1, others=wrong)])
    assert len(studio.library.feedback.all()) == 2
