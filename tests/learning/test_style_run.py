"""A whole run that learns a manner, as its own process: SFT, GRPO, and a verdict."""

from __future__ import annotations

import signal

import msgspec
import pytest

from talecraft.process import adapter_files, run_client, run_requests
from talecraft.process.run_events import Drawn, MannerLearned, Outcome, PatternStep, RunPhase, Step
from tests.support import manner, small_run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_run.small_model(tmp_path_factory.mktemp("manner") / "model")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, model):
    return manner.style(model, tmp_path_factory.mktemp("style") / "style.safetensors")


@pytest.fixture(scope="module")
def runner(tmp_path_factory, model):
    with small_run.serving(tmp_path_factory.mktemp("server") / "s", model, *small_run.TRL) as made:
        yield made


@pytest.fixture(scope="module")
def whole(tmp_path_factory, runner, model, fitted):
    """A run that nobody disturbed: its folder, its events, its beats."""
    folder = manner.order(tmp_path_factory.mktemp("whole") / "run", model, fitted)
    ended = runner.run(folder)
    found = small_run.events(folder)
    assert isinstance(found[-1], Outcome), (folder / run_client.LOG).read_text()[-2000:]
    assert found[-1].state in ("adopted", "rejected"), found[-1].words
    return folder, found, ended.beats


def of(kind, events):
    return [event for event in events if isinstance(event, kind)]


def test_it_learns_from_the_chunks_then_by_reward_and_is_judged(whole, model):
    folder, events, _ = whole
    sft, grpo = of(PatternStep, events), of(Step, events)
    assert [one.step for one in sft] == list(range(1, sft[-1].total + 1))
    assert [one.step for one in grpo] == [1, 2]
    assert events.index(sft[-1]) < events.index(grpo[0])
    assert sft[-1].loss < sft[0].loss
    assert set(grpo[0].parts) == {"style", "finished"}
    assert grpo[0].kl == pytest.approx(0.0, abs=1e-4), "it is held to where SFT ended"
    assert len(of(Drawn, events)) == 2
    outcome = events[-1]
    assert [one.name for one in outcome.checks] == [
        "manner after SFT", "manner after GRPO", "other authors", "held chunks", "content kept",
        "perplexity", "turns", "variety", "length", "memory",
    ]  # fmt: skip
    assert (outcome.state == "adopted") == all(one.passed for one in outcome.checks)
    assert outcome.steps == sft[-1].total + 2
    made = small_run.candidate(folder, model)
    assert made.id == outcome.adapter_id
    assert made.files != adapter_files.checksums(folder / "sft"), "GRPO changed nothing"
    log = (folder / run_client.LOG).read_text()
    assert "round stones" not in log, "the log holds no story text"


def test_its_figures_are_those_of_its_checks(whole):
    _, events, _ = whole
    (told,) = of(MannerLearned, events)
    checks = {one.name: one for one in events[-1].checks}
    assert (told.author, told.held, told.turns) == (manner.AUTHOR, 8, 4)
    assert [one.name for one in told.stages] == ["before", "sft", "grpo"]
    before, sft, grpo = told.stages
    for gain, was, now in zip(told.gains, (before, sft, before), (sft, grpo, grpo), strict=True):
        assert gain.value == pytest.approx(now.cosine.value - was.cosine.value)
        assert gain.low <= gain.value <= gain.high
    assert checks["manner after SFT"].value == told.gains[0].value
    assert checks["manner after GRPO"].passed == (told.gains[1].low > 0)
    assert checks["held chunks"].value == pytest.approx(grpo.perplexity / sft.perplexity)
    assert sft.perplexity < before.perplexity, "SFT has learned nothing of how the author writes"
    for one in told.stages:
        assert -1 <= one.cosine.value <= 1
        assert 0 <= one.nearest <= 1


def test_it_leaves_nothing_but_what_runs_leave(whole):
    folder = whole[0]
    assert sorted(one.name for one in folder.iterdir()) == [
        "candidate", "checkpoint.safetensors", "events.jsonl", "manner.jsonl", "run.log",
        "settings.json", "sft", "style.safetensors",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("moment", "which", "again"),
    [
        ("after PatternStep", 2, "sft"),
        ("os.rename .sft.tmp", 0, "sft"),
        ("after Step", 0, "grpo"),
        ("after MannerLearned", 0, ""),
    ],
)
def test_a_killed_run_ends_at_the_adapter_it_would_have_ended_at(
    tmp_path, runner, model, fitted, whole, moment, which, again
):
    folder = manner.order(tmp_path / "run", model, fitted)
    at = [beat for beat in whole[2] if moment in beat][which]
    assert runner.run(folder, die_at=" ".join(at.split()[:2])).code == -signal.SIGKILL
    first = len(small_run.events(folder))
    run_client.tidy(folder)
    runner.run(folder)
    outcome = small_run.outcome(folder)
    assert outcome is not None, (folder / run_client.LOG).read_text()[-2000:]
    meant = whole[1][-1]
    assert msgspec.structs.replace(outcome, seconds=meant.seconds) == meant
    fresh = small_run.events(folder)[first:]
    if again != "sft":
        assert not of(PatternStep, fresh), "what SFT had learned was thrown away"
    if again == "":
        assert not of(Step, fresh)


def test_nothing_held_back_is_practised_or_learned_from(whole):
    """No prompt of a turn that was learned from is a held chunk's, and none of its words."""
    held = [one for one in manner.specimens() if one.split == "held"]
    practised = {turn.prompt for one in of(Drawn, whole[1]) for turn in one.turns}
    assert practised
    for one in held:
        assert not any(one.premise in prompt for prompt in practised)


def test_it_is_stopped_between_its_steps(tmp_path, runner, model, fitted):
    folder = manner.order(tmp_path / "run", model, fitted)
    (folder / run_requests.CONTROL).write_text("cancel\n")
    assert runner.run(folder).code == 0
    outcome = small_run.outcome(folder)
    assert outcome is not None
    assert (outcome.state, outcome.files) == ("cancelled", {})


def test_with_an_adapter_in_use_that_is_what_it_is_compared_with(
    tmp_path, runner, model, fitted, whole
):
    active = small_run.adapter_of(model, tmp_path / "active")
    folder = manner.order(tmp_path / "run", model, fitted, parent=active, root=active)
    runner.run(folder)
    outcome = small_run.outcome(folder)
    assert outcome is not None
    assert outcome.state in ("adopted", "rejected"), outcome.words
    # It has learned nothing yet: what it writes is what the bare model does.
    (told,) = of(MannerLearned, small_run.events(folder))
    (bare,) = of(MannerLearned, whole[1])
    assert told.stages[0].cosine.value == pytest.approx(bare.stages[0].cosine.value, abs=1e-5)
    assert any("began" in one.words or "before" in one.words for one in outcome.checks)


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        (manner.specimens(19), "There are 19 chunks to learn from; at least 20 are needed"),
        (manner.specimens(24, 7), "7 chunks could be held back to judge by; at least 8"),
    ],
)
def test_too_little_of_the_author_is_refused(tmp_path, runner, model, fitted, chunks, words):
    folder = manner.order(tmp_path / "run", model, fitted, chunks)
    assert runner.run(folder).code == 0
    outcome = small_run.outcome(folder)
    assert outcome is not None
    assert outcome.state == "refused"
    assert words in outcome.words


def test_a_style_of_another_model_ends_the_run_in_words(tmp_path, runner, model, fitted):
    other = msgspec.structs.replace(model, revision="9")
    folder = manner.order(tmp_path / "run", other, fitted)
    runner.run(folder)
    outcome = small_run.outcome(folder)
    assert outcome is not None
    assert outcome.state == "failed"
    assert f"fitted for {model.key}, and this is {other.key}" in outcome.words
    assert not of(PatternStep, small_run.events(folder)), "that was known before anything began"


def test_phases_say_what_it_does(whole):
    told = [one.words for one in of(RunPhase, whole[1])]
    assert "Learning from 24 chunks" in told
    assert "Practising the author's manner" in told
    assert told.index("Learning from 24 chunks") < told.index("Practising the author's manner")
