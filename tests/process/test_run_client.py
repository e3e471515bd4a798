"""Runs from outside: one at a time, known by a lock, watched by whole lines."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from talecraft.errors import BusyError, UsageError
from talecraft.process import locks, run_client, run_events, run_requests
from talecraft.process.environment import child_environment
from talecraft.process.evidence import Episode, Evidence
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import Outcome, RunPhase, RunSettings
from talecraft.story.turns import Sampling
from tests.support import tiny

FOUND = Evidence([Episode(1, 2, [1], [2], 0, 1, "p", 4, 0.7)])


@pytest.fixture(autouse=True)
def tiny_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_client, "COMMAND", tiny.RUN)


def order(name: str) -> RunSettings:
    return RunSettings(
        run_id=name,
        method="ppo",
        model=tiny.load().model,
        parent=None,
        lora_rank=8,
        lora_alpha=16,
        lora_targets="all-linear",
        seed=7,
        watermark=1,
        reference_file="/r",
        sampling=Sampling(),
    )


def test_a_run_gets_its_order_and_is_alive_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_RUN", "wait")
    runs = tmp_path / "runs"
    assert run_client.alive(runs) is None
    pid = run_client.start(runs, order("one"), FOUND)
    assert run_client.alive(runs) == "one"
    with pytest.raises(BusyError) as caught:
        run_client.start(runs, order("two"), FOUND)
    assert caught.value.exit_code == 3
    assert run_client.alive(runs) == "one"
    assert run_client.outcome(runs / "one") is None
    run_requests.ask(runs / "one", run_requests.CONTROL)
    tiny.until(lambda: run_client.alive(runs) is None)
    ended = run_client.outcome(runs / "one")
    assert ended is not None
    assert ended.state == "cancelled"
    tiny.until(lambda: tiny.gone(pid))
    run_client.start(runs, order("three"), FOUND)
    run_requests.ask(runs / "three", run_requests.CONTROL)
    tiny.until(lambda: run_client.alive(runs) is None)


def test_a_launcher_takes_the_commands_place_and_holds_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_client, "COMMAND", ("/none",))
    monkeypatch.setenv("TINY_RUN", "wait")
    runs = tmp_path / "runs"
    # As accelerate does: found by its name beside our interpreter, and it hands no lock down.
    script = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
    launcher = [Path(sys.executable).name, "-c", script, *tiny.RUN]
    pid = run_client.start(runs, order("one"), FOUND, launcher=launcher)
    tiny.until(lambda: (runs / "one" / run_client.CHECKPOINT).exists())
    assert run_client.alive(runs) == "one"
    run_requests.ask(runs / "one", run_requests.CONTROL)
    tiny.until(lambda: run_client.alive(runs) is None)
    tiny.until(lambda: tiny.gone(pid))
    run_client.resume(runs, "one", launcher=launcher)
    assert run_client.alive(runs) == "one"
    run_requests.ask(runs / "one", run_requests.CONTROL)
    tiny.until(lambda: run_client.alive(runs) is None)
    with pytest.raises(UsageError, match="no command accelarate") as caught:
        run_client.start(runs, order("two"), FOUND, launcher=["accelarate", "launch"])
    assert "training.launcher" in (caught.value.hint or "")
    assert run_client.alive(runs) is None


def test_a_run_lives_as_long_as_any_process_that_its_launcher_has_started(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    run_client.start(runs, order("one"), FOUND)
    tiny.until(lambda: run_client.alive(runs) is None)
    program = (
        "import sys; from pathlib import Path; from talecraft.process import run_client\n"
        "run_client.hold_on(Path(sys.argv[1])); print(flush=True); input()"
    )
    left = subprocess.Popen(
        [sys.executable, "-c", program, str(runs)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert left.stdout is not None
        left.stdout.readline()
        assert run_client.alive(runs) == "one"
        with pytest.raises(BusyError):
            run_client.start(runs, order("two"), FOUND)
        assert not (runs / "two" / run_client.SETTINGS).exists()
    finally:
        left.communicate(b"\n", tiny.SECONDS)
    assert run_client.alive(runs) is None
    run_client.start(runs, order("two"), FOUND)
    tiny.until(lambda: run_client.alive(runs) is None)


def test_a_launcher_is_left_to_say_how_many_threads_its_processes_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert child_environment(launched=True)["OMP_NUM_THREADS"] == "3"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert "OMP_NUM_THREADS" not in child_environment(launched=True)
    assert "OMP_NUM_THREADS" in child_environment()


def test_asking_whether_a_run_is_alive_hinders_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks holds the lock for a moment; a start at that moment must wait, not refuse."""
    runs = tmp_path / "runs"
    runs.mkdir()
    asking = locks.open_lock(runs / "trainer.lock")
    locks.fcntl.flock(asking, locks.fcntl.LOCK_SH)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        locks.fcntl.flock(asking, locks.fcntl.LOCK_UN)

    monkeypatch.setattr(locks.time, "sleep", sleep)
    run_client.start(runs, order("one"), FOUND)
    assert len(slept) == 1
    monkeypatch.undo()
    tiny.until(lambda: run_client.alive(runs) is None)


def test_the_runs_files_are_private(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    run_client.start(runs, order("one"), FOUND)
    tiny.until(lambda: run_client.alive(runs) is None)
    for name in (run_client.SETTINGS, run_client.EPISODES, run_client.LOG):
        assert stat.S_IMODE((runs / "one" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((runs / "one").stat().st_mode) == 0o700
    assert (runs / "one" / run_client.LOG).read_text() == ""


def test_a_tail_gives_whole_lines_once(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    assert tail.read() == []
    file = tmp_path / run_client.EVENTS
    first, second, third = (run_events.encode(RunPhase(word)) + b"\n" for word in "abc")
    file.write_bytes(first + second[:9])
    assert tail.read() == [RunPhase("a")]
    assert tail.read() == []
    file.write_bytes(first + second + b"torn by a crash\n" + third)
    assert tail.read() == [RunPhase("b"), RunPhase("c")]
    assert tail.read() == []


def test_the_outcome_is_the_last_word(tmp_path: Path) -> None:
    lines = [run_events.encode(RunPhase("x")), run_events.encode(Outcome("rejected", "a"))]
    (tmp_path / run_client.EVENTS).write_bytes(b"\n".join(lines) + b"\n" + b'{"type":"outc')
    found = run_client.outcome(tmp_path)
    assert found is not None
    assert (found.state, found.words) == ("rejected", "a")
    assert run_client.outcome(tmp_path / "none") is None
    (tmp_path / run_client.EVENTS).write_bytes(b"\n".join(lines[::-1]) + b"\n")
    assert run_client.outcome(tmp_path) is None, "it was resumed, and has not ended again"
