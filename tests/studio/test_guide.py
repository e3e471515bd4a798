"""The first way round: what comes next follows from what has been done, in whatever order."""

from __future__ import annotations

import itertools
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talecraft.errors import UsageError
from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.paths import Home, home
from talecraft.process.run_events import Outcome
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Generation, Sampling
from talecraft.studio import Studio
from talecraft.studio.guide import _NUMBERS, STEPS, Facts, Next, next_step

RUNS = ("", "running", "adopted", "rejected", "refused", "cancelled", "failed", "interrupted")
FLAGS = [name for name in Facts.__struct_fields__ if name != "run"]
facts = st.builds(Facts, run=st.sampled_from(RUNS), **{name: st.booleans() for name in FLAGS})
# What the writer does when told so, as the fact that is true then.
DOING = {
    "begin": {"story": True},
    "write": {"passage": True},
    "judge": {"judged": True},
    "choose": {"enough": True},
    "train": {"run": "running"},
    "stopped": {"run": "running"},
    "failed": {"run": "running"},
    "adopted": {"written_since": True},
    "another": {"another": False},
    "compare": {"compared_since": True},
    "rejected": {"judged_since": True},
    "refused": {"judged_since": True},
}


@given(facts)
def test_what_is_done_is_never_asked_for_again(found):
    step = next_step(found)
    if step in DOING:
        assert any(getattr(found, name) != value for name, value in DOING[step].items())


@given(facts, st.sampled_from(FLAGS))
def test_more_done_never_leads_back(found, name):
    more = msgspec.structs.replace(found, **{name: True})
    assert Next(next_step(more)).number >= Next(next_step(found)).number


@given(facts, st.sampled_from(["adopted", "rejected", "refused"]))
def test_the_way_ends_from_wherever_one_stands(found, verdict):
    """To do what is said leads to the end, whatever the run comes to; no step twice."""
    told = []
    while (step := next_step(found)) != "over":
        assert step not in told
        told.append(step)
        done = {"run": verdict} if step == "watch" else DOING[step]
        found = msgspec.structs.replace(found, **done)
    assert [_NUMBERS[step] for step in told] == sorted(_NUMBERS[step] for step in told)


def test_from_nothing_every_step_is_told():
    found, numbers = Facts(), []
    while (step := next_step(found)) != "over":
        numbers.append(Next(step).number)
        done = {"run": "adopted"} if step == "watch" else DOING[step]
        found = msgspec.structs.replace(found, **done)
    assert [number for number, _ in itertools.groupby(numbers)] == list(range(1, STEPS + 1))


# ---------------------------------------------------------------------- read from a library
@pytest.fixture
def place() -> Home:
    return home()


@pytest.fixture
def studio(place):
    with Studio(at=place) as studio:
        yield studio


def told(studio: Studio) -> str:
    found = studio.guide.look()
    return found.step if found is not None else ""


def made(studio: Studio, adapter: str | None = None) -> Generation:
    return Generation(
        studio.model.id, studio.model.revision, "none", adapter, "scripted", Sampling(seed=1),
        [1, 2], [3, 4], [False, False], 1, 2, [-1.0, -1.0], [-1.0, -1.0], "end", 0.1,
    )  # fmt: skip


def passage(studio: Studio, story: int, adapter: str | None = None) -> int:
    leaf = studio.library.stories.get(story).leaf_id
    stories = studio.library.stories
    return stories.add_turn(story, leaf, "model", "So it was.", "- so", made(studio, adapter)).id


def choose(studio: Studio, adapters: tuple[str | None, str | None] = (None, None)) -> None:
    trials = [(f"It was {a}.", "- it was", made(studio, a)) for a in adapters]
    a, b = studio.library.stories.add_trials(None, None, "A line.", trials)
    studio.writing.score_many([Feedback(0, a.id, "choice", 1, others=(b.id,))])


def run(studio: Studio, state: str, words: str = "", method: str = "ppo",
        adapter: str | None = None) -> None:  # fmt: skip
    run_id = f"run-{len(studio.library.runs.list())}"
    studio.library.runs.add(
        TrainingRun(run_id, method, studio.model.id, None, 1, "{}", 7, "running")
    )
    if state != "running":
        outcome = msgspec.json.encode(Outcome(state, words)).decode()
        studio.library.runs.end(run_id, state, outcome, adapter=adapter)


def test_a_library_tells_how_far_one_is(studio):
    assert told(studio) == "begin"
    story = studio.writing.new_story("A line.").id
    assert told(studio) == "write"
    turn = passage(studio, story)
    assert told(studio) == "judge"
    studio.writing.rate(turn, "stars", 4)
    assert told(studio) == "choose"
    for _ in range(19):
        choose(studio)
    assert told(studio) == "train"
    run(studio, "running")
    assert told(studio) == "watch"


def test_another_version_is_an_opinion_and_a_choice_between_drafts_none_of_a_passage(studio):
    story = studio.writing.new_story("A line.").id
    turn = passage(studio, story)
    choose(studio)
    assert told(studio) == "judge"
    stories = studio.library.stories
    stories.add_turn(story, stories.turn(turn).parent_id, "model", "Or so.", "", made(studio))
    assert told(studio) == "choose"


def test_the_trash_takes_no_step_back(studio):
    story = studio.writing.new_story("A line.").id
    studio.writing.rate(passage(studio, story), "stars", 4)
    studio.library.stories.trash(story)
    assert told(studio) == "choose"


def test_opinions_that_are_all_alike_are_not_enough(studio):
    story = studio.writing.new_story("A line.").id
    for _ in range(24):
        studio.writing.rate(passage(studio, story), "stars", 4)
    assert told(studio) == "choose"
    choose(studio)
    assert told(studio) == "train"


def test_a_taste_that_is_not_sure_yet_leads_back_to_a_round(studio):
    written = passage(studio, studio.writing.new_story("A line.").id)
    studio.writing.rate(written, "stars", 4)
    for _ in range(24):
        choose(studio)
    assert told(studio) == "train"
    studio.guide.looked(False)
    assert told(studio) == "choose"
    choose(studio)
    assert told(studio) == "train", "more was said: it may be enough now"
    studio.guide.looked(True)
    assert told(studio) == "train"


def test_what_there_is_to_learn_from_is_gathered_only_when_it_may_be_enough(studio, monkeypatch):
    asked = []
    plan = studio.training.plan
    monkeypatch.setattr(studio.training, "plan", lambda model: asked.append(1) or plan(model))
    for _ in range(19):
        choose(studio)
        told(studio)
    assert not asked
    choose(studio)
    assert (told(studio), told(studio)) == ("train", "train")
    assert len(asked) == 1


def test_an_adopted_adapter_is_written_with_and_compared(studio):
    story = studio.writing.new_story("A line.").id
    assert told(studio) == "write"
    library = studio.library
    library.adapters.add(
        Adapter("new", studio.model.id, "r", None, "run-0", "new", {}, "active", "{}")
    )
    choose(studio, ("new", None))  # said before the run's end
    run(studio, "adopted", adapter="new")
    time.sleep(0.002)  # the tables know milliseconds
    choose(studio)  # between two of the same adapter
    choose(studio, ("new", "new"))
    passage(studio, story, "another")
    assert told(studio) == "adopted"
    passage(studio, story, "new")
    assert told(studio) == "compare"
    choose(studio, (None, "new"))
    assert told(studio) == "over"


@pytest.mark.parametrize(("state", "words"), [("rejected", "Too like."), ("refused", "Unclear.")])
def test_a_refusal_is_an_end_too(studio, state, words):
    assert told(studio) == "begin"
    run(studio, state, words)
    assert studio.guide.look() == Next(state, words)
    time.sleep(0.002)
    choose(studio)
    assert told(studio) == "over"


@pytest.mark.parametrize(("state", "step"), [("cancelled", "stopped"), ("interrupted", "stopped"),
                                             ("failed", "failed")])  # fmt: skip
def test_a_run_without_a_verdict_asks_for_another(studio, state, step):
    assert told(studio) == "begin"
    run(studio, state)
    assert told(studio) == step
    run(studio, "running")
    assert told(studio) == "watch"


def test_learning_from_tales_is_no_step_of_this_way(studio):
    assert told(studio) == "begin"
    run(studio, "adopted", method="pattern")
    assert told(studio) == "begin"


# ---------------------------------------------------------------------- spoken or not
def test_who_has_trained_before_never_sees_it(studio, place):
    run(studio, "cancelled")
    assert studio.guide.look() is None
    assert not (place.data / "guide.json").exists()


def test_a_first_run_does_not_silence_it_after_a_restart(place):
    with Studio(at=place) as studio:
        assert told(studio) == "begin"
        run(studio, "rejected")
    with Studio(at=place) as studio:
        assert told(studio) == "rejected"


def test_after_the_end_the_next_round_is_gone_without_it(studio):
    assert told(studio) == "begin"
    run(studio, "refused")
    time.sleep(0.002)
    choose(studio)
    assert told(studio) == "over"
    assert told(studio) == "over", "until something else begins"
    run(studio, "running")
    assert studio.guide.look() is None
    studio.guide.show(True)
    assert told(studio) == "watch"


def test_put_away_it_stays_away_until_it_is_brought_back(place):
    with Studio(at=place) as studio:
        studio.guide.show(False)
        assert studio.guide.look() is None
    with Studio(at=place) as studio:
        assert studio.guide.look() is None
        studio.guide.show(True)
    with Studio(at=place) as studio:
        assert told(studio) == "begin"


def test_the_end_is_told_until_the_program_ends_and_never_again(place):
    with Studio(at=place) as studio:
        assert told(studio) == "begin"
        run(studio, "rejected")
        time.sleep(0.002)
        choose(studio)
        assert (told(studio), told(studio)) == ("over", "over")
    with Studio(at=place) as studio:
        assert studio.guide.look() is None


@pytest.mark.parametrize("found", [b"", b"\xff\xfe", b"[1]", b'{"shown":3}', b"{}", b"{" * 900])
def test_a_damaged_file_is_as_none(place, found):
    place.data.mkdir(parents=True)
    (place.data / "guide.json").write_bytes(found)
    with Studio(at=place) as studio:
        assert told(studio) == "begin"


def test_where_nothing_can_be_written_it_is_put_away_all_the_same(studio, place):
    (place.data / "guide.json").mkdir()
    studio.guide.show(False)
    assert studio.guide.look() is None


def test_a_plan_that_cannot_be_made_is_not_enough(studio, monkeypatch):
    for _ in range(20):
        choose(studio)

    def plan(model):
        raise UsageError("No.")

    monkeypatch.setattr(studio.training, "plan", plan)
    assert told(studio) == "begin"
