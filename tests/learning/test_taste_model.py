"""A run that tries a reward model: told, kept where it knows more, resumed where it was killed."""

import msgspec
import pytest

from talecraft.process import adapter_files, run_client, run_events
from talecraft.process.evidence import Evidence
from talecraft.process.run_client import REWARD_MODEL, EventTail
from talecraft.process.run_events import Outcome, RewardModelSettings, RunPhase, Step, TasteLearned
from tests.support import ends, small_run

SHORT = RewardModelSettings(epochs=4, folds=2, learning_rate=3.0)
PPO = msgspec.structs.replace(
    small_run.SHORT, updates=2, micro_batch=8, minibatch=8, taste_model="adapter"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_run.small_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def runner(tmp_path_factory, model):
    place = tmp_path_factory.mktemp("server") / "s"
    with small_run.serving(place, model, *small_run.TRL) as one:
        yield one


def order(folder, model, episodes, ppo=PPO, **changes):
    small_run.order(folder, model, None)
    (folder / run_client.EPISODES).write_bytes(Evidence(episodes).lines())
    settings = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
    settings = msgspec.structs.replace(settings, ppo=ppo, reward_model=SHORT, **changes)
    (folder / run_client.SETTINGS).write_bytes(run_events.encode(settings))
    return folder


@pytest.fixture(scope="module")
def first(tmp_path_factory, model, runner):
    """A run for a writer who cares for how passages end: its folder and how it ended."""
    folder = order(tmp_path_factory.mktemp("first") / "run", model, ends.episodes(96))
    return folder, runner.run(folder)


def test_a_reward_model_that_knows_more_rewards_and_judges(first, model):
    folder, ended = first
    events = EventTail(folder).read()
    outcome = events[-1]
    assert isinstance(outcome, Outcome)
    assert outcome.state in ("adopted", "rejected"), (folder / run_client.LOG).read_text()[-3000:]
    assert ended.code == 0
    head, tried = (one for one in events if isinstance(one, TasteLearned))
    assert head.tried == ""
    assert tried.kept
    assert tried.passed
    assert tried.concordance == tried.adapter > tried.head
    assert tried.words == head.words
    assert "takes the head's place" in tried.tried
    phases = [one.words for one in events if isinstance(one, RunPhase) and not one.progress]
    assert [one for one in phases if "reward model" in one or "other stories" in one] == [
        "Trying a reward model on stories it was trained without (1 of 2)",
        "Trying a reward model on stories it was trained without (2 of 2)",
        "Training the reward model that practice goes by",
        "Training another one on other stories, to judge what was learned",
    ]
    steps = [one for one in events if isinstance(one, Step)]
    assert all("taste" in one.parts for one in steps)
    assert 0 < outcome.trial_seconds < outcome.seconds
    assert sorted(small_run.candidate(folder, model).files) == sorted(adapter_files.FILES)
    log = (folder / run_client.LOG).read_text()
    assert ends.episodes(1)[0].prose not in log
    assert "%|" not in log, "no bars"
    assert {one.name for one in folder.iterdir()} == {
        run_client.SETTINGS, run_client.EPISODES, run_client.EVENTS, run_client.LOG, REWARD_MODEL,
        run_client.CHECKPOINT, run_client.CANDIDATE,
    }  # fmt: skip


def test_a_killed_run_ends_at_the_adapter_it_would_have_ended_at(tmp_path, model, runner, first):
    """Killed in its last training, it has the others."""
    folder = order(tmp_path / "run", model, ends.episodes(96))
    phases = [one for one in first[1].beats if one.endswith("after RunPhase")]
    told = [one for one in EventTail(first[0]).read() if isinstance(one, RunPhase)]
    at = next(n for n, one in enumerate(told) if "to judge what was learned" in one.words)
    assert runner.run(folder, die_at=" ".join(phases[at].split()[:2])).code == -9
    assert run_client.can_resume(tmp_path, folder.name)
    killed = EventTail(folder).read()
    assert runner.run(folder).code == 0
    assert small_run.outcome(folder).adapter_id == small_run.outcome(first[0]).adapter_id
    again = [
        one.words for one in EventTail(folder).read()[len(killed) :] if isinstance(one, RunPhase)
    ]
    assert not any("Trying" in one or "goes by" in one for one in again)
    assert any("to judge what was learned" in one for one in again)


def test_a_writer_of_no_taste_is_refused_as_ever(tmp_path, model, runner):
    folder = order(tmp_path / "run", model, ends.episodes(64, null=True))
    assert runner.run(folder).code == 0
    outcome = small_run.outcome(folder)
    assert outcome.state == "refused"
    assert "do not yet tell me" in outcome.words
    *_, tried = (one for one in EventTail(folder).read() if isinstance(one, TasteLearned))
    assert not tried.kept
    assert not tried.passed
    assert "not surely enough" in tried.tried


@pytest.mark.parametrize(
    ("name", "method", "opinions", "tried"),
    [
        ("auto", "ppo", 999, False),
        ("auto", "grpo", 1000, True),
        ("adapter", "ppo", 20, True),
        ("head", "ppo", 5000, False),
        ("adapter", "dpo", 5000, False),
    ],
)
def test_when_it_is_tried(name, method, opinions, tried):
    ppo = msgspec.structs.replace(PPO, taste_model=name)
    assert ppo.tries_adapter(method, opinions) is tried
    alone = msgspec.structs.replace(ppo, rewards={"form": 1.0})
    assert not alone.tries_adapter(method, opinions), "no taste is rewarded"
