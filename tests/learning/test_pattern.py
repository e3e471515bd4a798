"""A whole pattern run as its own process: from a file of tales to a verdict."""

import signal

import msgspec
import pytest
import torch
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

from talecraft.config import models
from talecraft.learning.pattern import collate
from talecraft.learning.pattern_run import advice
from talecraft.learning.policy import still
from talecraft.learning.scribe import Lesson
from talecraft.paths import home
from talecraft.process import run_client, run_requests
from talecraft.process.messages import AdapterRef
from talecraft.process.run_events import (
    Check,
    GoingOn,
    Outcome,
    PatternStep,
    TalesRead,
    Waiting,
)
from tests.support import small_run, tales


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_run.small_model(tmp_path_factory.mktemp("pattern") / "model")


@pytest.fixture(scope="module")
def runner(tmp_path_factory, model):
    with small_run.serving(tmp_path_factory.mktemp("server") / "s", model, *small_run.TRL) as made:
        yield made


@pytest.fixture(scope="module")
def whole(tmp_path_factory, runner, model):
    """A run that nobody disturbed: its folder, its events, the files it made, its beats."""
    place = tmp_path_factory.mktemp("whole")
    data = tales.written(place / "tales.jsonl", tales.tales())
    folder = tales.order(place / "run", model, data)
    before = set(place.rglob("*"))
    ended = runner.run(folder)
    found = small_run.events(folder)
    assert isinstance(found[-1], Outcome), (folder / run_client.LOG).read_text()[-2000:]
    new = {path.relative_to(folder) for path in set(place.rglob("*")) - before}
    return folder, found, sorted(map(str, new)), ended.beats


def steps(events):
    return [event for event in events if isinstance(event, PatternStep)]


def test_a_run_learns_judges_and_says_so(whole, model):
    folder, events, *_ = whole
    (read,) = [event for event in events if isinstance(event, TalesRead)]
    assert (read.tales, read.held_out, read.turns, read.examples) == (30, 4, 30, 26)
    told = steps(events)
    assert [one.step for one in told] == list(range(1, 8))
    assert {one.total for one in told} == {7}
    assert told[-1].loss < told[0].loss - 0.2, "it learned nothing"
    assert told[-1].held_out < told[0].held_out - 0.2, "what was held back is no more likely"
    assert told[0].rate == pytest.approx(1e-2)
    assert told[-1].rate == pytest.approx(0.0, abs=1e-8)
    assert told[-1].eta == 0
    outcome = events[-1]
    assert [one.name for one in outcome.checks] == [
        "held-out loss", "turns", "plan followed", "length", "perplexity",
    ]  # fmt: skip
    loss = outcome.checks[0]
    assert loss.passed
    assert loss.high < 0
    assert (outcome.state == "adopted") == all(one.passed for one in outcome.checks)
    assert outcome.steps == 7
    assert len(outcome.samples) == 3
    assert small_run.candidate(folder, model).id == outcome.adapter_id
    assert all(f.stat().st_mode & 0o077 == 0 for f in (folder / run_client.CANDIDATE).iterdir())
    log = (folder / run_client.LOG).read_text()
    assert "round stones" not in log, "the log holds no story text"


def test_a_run_leaves_nothing_but_what_runs_leave(whole):
    assert whole[2] == [
        "candidate", "candidate/adapter_config.json", "candidate/adapter_model.safetensors",
        "checkpoint.safetensors", "events.jsonl", "run.log", "tales.jsonl",
    ]  # fmt: skip


@pytest.mark.parametrize("moment", ["after PatternStep", "after RunPhase"])
def test_a_killed_run_ends_at_the_adapter_it_would_have_ended_at(
    tmp_path, runner, model, whole, moment
):
    data = tales.written(tmp_path / "tales.jsonl", tales.tales())
    folder = tales.order(tmp_path / "run", model, data)
    at = [beat for beat in whole[3] if moment in beat][-1 if moment == "after RunPhase" else 3]
    killed = runner.run(folder, die_at=" ".join(at.split()[:2]))
    assert killed.code == -signal.SIGKILL
    first = len(small_run.events(folder))
    data.unlink()  # the run has kept its tales
    run_client.tidy(folder)
    runner.run(folder)
    outcome = small_run.outcome(folder)
    assert outcome is not None, (folder / run_client.LOG).read_text()[-2000:]
    meant = whole[1][-1]
    assert msgspec.structs.replace(outcome, seconds=meant.seconds) == meant
    again = [one.step for one in steps(small_run.events(folder)[first:])]
    # Where saving took long the last steps before the kill were not kept, and are taken again.
    assert again == list(range(8 - len(again), 8))
    assert len(again) < 7, "it did not go on from its checkpoint"


def test_a_run_waits_where_somebody_writes_and_while_it_is_paused(tmp_path, runner, model, whole):
    data = tales.written(tmp_path / "tales.jsonl", tales.tales())
    folder = tales.order(tmp_path / "run", model, data)
    run_requests.ask(folder, run_requests.PAUSE)
    sign = run_requests.WritingSign(tmp_path)
    sign.show(True)
    from threading import Timer

    for seconds, end in (
        (1.0, lambda: run_requests.withdraw(folder, run_requests.PAUSE)),
        (2.0, lambda: sign.show(False)),
    ):
        Timer(seconds, end).start()
    runner.run(folder)
    found = small_run.events(folder)
    assert [one for one in found if isinstance(one, Waiting)] == [
        Waiting("pause"), Waiting("writing"),
    ]  # fmt: skip
    (waited,) = [one.seconds for one in found if isinstance(one, GoingOn)]
    assert waited > 1
    assert found[-1].adapter_id == whole[1][-1].adapter_id


def test_a_run_is_stopped_between_its_steps(tmp_path, runner, model):
    data = tales.written(tmp_path / "tales.jsonl", tales.tales())
    folder = tales.order(tmp_path / "run", model, data)
    (folder / run_requests.CONTROL).write_text("cancel\n")
    assert runner.run(folder).code == 0
    outcome = small_run.outcome(folder)
    assert outcome is not None
    assert (outcome.state, outcome.files) == ("cancelled", {})


# ---------------------------------------------------------------------- data, good and bad
def test_a_folder_of_tables_of_every_kind_and_of_stories_alone_is_learned_from(
    tmp_path, runner, model
):
    folder = tmp_path / "data"
    folder.mkdir()
    for number, kind in enumerate(("csv", "parquet", "txt")):
        tales.written(folder / f"tales.{kind}", tales.tales()[8 * number : 8 * number + 8])
    run = tales.order(tmp_path / "run", model, folder, epochs=1)
    runner.run(run)
    events = small_run.events(run)
    (read,) = [event for event in events if isinstance(event, TalesRead)]
    assert read.tales == 24
    assert events[-1].state in ("adopted", "rejected")


@pytest.mark.parametrize(
    ("text", "state", "words"),
    [
        ('{"prompt": "p", "story": 7}\n', "failed", "row 1: 'story' is no text"),
        ("{nothing\n", "failed", "tales.jsonl, row 1 is no JSON"),
        ('{"prompt": "p"}\n', "failed", "row 1 has no story"),
    ],
)
def test_data_that_cannot_be_used_is_one_clear_line(tmp_path, runner, model, text, state, words):
    data = tmp_path / "tales.jsonl"
    data.write_text(text)
    folder = tales.order(tmp_path / "run", model, data)
    runner.run(folder)
    outcome = small_run.outcome(folder)
    assert outcome is not None
    assert outcome.state == state
    assert words in outcome.words
    assert "\n" not in outcome.words


def test_too_few_tales_are_refused(tmp_path, runner, model):
    data = tales.written(tmp_path / "tales.jsonl", tales.tales(19))
    folder = tales.order(tmp_path / "run", model, data)
    assert runner.run(folder).code == 0
    outcome = small_run.outcome(folder)
    assert outcome is not None
    assert outcome.state == "refused"
    assert "19 tales; at least 20 are needed" in outcome.words


# ---------------------------------------------------------------------- other models, a harmful one
def gpt2(folder, model):
    """Random weights of GPT-2's kind, with dropout on, and the plain style."""
    torch.manual_seed(4)
    config = GPT2Config(
        vocab_size=len(AutoTokenizer.from_pretrained(model.folder)), n_embd=32, n_layer=2,
        n_head=4, n_positions=512, bos_token_id=1, eos_token_id=1,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(model.folder).save_pretrained(folder)
    catalogue = models.load(home())
    plain = catalogue.style(catalogue.get("gpt2"))
    return msgspec.structs.replace(
        model, id="g", folder=str(folder), style=plain, context_length=512
    )


def test_gpt2_in_its_plain_style_learns_the_same_twice(tmp_path, runner, model):
    """Its dropout is off: what is drawn there no checkpoint could bring back."""
    other = gpt2(tmp_path / "gpt2", model)
    data = tales.written(tmp_path / "tales.jsonl", tales.tales())
    ids = []
    for name in ("one", "two"):
        folder = tales.order(tmp_path / name, other, data, epochs=1)
        runner.run(folder)
        outcome = small_run.outcome(folder)
        assert outcome is not None
        assert outcome.checks[0].passed, outcome.words
        ids.append(outcome.adapter_id)
    assert ids[0] == ids[1]


def test_what_has_learned_harm_is_not_adopted(tmp_path, runner, model, whole):
    """Too large a rate: it forgets how to read, and the gate says so. It is compared with what
    writes now, not with the bare model."""
    first = whole[1][-1]
    candidate = whole[0] / run_client.CANDIDATE
    active = AdapterRef(first.adapter_id, str(candidate), first.files, model.key)
    data = tales.written(tmp_path / "tales.jsonl", tales.tales())
    folder = tales.order(tmp_path / "run", model, data, active, learning_rate=3.0)
    runner.run(folder)
    outcome = small_run.outcome(folder)
    assert outcome is not None
    assert outcome.state == "rejected"
    assert outcome.words.startswith("What wrote before goes on writing.")
    failed = {one.name for one in outcome.checks if not one.passed}
    assert "held-out loss" in failed
    assert outcome.files, "it is kept all the same"
    assert [one.before for one in outcome.samples] == [one.after for one in first.samples]


# ---------------------------------------------------------------------- parts
def test_a_batch_is_padded_on_the_right_and_labelled_where_it_is_learned():
    long = Lesson([5, 6, 7], [False, True, True], [False, True, False], [False, False, True])
    made = collate([long, Lesson([8], [True], [False], [False])], 9, 8.0, 4.0)
    assert made["input_ids"].tolist() == [[5, 6, 7], [8, 9, 9]]
    assert made["labels"].tolist() == [[-100, 6, 7], [8, -100, -100]]
    assert made["weights"].tolist() == [[1, 8, 4], [1, 1, 1]]


def test_dropout_is_off_also_where_training_is_on():
    made = GPT2LMHeadModel(
        GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=32)
    )
    still(made)
    made.train()
    ids = torch.arange(8)[None]
    with torch.no_grad():
        assert torch.equal(made(ids).logits, made(ids).logits)


def test_advice_names_the_sooner_cause_and_is_silent_where_all_held():
    def check(name: str, passed: bool) -> Check:
        return Check(name, 0.0, "", passed, "")

    assert advice([check("turns", True), check("plan followed", True)]) == []
    (by_heart,) = advice([check("turns", False), check("perplexity", False)])
    assert "fewer times" in by_heart
    (unlearned,) = advice([check("turns", False), check("perplexity", True)])
    assert "more times" in unlearned
