"""Learning as use cases, with real processes and locks: planned, run, and settled exactly once."""

from __future__ import annotations

import os
import shlex
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from talecraft.errors import BusyError, LibraryError, UsageError
from talecraft.library.runs import TrainingRun
from talecraft.process import run_client, run_events, run_requests
from talecraft.process.messages import Loaded
from talecraft.process.run_events import FEWEST_OPINIONS, Outcome
from talecraft.story.turns import Turn
from talecraft.studio import Studio
from talecraft.studio.plan import TrainingPlan, closing_steps
from talecraft.studio.recipe import Recipe
from talecraft.studio.waiting import follow
from tests.studio.conftest import run
from tests.support import tiny
from tests.support.tiny import Heard

Write = Callable[[str], Turn]


# ---------------------------------------------------------------------------- the plan
def test_a_plan_counts_what_can_be_learned_from(studio: Studio, scored: list[Turn]) -> None:
    plan = studio.training.plan(studio.model)
    assert (plan.scores, plan.stories) == (24, 2)
    assert plan.histogram == [5, 5, 5, 5, 4]
    assert (plan.refusal, plan.warnings) == ("", [])
    assert plan.minutes > 0
    assert not plan.measured
    studio.writing.withdraw(scored[0].id)
    assert studio.training.plan(studio.model).scores == 23


def test_a_trial_is_planned_from_a_thousand_opinions_on_or_where_it_is_asked_for(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert studio.training.plan(studio.model).trial_words == ""
    asked = studio.training.plan(studio.model, Recipe(taste_model="adapter"))
    assert asked.minutes == studio.training.plan(studio.model).minutes
    gathered = studio.training.planning.gather(studio.model)
    many = msgspec.structs.replace(
        gathered,
        evidence=msgspec.structs.replace(
            gathered.evidence, passages=gathered.evidence.passages * 42
        ),
    )
    ppo = studio.training.ppo(studio.model)
    plan = studio.training.planning.plan(studio.model, ppo, many)
    assert plan.trial_minutes == pytest.approx(42 * asked.trial_minutes), "1,008 passages, not 24"
    assert f"about {round(plan.trial_minutes)} minutes more" in plan.trial_words
    # Of the last run the time that its own trial took does not count.
    ended = run(studio, "rejected", monkeypatch)
    took = msgspec.json.decode(ended.outcome, type=run_events.Outcome)
    longer = msgspec.structs.replace(took, seconds=90.0, trial_seconds=60.0)
    monkeypatch.setattr(
        type(studio.library.runs),
        "list",
        lambda *_: [msgspec.structs.replace(ended, outcome=run_events.encode(longer).decode())],
    )
    plan = studio.training.plan(studio.model, Recipe(taste_model="adapter"))
    assert (plan.measured, plan.minutes, plan.trial_minutes) == (True, 0.5, asked.trial_minutes)


def test_scores_of_other_models_and_of_empty_passages_are_left_out(
    studio: Studio, write: Write
) -> None:
    turn = write("A fox.")
    assert turn.generation is not None
    other = msgspec.structs.replace(turn.generation, revision="old")
    stories = studio.library.stories
    old = stories.add_turn(turn.story_id, None, "model", "p", "", other)
    plan_only = stories.add_turn(turn.story_id, None, "model", "", "- p", turn.generation)
    for one in (turn, old, plan_only):
        studio.writing.rate(one.id, "stars", 4)
    plan = studio.training.plan(studio.model)
    assert (plan.scores, plan.unusable) == (1, 2)
    (episode,) = studio.training.planning.gather(studio.model).evidence.passages
    assert episode.turn_id == turn.id


def test_an_episode_is_what_the_policy_did(studio: Studio, write: Write) -> None:
    turn = write("A fox.")
    studio.writing.rate(turn.id, "thumb", -1)
    (episode,) = studio.training.planning.gather(studio.model).evidence.passages
    made = turn.generation
    assert made is not None
    assert (episode.prompt_ids, episode.response_ids) == (made.prompt_ids, made.response_ids)
    assert (episode.prose_start, episode.prose_end) == (made.prose_start, made.prose_end)
    assert (episode.group, episode.prose) == (turn.story_id, turn.prose)
    assert (episode.stars, episode.weight) == (1, 0.7)


def test_too_little_or_too_even_is_refused_in_words(studio: Studio, write: Write) -> None:
    assert "20 more scores or choices are needed" in studio.training.plan(studio.model).refusal
    turn = write("A fox.")
    studio.writing.rate(turn.id, "stars", 3)
    for number in range(FEWEST_OPINIONS - 2):
        more = studio.library.stories.add_turn(
            turn.story_id, None, "model", f"{number}", "", turn.generation
        )
        studio.writing.rate(more.id, "stars", 3)
    assert "1 more score or choice is needed" in studio.training.plan(studio.model).refusal
    last = studio.library.stories.add_turn(turn.story_id, None, "model", "z", "", turn.generation)
    studio.writing.rate(last.id, "stars", 3)
    assert "All scores are the same" in studio.training.plan(studio.model).refusal
    with pytest.raises(UsageError, match="All scores are the same"):
        studio.training.start(studio.model)
    assert studio.library.runs.list() == []
    studio.writing.rate(last.id, "stars", 5)
    plan = studio.training.plan(studio.model)
    assert plan.refusal == ""
    assert "Nearly all scores" in plan.warnings[0]


# ---------------------------------------------------------------------------- the run
def test_an_adopted_run_is_taken_in_once_and_writes(
    studio: Studio, heard: Heard, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(studio, "adopted", monkeypatch)
    assert (ended.state, ended.seed, ended.error) == ("adopted", 7, "")
    assert ended.pid
    active = studio.library.adapters.active(studio.model.id)
    assert active is not None
    assert active.id == ended.adapter_id
    assert active.parent_id is None
    folder = studio.home.adapters / active.id
    assert sorted(file.name for file in folder.iterdir()) == sorted(active.files)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert not (studio.home.runs / ended.id / run_client.CANDIDATE).exists()
    studio.reload()
    assert heard.wait(Loaded, lambda event: event.adapter_id is not None).adapter_id == active.id
    # The time of the last run is what the next plan says.
    plan = studio.training.plan(studio.model)
    assert (plan.measured, plan.minutes) == (True, 0.5 / 60)


def test_the_order_that_a_run_gets(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(studio, "rejected", monkeypatch, seed=11)
    order = run_events.decode_settings(
        (studio.home.runs / ended.id / run_client.SETTINGS).read_bytes()
    )
    assert (order.seed, order.ppo.updates, order.parent) == (11, 2, None)
    assert order.watermark == studio.library.feedback.watermark() == 24
    assert order.model == studio.model_ref()
    assert order.lora_rank == studio.model.lora_rank
    assert Path(order.reference_file).is_file()


def test_a_rejected_run_keeps_its_adapter_but_does_not_use_it(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(studio, "rejected", monkeypatch)
    assert ended.state == "rejected"
    assert studio.library.adapters.active(studio.model.id) is None
    (kept,) = studio.library.adapters.list()
    assert kept.state == "rejected"
    with pytest.raises(UsageError, match="did not pass its test"):
        studio.use_adapter(kept.id)
    assert studio.library.adapters.active(studio.model.id) is None


@pytest.mark.parametrize(
    ("end", "state", "words"),
    [
        ("died", "interrupted", "ended without a word"),
        ("damaged", "failed", "damaged"),
        ("misnamed", "failed", "names its adapter"),
    ],
)
def test_a_run_that_went_wrong_changes_nothing_but_its_own_record(
    studio: Studio,
    scored: list[Turn],
    monkeypatch: pytest.MonkeyPatch,
    end: str,
    state: str,
    words: str,
) -> None:
    first = run(studio, "adopted", monkeypatch)
    ended = run(studio, end, monkeypatch, seed=8)
    assert ended.state == state
    assert words in ended.error
    active = studio.library.adapters.active(studio.model.id)
    assert active is not None
    assert active.id == first.adapter_id
    assert len(studio.library.adapters.list()) == 1
    assert [folder.name for folder in studio.home.adapters.iterdir()] == [active.id]
    assert not (studio.home.data / "escaped").exists()


def test_a_crash_between_rename_and_commit_is_finished_by_the_next_parent(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_RUN", "adopted")
    started = studio.training.start(studio.model, 7)
    list(follow(studio.training, started.id))

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(studio.library.runs, "end", crash)
        with pytest.raises(KeyboardInterrupt):
            studio.training.settle()
    assert studio.library.adapters.list() == []  # the transaction was rolled back
    (moved,) = studio.home.adapters.iterdir()
    (settled,) = studio.training.settle()
    assert (settled.state, settled.adapter_id) == ("adopted", moved.name)
    active = studio.library.adapters.active(studio.model.id)
    assert active is not None
    assert active.id == moved.name


def test_the_same_adapter_twice_mends_a_damaged_folder(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(studio, "adopted", monkeypatch)
    assert first.adapter_id is not None
    weights = studio.home.adapters / first.adapter_id / "adapter_model.safetensors"
    os.truncate(weights, 3)
    again = run(studio, "adopted", monkeypatch)
    assert (again.state, again.adapter_id) == ("adopted", first.adapter_id)
    assert weights.stat().st_size == 100


def test_two_parents_settle_a_run_once(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_RUN", "adopted")
    started = studio.training.start(studio.model)
    list(follow(studio.training, started.id))
    other = Studio(engine_command=tiny.ENGINE)
    settled: list[TrainingRun] = []
    threads = [
        threading.Thread(target=lambda one=one: settled.extend(one.training.settle()))
        for one in (studio, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert [one.id for one in settled] == [started.id]


def test_one_run_at_a_time_and_it_can_be_stopped(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="No training run"):
        studio.training.stop()
    monkeypatch.setenv("TINY_RUN", "wait")
    started = studio.training.start(studio.model)
    going = studio.training.running()
    assert going is not None
    assert going.id == started.id
    with pytest.raises(BusyError) as caught:
        studio.training.start(studio.model)
    assert caught.value.exit_code == 3
    assert len(studio.library.runs.list()) == 1  # the refused one is no run
    assert studio.training.settle() == []
    assert studio.training.stop().id == started.id
    events = list(follow(studio.training, started.id))
    assert isinstance(events[-1], Outcome)
    assert [one.state for one in studio.training.settle()] == ["cancelled"]
    assert studio.training.running() is None


@pytest.mark.parametrize(("end", "state"), [("died", "interrupted"), ("wait", "cancelled")])
def test_a_run_that_was_cut_off_goes_on_with_its_own_order(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch, end: str, state: str
) -> None:
    with pytest.raises(UsageError, match="no run to go on with"):
        studio.training.resume(studio.model)
    monkeypatch.setenv("TINY_RUN", end)
    started = studio.training.start(studio.model, 7, updates=2)
    if end == "wait":
        studio.training.stop()
    list(follow(studio.training, started.id))
    assert [one.state for one in studio.training.settle()] == [state]
    folder = studio.home.runs / started.id
    order = [(folder / name).read_bytes() for name in (run_client.SETTINGS, run_client.EPISODES)]
    studio.writing.rate(scored[0].id, "stars", 3)  # what is said since belongs to the next run

    # Before its first update it has what was trained to be tried.
    (folder / run_client.CHECKPOINT).rename(folder / run_client.REWARD_MODEL)
    monkeypatch.setenv("TINY_RUN", "adopted")
    again = studio.training.resume(studio.model)
    assert (again.id, again.state, again.outcome) == (started.id, "running", "")
    assert not (folder / run_requests.CONTROL).exists(), "it would be stopped at once"
    with pytest.raises(BusyError):
        studio.training.start(studio.model)
    list(follow(studio.training, again.id))
    assert [one.state for one in studio.training.settle()] == ["adopted"]
    assert len(studio.library.runs.list()) == 1
    names = (run_client.SETTINGS, run_client.EPISODES)
    assert [(folder / name).read_bytes() for name in names] == order
    for name in (run_client.CHECKPOINT, run_client.REWARD_MODEL):
        assert not (folder / name).exists(), "it is of no more use"
    with pytest.raises(UsageError, match="no run to go on with"):
        studio.training.resume(studio.model)


def test_a_resumed_run_that_is_killed_is_not_taken_for_stopped(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_RUN", "wait")
    started = studio.training.start(studio.model)
    studio.training.stop()
    list(follow(studio.training, started.id))
    studio.training.settle()
    monkeypatch.setenv("TINY_RUN", "died")
    studio.training.resume(studio.model)
    list(follow(studio.training, started.id))
    assert [one.state for one in studio.training.settle()] == ["interrupted"]


def test_a_run_whose_model_is_another_now_does_not_go_on(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(studio, "died", monkeypatch)
    assert studio.training.resumable(studio.model) is not None
    newer = msgspec.structs.replace(studio.model, revision="newer")
    assert studio.training.resumable(newer) is None
    (studio.home.runs / ended.id / run_client.CHECKPOINT).unlink()
    assert studio.training.resumable(studio.model) is None, "no update was done"


def test_a_run_that_could_not_be_launched_is_recorded_as_failed(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_client, "COMMAND", ("/no/such/python",))
    with pytest.raises(LibraryError, match="could not be started"):
        studio.training.start(studio.model)
    (only,) = studio.library.runs.list()
    assert only.state == "failed"
    assert studio.training.settle() == []


def test_the_closing_test_is_told_in_steps() -> None:
    """As it was measured: 33 to 36 s where a step took 10 to 11; longer against another adapter."""
    ppo = run_events.PpoSettings(batch=32, oversample=1, epochs=2, gate_prompts=60, gate_samples=2)
    assert closing_steps(ppo) == pytest.approx(3.3, abs=0.1)
    assert closing_steps(ppo, 2) == pytest.approx(4.7, abs=0.1)


# ---------------------------------------------------------------------------- a launcher
def test_a_run_is_launched_by_the_command_in_the_settings(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_client, "COMMAND", ("/none",))
    launcher = next(one for one in studio.preferences.entries if one.key == "training.launcher")
    with pytest.raises(UsageError, match="quotation"):
        studio.preferences.put(launcher, "accelerate 'launch")
    studio.preferences.put(launcher, shlex.join(tiny.RUN))
    tracker = next(one for one in studio.preferences.entries if one.key == "training.tracker")
    studio.preferences.put(tracker, "wandb")
    ended = run(studio, "died", monkeypatch)
    assert ended.state == "interrupted"
    ordered = run_events.decode_settings(ended.settings.encode())
    assert (ordered.tracker, ordered.ppo.updates) == ("wandb", 2)
    monkeypatch.setenv("TINY_RUN", "adopted")
    studio.training.resume(studio.model)
    tiny.until(lambda: run_client.alive(studio.home.runs) is None)
    assert [one.state for one in studio.training.settle()] == ["adopted"]


def test_with_a_launcher_a_reward_model_is_tried_only_where_it_is_asked_for(
    studio: Studio,
) -> None:
    model = studio.model
    assert studio.training.ppo(model).tries_adapter("ppo", 5000)
    launcher = next(one for one in studio.preferences.entries if one.key == "training.launcher")
    studio.preferences.put(launcher, "accelerate launch -m talecraft.learning.run")
    assert not studio.training.ppo(model).tries_adapter("ppo", 5000)
    asked = Recipe(taste_model="adapter")
    assert studio.training.ppo(model, recipe=asked).tries_adapter("ppo", 20)


def test_a_plan_says_where_its_opinions_are_of_and_which_weigh_less():
    def plan(stories=0, beginnings=0, elsewhere=0, lighter=0):
        return TrainingPlan(
            0, 0, 0, 0, stories, beginnings, elsewhere, [0] * 5, 0, 1.0, False, lighter=lighter
        )

    assert plan().places == "0 stories"
    assert plan(1).places == "1 story"
    assert plan(0, 1).places == "1 beginning of taste rounds"
    assert plan(3, 24).places == "3 stories and 24 beginnings of taste rounds"
    assert plan(3, 24, 2).places == (
        "3 stories, 24 beginnings of taste rounds and 2 beginnings from elsewhere"
    )
    assert plan().lighter_words == ""
    assert plan(lighter=1).lighter_words.startswith("1 score weighs less: ")
    assert plan(lighter=2).lighter_words.startswith("2 scores weigh less: ")
