"""Several processes carry out one run: the steps of one, one end for all, no shares left waiting.

The processes are forked by the run_server and meet over loopback (gloo), but for those of the last
test, which are a real launcher's.
"""

import os
import signal
import socket
import threading

import msgspec
import pytest
import torch
from safetensors.torch import load_file

from talecraft.errors import EngineError
from talecraft.learning import company, program
from talecraft.learning.company import ALONE, Company
from talecraft.process import environment, evidence, run_client, run_events, run_requests
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Drawn, RunPhase, Step, Waiting
from tests.support import small_run, tiny

SHORT = msgspec.structs.replace(small_run.SHORT, updates=4, epochs=2, prose_tokens=12, group=4)
WAIT = 200  # seconds, on a machine with other work
FIGURES = ("reward", "kl", "entropy", "clip_fraction", "value_loss", "policy_loss", "beta")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_run.small_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def runner(tmp_path_factory, model):
    with small_run.serving(tmp_path_factory.mktemp("server") / "s", model) as one:
        yield one


@pytest.fixture(scope="module")
def shared(tmp_path_factory, model, runner):
    """The folder of a run of PPO that two processes have carried out, and its beats."""
    folder = order(tmp_path_factory.mktemp("shared") / "run", model)
    ended = runner.run(folder, processes=2)
    assert (ended.code, ended.others) == (0, [0]), log(folder)
    return folder, ended.beats


def order(folder, model, method="ppo", **changes):
    small_run.order(folder, model, None)
    settings = run_events.decode_settings((folder / run_client.SETTINGS).read_bytes())
    settings = msgspec.structs.replace(settings, method=method, ppo=SHORT, **changes)
    (folder / run_client.SETTINGS).write_bytes(run_events.encode(settings))
    return folder


def weights(folder, prefix, part=""):
    found = load_file(folder / run_client.CHECKPOINT)
    named = [name for name in sorted(found) if name.startswith(prefix) and part in name]
    return torch.cat([found[name].flatten() for name in named])


def steps(folder):
    return [one for one in EventTail(folder).read() if isinstance(one, Step)]


def log(folder):
    return (folder / run_client.LOG).read_text()[-3000:]


# ---------------------------------------------------------------------- the same steps
def drawn(folder):
    return [
        one.prose
        for told in EventTail(folder).read()
        if isinstance(told, Drawn)
        for one in told.turns
    ]


# In a run of RLOO by three the last one has no group to draw, and no piece of a micro-batch.
@pytest.mark.parametrize(("method", "processes"), [("ppo", 2), ("rloo", 3)])
def test_several_processes_take_the_steps_of_one(
    tmp_path, model, runner, shared, method, processes
):
    for seed in (1, 2, 3):
        one = order(tmp_path / f"one{seed}", model, method, seed=seed)
        assert runner.run(one).code == 0
        several, _ = shared
        if (method, seed) != ("ppo", 1):
            several = order(tmp_path / f"several{seed}", model, method, seed=seed)
            ended = runner.run(several, processes=processes)
            assert (ended.code, ended.others) == (0, [0] * (processes - 1)), log(several)
        if drawn(one) == drawn(several):
            break  # else a rounding has fallen between two words: what follows is another story
    assert drawn(one) == drawn(several)
    assert len(steps(one)) == len(steps(several)) >= 3
    for alone, together in zip(steps(one), steps(several), strict=True):
        for name in FIGURES:
            expected = pytest.approx(getattr(alone, name), rel=1e-4, abs=1e-5)
            assert getattr(together, name) == expected, (alone.step, name)
        assert together.parts == pytest.approx(alone.parts, rel=1e-4, abs=1e-5)
    for prefix in ("lora/", "value/") if method == "ppo" else ("lora/",):
        alone, together = weights(one, prefix), weights(several, prefix)
        assert float((alone - together).norm() / alone.norm()) <= 1e-4
    # B was 0 to begin with: what was learned agrees, not only what was there before.
    alone, together = weights(one, "lora/", "lora_B"), weights(several, "lora/", "lora_B")
    assert float(alone.norm()) > 0.1
    assert float((alone - together).norm() / alone.norm()) <= 1e-4
    told = [event for event in EventTail(several).read() if isinstance(event, RunPhase)]
    assert told[0].words.endswith(f"in {processes} processes")
    alone, together = (small_run.outcome(folder).checks for folder in (one, several))
    assert [check.name for check in alone] == [check.name for check in together]
    small_run.candidate(several, model)


# ---------------------------------------------------------------------- one end for all
def test_a_run_that_is_paused_and_stopped_ends_in_all_processes(tmp_path, model, runner):
    folder = order(tmp_path / "run", model)
    ended = []
    running = threading.Thread(target=lambda: ended.append(runner.run(folder, processes=2)))
    running.start()
    tiny.until(lambda: steps(folder), WAIT)
    run_requests.ask(folder, run_requests.PAUSE)
    tiny.until(lambda: Waiting("pause") in EventTail(folder).read(), WAIT)
    run_requests.ask(folder, run_requests.CONTROL)
    running.join(WAIT)
    assert [(one.code, one.others) for one in ended] == [(0, [0])], log(folder)
    assert small_run.outcome(folder).state == "cancelled"


def test_what_fails_in_one_process_ends_all_and_is_told(tmp_path, model, runner):
    folder = order(tmp_path / "run", model)
    ended = runner.run(folder, processes=2, breaks="other")
    assert (ended.code, ended.others) == (1, [1])
    outcome = small_run.outcome(folder)
    assert outcome.state == "failed"
    assert "the other one fails" in outcome.words
    assert [one.step for one in steps(folder)] == [1]


def test_where_the_main_process_is_killed_the_other_ends_and_the_run_goes_on(
    tmp_path, model, runner, shared
):
    folder = order(tmp_path / "run", model)
    whole, beats = shared
    _, second, *_ = (one for one in beats if one.endswith("before Step"))
    ended = runner.run(folder, processes=2, die_at=" ".join(second.split()[:2]))
    assert (ended.code, ended.others) == (-signal.SIGKILL, [1])
    assert small_run.outcome(folder) is None
    assert "Another process of this run is gone." in log(folder)
    assert runner.run(folder, processes=2).code == 0
    assert small_run.outcome(folder).adapter_id == small_run.outcome(whole).adapter_id


@pytest.mark.parametrize("method", ["grpo", "sft", "pattern"])
def test_what_cannot_be_shared_is_refused_in_words(tmp_path, model, runner, method):
    folder = order(tmp_path / "run", model, method)
    ended = runner.run(folder, processes=2)
    assert (ended.code, ended.others) == (1, [1])
    (outcome,) = EventTail(folder).read()
    assert outcome.state == "failed"
    assert f"in several processes, not {method}." in outcome.words


# ---------------------------------------------------------------------- what a launcher asks for
@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"WORLD_SIZE": "2", "ACCELERATE_USE_FSDP": "true"}, "FSDP shares one model out"),
        ({"WORLD_SIZE": "2", "ACCELERATE_USE_DEEPSPEED": "true"}, "DeepSpeed shares one"),
        (
            {"ACCELERATE_USE_CPU": "True", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"},
            "starts one process",
        ),
    ],
)
def test_what_a_launcher_wants_and_a_run_cannot_is_refused(tmp_path, monkeypatch, told, words):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EngineError, match=words):
        company.join()
    if "WORLD_SIZE" in told:
        monkeypatch.setenv("RANK", "1")
        assert program.carry_out(tmp_path, None) == 0, "the first one says so"
        assert not list(tmp_path.glob(run_client.EVENTS))
        monkeypatch.setenv("RANK", "0")
    assert program.carry_out(tmp_path, None) == 1
    assert words in small_run.outcome(tmp_path).words


@pytest.mark.parametrize("told", [{}, {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"}])
def test_one_process_is_alone(monkeypatch, told):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert company.join() is ALONE


def test_what_was_launched_shows_that_it_lives_one_process_too(tmp_path, monkeypatch):
    """Its launcher may be gone before it, and with that the trainers' lock."""
    held = []
    monkeypatch.setattr(run_client, "hold_on", held.append)
    folder = tmp_path / "run"
    folder.mkdir()
    program._voice(folder, ALONE)
    assert not held
    monkeypatch.setenv(environment.LAUNCHED, "1")
    program._voice(folder, ALONE)
    assert held == [tmp_path]


# ---------------------------------------------------------------------- shares
class Third(Company):
    """The last of three processes, whose others give what is told here."""

    rank, size = 2, 3

    def __init__(self, *others):
        self.others = others

    def meet(self, given):
        return [*self.others, given]


def test_shares_are_whole_groups_and_come_back_in_order():
    asked = []

    def work(items):
        asked.extend(items)
        return [10 * one for one in items]

    numbers = list(range(8))
    theirs = [[(0, 0), (1, 10), (6, 60), (7, 70)], [(2, 20), (3, 30)]]
    assert Third(*theirs).spread(work, numbers, together=2) == [10 * one for one in numbers]
    assert asked == [4, 5]
    assert Third([(0, 1)], []).spread(work, [1]) == [1], "with nothing to do it still meets"
    assert asked == [4, 5]
    assert [Third().largest_share(count) for count in (1, 3, 4)] == [1, 1, 2]
    assert ALONE.share(numbers, 2) == numbers


# ---------------------------------------------------------------------- a real launcher
def launcher():
    """Two processes on the CPU, at a port that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [
        "accelerate", "launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
        "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", str(port),
        "-m", "talecraft.learning.run",
    ]  # fmt: skip


def test_a_run_whose_launcher_was_killed_goes_on_and_ends_where_it_would_have(
    tmp_path, model, runner, shared, monkeypatch
):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    runs, laid = tmp_path / "runs", order(tmp_path / "laid", model)
    settings = run_events.decode_settings((laid / run_client.SETTINGS).read_bytes())
    said = evidence.read((laid / run_client.EPISODES).read_bytes().splitlines())
    pid = run_client.start(runs, settings, said, launcher=launcher())
    folder = runs / settings.run_id
    tiny.until(lambda: (folder / run_client.CHECKPOINT).exists() or tiny.gone(pid), WAIT)
    assert not tiny.gone(pid), log(folder)
    assert run_client.alive(runs) == settings.run_id
    os.kill(pid, signal.SIGKILL)
    tiny.until(lambda: run_client.alive(runs) is None, WAIT)
    assert small_run.outcome(folder) is None
    known = len(EventTail(folder).read())
    assert runner.run(folder, processes=2).code == 0
    assert small_run.outcome(folder).adapter_id == small_run.outcome(shared[0]).adapter_id
    again = [one.step for one in EventTail(folder).read()[known:] if isinstance(one, Step)]
    assert again == list(range(again[0], SHORT.updates + 1))
    assert again[0] > 1, "the first update was not taken again"
