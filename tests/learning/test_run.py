"""A whole run as its own process: from a folder of scores to a verdict."""

import os
import shutil
import subprocess
import sys
import time
from functools import partial

import msgspec
import numpy as np
import pytest

from talecraft.config.assets import idf_file, reference, reference_file
from talecraft.learning import fitting
from talecraft.learning.run import _closing_words
from talecraft.process import adapter_files, run_client, run_events, run_requests
from talecraft.process.classifier import FitOrder, Labelled
from talecraft.process.evidence import Episode, Evidence, Preference
from talecraft.process.messages import AdapterRef
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import (
    Drawn,
    Example,
    GoingOn,
    Outcome,
    RunPhase,
    RunSettings,
    Step,
    TasteLearned,
    Waiting,
)
from talecraft.story.turns import Sampling
from tests.support import small_run
from tests.support.models import bundled_ref
from tests.support.small_run import by_length

SHORT = msgspec.structs.replace(small_run.SHORT, updates=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_run.small_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def passages():
    """Forty passages of eight stories."""
    return small_run.passages()


@pytest.fixture
def order(model):
    """Lays out a run's folder as the program would."""
    return partial(_order, model)


def _order(model, folder, passages, stars, /, **changes):
    folder.mkdir()
    episodes = [
        Episode(
            i, i % 8, p.prompt_ids, p.response_ids, p.prose_start, len(p.response_ids), p.prose,
            int(s), 1.0,
        )
        for i, (p, s) in enumerate(zip(passages, stars, strict=True))
    ]  # fmt: skip
    (folder / run_client.EPISODES).write_bytes(Evidence(episodes).lines())
    settings = RunSettings(
        "r", "ppo", model, None, 4, 8, "all-linear", 1, 40, str(reference_file()),
        Sampling(outline_tokens=8, prose_tokens=20), SHORT,
    )  # fmt: skip
    settings = msgspec.structs.replace(settings, **changes)
    (folder / run_client.SETTINGS).write_bytes(run_events.encode(settings))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory, model):
    """Runs one to its end; gives its events and its exit code. The two that are killed and stopped
    below are started as the program starts them."""
    with small_run.serving(tmp_path_factory.mktemp("server") / "s", model) as runner:

        def to_the_end(folder):
            code = runner.run(folder).code
            return EventTail(folder).read(), code

        yield to_the_end


@pytest.fixture(scope="module")
def first(tmp_path_factory, passages, model, run):
    """A run over clear scores: its folder, events and exit code."""
    folder = tmp_path_factory.mktemp("first") / "run"
    _order(model, folder, passages, by_length(passages))
    return folder, *run(folder)


def test_a_run_learns_judges_and_says_so(first, passages):
    folder, events, code = first
    outcome = events[-1]
    assert isinstance(outcome, Outcome), (folder / run_client.LOG).read_text()[-2000:]
    assert code == 0
    taste = next(e for e in events if isinstance(e, TasteLearned))
    assert taste.passed
    assert (taste.opinions, taste.stories) == (40, 8)
    assert "longer passages" in taste.words
    steps = [e for e in events if isinstance(e, Drawn | Step)]
    assert [(type(e), e.step) for e in steps] == [(Drawn, 1), (Step, 1), (Drawn, 2), (Step, 2)]
    told, figures = steps[:2]
    assert isinstance(told, Drawn)
    assert isinstance(figures, Step)
    assert len(told.turns) == SHORT.drawn
    assert sum(one.kept for one in told.turns) == SHORT.batch
    for name, mean in figures.parts.items():
        assert mean == pytest.approx(np.mean([one.parts[name] for one in told.turns]), abs=1e-6)
    assert figures.kl == pytest.approx(np.mean([one.kl for one in told.turns]), abs=1e-4)
    assert outcome.state in ("adopted", "rejected")
    assert {c.name for c in outcome.checks} == {
        "win",
        "agreement",
        "kl",
        "perplexity",
        "variety",
        "length",
        "form",
        "memory",
        "reward: finished",
        "reward: repetition",
        "reward: length",
    }
    assert (outcome.state == "adopted") == all(c.passed for c in outcome.checks)
    assert len(outcome.samples) == 3
    candidate = folder / run_client.CANDIDATE
    assert adapter_files.checksums(candidate) == outcome.files
    assert adapter_files.content_id(outcome.files) == outcome.adapter_id
    assert all(f.stat().st_mode & 0o077 == 0 for f in candidate.iterdir())
    log = (folder / run_client.LOG).read_text()
    assert passages[0].prose.strip()[:30] not in log, "the log holds no story text"


def test_a_run_without_a_writer_practises_what_is_rewarded(run, model, tmp_path):
    """No opinion at all, a file of prompts, and a reward of parts."""
    names = ("semantic", "length", "repetition", "form", "format", "completeness")
    folder = _order(
        model, tmp_path / "run", [], [], method="rloo",
        ppo=msgspec.structs.replace(SHORT, rewards=dict.fromkeys(names, 0.5), gate_prompts=12),
    )  # fmt: skip
    own = [f"A story about {n} small owls" for n in range(60)]
    (folder / run_client.EPISODES).write_bytes(Evidence([], prompts=own).lines())
    shutil.copy(idf_file(), folder / run_client.IDF)
    events, code = run(folder)
    outcome = events[-1]
    assert isinstance(outcome, Outcome), (folder / run_client.LOG).read_text()[-2000:]
    assert (code, outcome.state) in ((0, "adopted"), (0, "rejected"))
    assert not any(isinstance(event, TasteLearned) for event in events)
    told = [event for event in events if isinstance(event, Drawn)]
    assert {name for one in told for turn in one.turns for name in turn.parts} == set(names)
    prompts = [turn.prompt for one in told for turn in one.turns]
    assert set(prompts) <= set(own)
    assert all(len(set(prompts[at : at + 4])) == 1 for at in range(0, len(prompts), 4))
    steps = [event for event in events if isinstance(event, Step)]
    assert all(step.value_loss == 0 for step in steps)
    checks = {check.name: check for check in outcome.checks}
    assert checks["win"].words.endswith("by what was rewarded.")
    for name in names:
        figure = checks[f"reward: {name}"]
        assert figure.low <= figure.value <= figure.high
    held = [sample.prompt for sample in outcome.samples]
    assert set(held) <= set(own) - set(prompts), "judged by what it has not practised"


def test_a_run_is_rewarded_by_a_classifier_of_labelled_passages(run, model, passages, tmp_path):
    """Fitted to long passages against short ones by the child's own code, then PPO on its score."""
    ranked = sorted(passages, key=lambda one: len(one.prose))
    labelled = [
        Labelled(one.prose, at >= len(ranked) / 2, str(at)) for at, one in enumerate(ranked)
    ]
    target = tmp_path / "c.safetensors"
    fitted = fitting.carry_out(FitOrder(model, None, str(target), 1, labelled))
    assert fitted.accuracy > 0.7
    ppo = msgspec.structs.replace(SHORT, rewards={"classifier": 1.0})
    folder = _order(model, tmp_path / "run", [], [], ppo=ppo)
    shutil.copy(target, folder / run_client.CLASSIFIER)
    events, code = run(folder)
    outcome = events[-1]
    assert code == 0, outcome.words
    assert "reward: classifier" in {check.name for check in outcome.checks}
    steps = [event for event in events if isinstance(event, Step)]
    assert all(set(step.parts) == {"classifier"} for step in steps)
    elsewhere = msgspec.structs.replace(model, revision="another")
    folder = _order(elsewhere, tmp_path / "other", [], [], ppo=ppo)
    shutil.copy(target, folder / run_client.CLASSIFIER)
    (*_, outcome), code = run(folder)
    assert (code, outcome.state) == (1, "failed")
    assert "fitted for another model" in outcome.words


def test_a_run_learns_from_opinions_that_came_from_elsewhere(run, model, passages, tmp_path):
    """Texts alone, without an id: long ones are preferred to short ones."""
    ranked = sorted(passages, key=lambda one: len(one.prose))
    come, preferences = [], []
    for n in range(20):
        for one in (ranked[-1 - n], ranked[n]):
            plan = "- a plan" if n % 2 else ""
            come.append(
                Episode(0, -1 - n % 7, [], [], 0, 0, one.prose, edited=True, told=f"Story {n % 7}",
                        outline=plan)
            )  # fmt: skip
        preferences.append(Preference(2 * n, 2 * n + 1, 1.0, "choice"))
    folder = _order(model, tmp_path / "run", [], [])
    (folder / run_client.EPISODES).write_bytes(Evidence(come, preferences).lines())
    events, code = run(folder)
    taste = next(e for e in events if isinstance(e, TasteLearned))
    assert (taste.opinions, taste.stories, taste.passed) == (20, 7, True)
    assert "longer passages" in taste.words
    assert code == 0
    assert [e.step for e in events if isinstance(e, Step)] == [1, 2]


def test_a_killed_run_ends_at_the_adapter_it_would_have_ended_at(
    tmp_path, first, passages, order, run
):
    """kill -9 after the first update; what goes on has the same order and the checkpoint alone."""
    folder = order(tmp_path / "run", passages, by_length(passages))
    command = [sys.executable, "-m", "talecraft.learning.run", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (folder / run_client.CHECKPOINT).exists():
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.01)
    process.kill()
    process.wait()
    killed = EventTail(folder).read()
    assert not isinstance(killed[-1], Outcome)
    events, code = run(folder)
    assert code == 0
    assert events[-1].adapter_id == first[1][-1].adapter_id
    assert [one.after for one in events[-1].samples] == [one.after for one in first[1][-1].samples]
    again = [e.step for e in events[len(killed) :] if isinstance(e, Step)]
    assert again == [2], "the first update was not taken again"


def test_a_run_that_waits_and_shows_an_example_ends_at_the_same_adapter(
    tmp_path, first, passages, order
):
    """It gives way to a turn being written, is paused, shows a passage: nothing of it is learned
    from."""
    folder = order(tmp_path / "run", passages, by_length(passages))
    sign = run_requests.WritingSign(tmp_path)
    command = [sys.executable, "-m", "talecraft.learning.run", str(folder)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def until(wanted):
        while not any(map(wanted, EventTail(folder).read())):
            assert process.poll() is None, EventTail(folder).read()[-1:]
            time.sleep(0.01)

    until(lambda event: isinstance(event, RunPhase) and "Practising" in event.words)
    sign.show(True)
    until(lambda event: event == Waiting("writing"))
    run_requests.ask(folder, run_requests.PAUSE)
    sign.show(False)
    until(lambda event: event == Waiting("pause"))
    run_requests.ask(folder, run_requests.EXAMPLE)
    assert run_requests.withdraw(folder, run_requests.PAUSE)
    assert process.wait(200) == 0
    events = EventTail(folder).read()
    (example,) = [event for event in events if isinstance(event, Example)]
    step = events[events.index(example) - 1]
    assert isinstance(step, Step), "it comes with the first update after it was asked for"
    assert example.step == step.step
    assert example.sample.prompt in reference("gate")
    assert example.sample.before != example.sample.after
    waits = [event for event in events if isinstance(event, Waiting | GoingOn)]
    assert [type(event) for event in waits] == [Waiting, Waiting, GoingOn], "each is said once"
    assert events[-1].adapter_id == first[1][-1].adapter_id
    assert events[-1].samples == first[1][-1].samples


def test_the_next_run_is_judged_against_the_adapter_that_writes_now(
    tmp_path, first, passages, model, order, run
):
    """The same prompts and seeds: its passages before are those of the first run's after."""
    earlier = first[1][-1]
    candidate = first[0] / run_client.CANDIDATE
    parent = AdapterRef(earlier.adapter_id, str(candidate), earlier.files, model.key)
    folder = order(tmp_path / "run", passages, by_length(passages), parent=parent)
    events, code = run(folder)
    outcome = events[-1]
    assert isinstance(outcome, Outcome), (folder / run_client.LOG).read_text()[-2000:]
    assert code == 0
    assert [one.before for one in outcome.samples] == [one.after for one in earlier.samples]
    assert [one.before for one in outcome.samples] != [one.before for one in earlier.samples]
    again = {c.name: c.value for c in outcome.checks}
    assert again["win"] == 0.5, "it learned the same from the root: every passage is a tie"
    alike = ("kl", "perplexity", "variety", "length")
    for name in alike:
        before = next(c.value for c in earlier.checks if c.name == name)
        assert again[name] == pytest.approx(before, rel=1e-4), f"{name} is measured from the root"


def test_scores_that_tell_nothing_are_refused_in_words(tmp_path, passages, order, run):
    random = np.random.default_rng(5)
    folder = order(tmp_path / "run", passages, random.permutation([1, 2, 3, 4, 5] * 8))
    before = set(os.listdir(tmp_path))
    events, code = run(folder)
    assert set(os.listdir(tmp_path)) == before, "a run leaves only its folder"
    assert events[-1].state == "refused"
    assert "do not yet tell me" in events[-1].words
    assert not events[-1].files
    assert not (folder / run_client.CANDIDATE).exists()
    assert code == 0


def test_a_run_is_stopped_between_its_tokens(tmp_path, passages, order, run):
    folder = order(tmp_path / "run", passages, by_length(passages))
    (folder / run_requests.CONTROL).write_text("cancel\n")
    events, code = run(folder)
    assert events[-1].state == "cancelled"
    assert code == 0


def test_what_cannot_be_loaded_is_one_clear_line(tmp_path, passages, order, run):
    folder = order(
        tmp_path / "run",
        passages,
        by_length(passages),
        model=msgspec.structs.replace(bundled_ref(), folder=str(tmp_path / "nowhere")),
    )
    events, code = run(folder)
    assert isinstance(events[0], RunPhase)
    assert events[-1].state == "failed"
    assert "llama-ember" in events[-1].words
    assert "\n" not in events[-1].words
    assert code == 1


def test_to_be_stopped_is_told_as_a_failure_only_where_it_was_one():
    stopped = "It had moved 12.4 nats from where it began, more than 12."
    assert _closing_words([], "", 14, 14) == "It learned, and is in use from the next passage on."
    learned = _closing_words([], stopped, 9, 14)
    assert learned.endswith(f"next passage on. Of 14 updates the first 9 count. {stopped}")
    failed = _closing_words(["It copies."], stopped, 9, 14)
    assert failed.endswith(f"goes on writing. It copies. Training ended early: {stopped}")
