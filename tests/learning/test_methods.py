"""Every method as a whole run: the same events, the same gate, the same end after a kill."""

import msgspec
import numpy as np
import pytest

from talecraft.process import adapter_files, evidence, run_client, run_events
from talecraft.process.evidence import Evidence
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Drawn, GrpoSettings, OfflineSettings, Outcome, Step
from tests.support import small_run

SHORT = msgspec.structs.replace(small_run.SHORT, updates=2, epochs=2)
RUNS = pytest.mark.parametrize("method", ["grpo", "dr_grpo", "dpo", "kto", "sft"])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_run.small_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def runner(tmp_path_factory, model):
    place = tmp_path_factory.mktemp("server") / "s"
    with small_run.serving(place, model, *small_run.TRL) as one:
        yield one


def order(folder, model, method, **changes):
    small_run.order(folder, model, None)
    settings = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
    settings = msgspec.structs.replace(
        settings, method=method, ppo=SHORT, grpo=GrpoSettings(generations=4),
        offline=OfflineSettings(epochs=1, batch=4), **changes,
    )  # fmt: skip
    (folder / run_client.SETTINGS).write_bytes(run_events.encode(settings))
    if method == "sft":  # a writer who loves more
        found = evidence.read((folder / run_client.EPISODES).read_bytes().splitlines())
        loved = [
            msgspec.structs.replace(one, stars=5 if one.stars >= 3 else one.stars)
            for one in found.passages
        ]
        (folder / run_client.EPISODES).write_bytes(Evidence(loved).lines())
    return folder


@RUNS
def test_a_run_by_this_method_is_judged_as_any_other(tmp_path, model, runner, method):
    folder = order(tmp_path / "run", model, method)
    ended = runner.run(folder)
    events = EventTail(folder).read()
    log = (folder / run_client.LOG).read_text()
    outcome = events[-1]
    assert isinstance(outcome, Outcome), log[-3000:]
    assert (ended.code, outcome.state) in ((0, "adopted"), (0, "rejected")), outcome.words + log
    told = [(type(one), one.step) for one in events if isinstance(one, Drawn | Step)]
    assert told == [(Drawn, 1), (Step, 1), (Drawn, 2), (Step, 2)]
    steps = [one for one in events if isinstance(one, Step)]
    assert all(np.isfinite([one.policy_loss, one.kl, one.entropy]).all() for one in steps)
    assert {one.name for one in outcome.checks} >= {"win", "kl", "perplexity", "variety", "form"}
    candidate = small_run.candidate(folder, model)
    assert sorted(candidate.files) == sorted(adapter_files.FILES), "no other adapter is saved"
    assert outcome.steps == 2
    assert not any("ref" in name for name in _names(folder)), "TRL's own copy is gone"
    # Killed after its first update it goes on, and ends where it would have.
    again = order(tmp_path / "again", model, method)
    kept = [one for one in ended.beats if one.startswith("line") and one.endswith("after Step")]
    at = " ".join(kept[1].split()[:2])
    assert runner.run(again, die_at=at).code == -9
    assert runner.run(again).code == 0
    assert small_run.outcome(again).adapter_id == outcome.adapter_id
    kinds = [type(one) for one in EventTail(again).read() if isinstance(one, Step)]
    assert len(kinds) == 3, "the second update was told before the kill, and taken again"


def _names(folder):
    from safetensors import safe_open

    path = folder / run_client.CANDIDATE / "adapter_model.safetensors"
    with safe_open(str(path), "pt") as file:
        return list(file.keys())


def test_a_method_says_what_it_lacks(tmp_path, model, runner):
    """Eight passages of five stars, of which every other story's judge: too few to learn by heart
    from."""
    folder = order(tmp_path / "run", model, "dpo")
    settings = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
    settings = msgspec.structs.replace(settings, method="sft")
    (folder / run_client.SETTINGS).write_bytes(run_events.encode(settings))
    assert runner.run(folder).code == 0
    outcome = small_run.outcome(folder)
    assert outcome.state == "refused"
    assert "passages of five stars, or that you edited" in outcome.words
    assert "8 are needed" in outcome.words
