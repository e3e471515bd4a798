"""The engine's parent: it hears everything once, outlives every death, and leaves no orphan."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from talecraft.errors import EngineError
from talecraft.process import engine_client, messages
from talecraft.process.engine_client import EngineClient, Stopped
from talecraft.process.environment import child_environment
from talecraft.process.messages import Delta, Failed, Finished, Loaded, Phase, Quit
from tests.support import tiny
from tests.support.tiny import Heard, generate, load


def test_a_turn_from_start_to_end(client: EngineClient, heard: Heard) -> None:
    client.load(load())
    assert heard.wait(Loaded).model_id == "m"
    client.generate(generate(7, "A fox.", seed=2))
    finished = heard.wait(Finished)
    assert (finished.request, finished.outline) == (7, "- plan 2")
    prose = "".join(
        one.text for one in heard.events if isinstance(one, Delta) and one.part == "prose"
    )
    assert prose.strip() == finished.prose
    phases = [one.phase for one in heard.events if isinstance(one, Phase)]
    assert phases[:2] == ["starting", "loading"]
    assert phases[-2:] == ["thinking", "writing"] or phases[-3:] == ["thinking", "writing", "ready"]


def test_nothing_is_generated_before_a_load(client: EngineClient) -> None:
    with pytest.raises(EngineError, match="No model is loaded"):
        client.generate(generate(1, "x"))
    assert not client.running
    assert client.pid is None


def test_a_cancel_keeps_what_came(client: EngineClient, heard: Heard) -> None:
    client.load(load())
    client.generate(generate(1, "SLOW"))
    heard.wait(Delta, lambda one: one.part == "prose")
    client.cancel(99)  # nobody's request
    client.cancel(1)
    finished = heard.wait(Finished)
    assert (finished.prose, finished.generation.stop_reason) == ("Slowly.", "cancelled")


def test_a_crash_fails_the_turn_and_the_engine_comes_back(
    client: EngineClient, heard: Heard
) -> None:
    client.load(load())
    first = client.pid
    client.generate(generate(1, "CRASH"))
    failed = heard.wait(Failed)
    assert failed.request == 1
    assert failed.message == "The engine stopped (SIGKILL, perhaps out of memory)."
    assert heard.wait(Stopped).restarting
    heard.wait(Loaded, nth=2)  # by itself, with the same model
    assert client.pid != first
    client.generate(generate(2, "A fox."))
    assert heard.wait(Finished).request == 2


def test_an_engine_that_keeps_dying_is_not_started_for_ever(
    client: EngineClient, heard: Heard
) -> None:
    client.load(load("deadly"))
    last = heard.wait(Stopped, lambda one: not one.restarting)
    assert "SIGKILL" in last.reason
    assert (
        sum(isinstance(one, Stopped) for one in heard.events) == engine_client.RESTARTS_A_MINUTE + 1
    )
    assert not client.running
    client.load(load())  # but the writer may ask again
    heard.wait(Loaded)


def test_a_callback_that_fails_ends_no_reading(
    heard: Heard, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the middle of a turn nor while a death is told."""

    def clumsy(event: object) -> None:
        heard(event)
        if isinstance(event, Delta | Failed | Stopped):
            raise ValueError("a defect")

    client = EngineClient(clumsy, tmp_path, tiny.ENGINE)
    try:
        client.load(load())
        client.generate(generate(1, "A fox."))
        assert heard.wait(Finished).request == 1
        client.generate(generate(2, "CRASH"))
        heard.wait(Loaded, nth=2)
        client.generate(generate(3, "A fox."))
        assert heard.wait(Finished, nth=2).request == 3
    finally:
        client.close()
    assert "ValueError: a defect" in caplog.text


def test_a_model_that_cannot_be_loaded_is_said_once(client: EngineClient, heard: Heard) -> None:
    client.load(load("broken"))
    failed = heard.wait(Failed)
    assert (failed.request, failed.message) == (None, "The model is broken.")
    assert client.running


@pytest.mark.parametrize("text", ["A fox.", "SLOW"])
def test_close_ends_the_engine_at_work_or_not(
    client: EngineClient, heard: Heard, tmp_path: Path, text: str
) -> None:
    client.load(load())
    client.generate(generate(1, text))
    heard.wait(Delta)
    pid = client.pid
    assert pid is not None
    started = time.monotonic()
    client.close()
    client.close()
    assert time.monotonic() - started < 0.9  # at its own pace, not waited for and killed
    assert tiny.gone(pid)
    assert not any(isinstance(one, Stopped) for one in heard.events)
    assert "Fatal" not in (tmp_path / "logs" / "engine.log").read_text()


def test_a_child_told_to_quit_ends_at_once_though_its_stdin_stays_open() -> None:
    """The thread that reads stdin must not be waited for (and killed) by the interpreter's end."""
    child = subprocess.Popen(tiny.ENGINE, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(messages.encode(Quit()) + b"\n")
    child.stdin.flush()
    assert child.wait(10) == 0
    child.communicate()


def test_an_engine_that_hangs_is_killed(
    heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_client, "END_SECONDS", 0.2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    client = EngineClient(heard, tmp_path, [sys.executable, "-c", deaf])
    client.load(load())
    pid = client.pid
    assert pid is not None
    client.close()
    assert tiny.gone(pid)


PARENT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {top!r})
from tests.support import tiny
from talecraft.process.engine_client import EngineClient
heard = tiny.Heard()
client = EngineClient(heard, Path({logs!r}), tiny.ENGINE)
client.load(tiny.load())
client.generate(tiny.generate(1, "SLOW"))
from talecraft.process.messages import Delta
heard.wait(Delta)
print(client.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_engine_ends_with_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    program = PARENT.format(top=str(tiny.HERE.parent.parent), logs=str(tmp_path))
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert not tiny.gone(child)
    os.kill(parent.pid, how)
    parent.wait()
    tiny.until(lambda: tiny.gone(child), seconds=5)


def test_the_log_is_private(client: EngineClient, heard: Heard, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        client.load(load())
        heard.wait(Loaded)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700
    log = tmp_path / "logs" / "engine.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    tiny.until(
        lambda: "noise" in log.read_text()
    )  # a library's print went there, not into the wire


def test_the_childs_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    env = child_environment()
    assert (env["OMP_NUM_THREADS"], env["OMP_WAIT_POLICY"], env["HF_HUB_OFFLINE"]) == (
        "7",
        "PASSIVE",
        "1",
    )
    assert "TALECRAFT_BACKGROUND" not in env
    assert child_environment(background=True)["TALECRAFT_BACKGROUND"] == "1"
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert child_environment()["OMP_NUM_THREADS"] == "1"


def test_an_engine_put_to_sleep_is_gone_until_it_is_wanted(
    client: EngineClient, heard: Heard
) -> None:
    assert not client.sleep(), "there is none"
    client.load(load())
    heard.wait(Loaded)
    first = client.pid
    assert first is not None
    assert client.sleep()
    assert client.asleep
    tiny.until(lambda: tiny.gone(first))
    heard.events.clear()
    client.generate(generate(1, "A fox."))
    assert not client.asleep
    assert heard.wait(Finished).request == 1
    assert heard.wait(Loaded).model_id == "m", "it loaded what was loaded before"
    assert client.pid != first
    assert not [one for one in heard.events if isinstance(one, Stopped)], "sleep is no death"


def test_an_engine_that_writes_does_not_fall_asleep(client: EngineClient, heard: Heard) -> None:
    client.load(load())
    client.generate(generate(1, "SLOW"))
    assert not client.sleep()
    heard.wait(Delta, lambda one: one.part == "prose")
    client.cancel(1)
    heard.wait(Finished)
    assert client.sleep()
    assert heard.wait(Phase, lambda one: one.phase == "asleep")


def test_an_engine_may_be_told_what_to_load_and_left_asleep(
    client: EngineClient, heard: Heard
) -> None:
    client.load(load(), wake=False)
    assert client.asleep
    assert client.pid is None
    client.load(load("other"), wake=False)
    client.generate(generate(1, "A fox."))
    assert heard.wait(Loaded).model_id == "other"
    client.load(load("third"), wake=False)
    assert heard.wait(Loaded, nth=2).model_id == "third", "an engine that runs is told at once"


def test_it_tells_whether_there_are_open_requests(heard: Heard, tmp_path: Path) -> None:
    busy: list[bool] = []
    opened = EngineClient(heard, tmp_path, tiny.ENGINE, busy.append)
    opened.load(load())
    heard.wait(Loaded)
    assert not any(busy)
    opened.generate(generate(1, "A fox."))
    opened.generate(generate(2, "CRASH"))
    heard.wait(Finished)
    assert busy[:3] == [True, True, True], "the first is over, the second open"
    heard.wait(Stopped)
    tiny.until(lambda: not busy[-1])
    opened.generate(generate(3, "SLOW"))
    assert busy[-1]
    opened.close()
    assert not busy[-1]
