"""A run on another machine: ordered here, carried out there, and here all that a run leaves."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

import msgspec
import pytest

from talecraft import __version__
from talecraft.errors import AdapterError, EngineError, UsageError
from talecraft.paths import Home
from talecraft.process import adapter_files, far_messages, locks, run_client, run_requests
from talecraft.process.evidence import Episode, Evidence
from talecraft.process.far_messages import Ask, Made, Order, Over, Refused, Said, Sent, Wanted
from talecraft.process.far_run import FarRun
from talecraft.process.messages import AdapterRef, Failed, Hello, Parcel
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import (
    Drawn,
    Example,
    GoingOn,
    Outcome,
    RunPhase,
    RunSettings,
    Sample,
    Step,
    Waiting,
)
from talecraft.story.turns import Sampling
from talecraft.studio import Studio
from talecraft.studio.hosting_runs import RunHost
from tests.studio.conftest import run
from tests.support.models import bundled_ref
from tests.support.tiny import until

FOUND = Evidence([Episode(1, 2, [1], [2], 0, 1, "p", 4, 0.7)])
ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def there(tmp_path):
    base = tmp_path / "there"
    return Home(base / "data", base / "config", base / "cache", base / "logs")


@pytest.fixture
def far(there):
    """What stands in engine.command: `talecraft engine` in another home, with tiny runs."""
    home = f"TALECRAFT_HOME={there.data.parent}"
    script = str(Path(__file__).parents[1] / "support" / "tiny_host.py")
    return ["env", home, f"PYTHONPATH={ROOT}", sys.executable, script]


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


def order(name="one", **changed):
    model = msgspec.structs.replace(bundled_ref(), folder="/nowhere")
    settings = RunSettings(
        name, "ppo", model, None, 8, 16, "all-linear", 7, 1, "/nowhere", Sampling()
    )
    return msgspec.structs.replace(settings, **changed)


def ended(runs, name="one"):
    until(lambda: run_client.alive(runs) is None)
    return run_client.outcome(runs / name)


def host_pid(there):
    """Who serves the page there."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes()
                env = (folder / "environ").read_bytes()
            except OSError:
                continue
            if b"tiny_host.py" in words.split(b"\0")[1] and str(there.data.parent).encode() in env:
                return int(folder.name)
    return None


def going(runs, far, monkeypatch):
    """A run that has taken its first step: what it tells, and what it told."""
    monkeypatch.setenv("TINY_RUN", "going")
    run_client.start(runs, order(), FOUND, far)
    tail, seen = EventTail(runs / "one"), []
    until(lambda: seen.extend(tail.read()) or any(isinstance(one, Step) for one in seen))
    return tail, seen


def lost(runs, there):
    """The line breaks: who serves the page there is killed."""
    os.kill(host_pid(there), signal.SIGKILL)
    until(lambda: run_client.alive(runs) is None)


def test_what_it_has_learned_there_is_here(runs, far, there):
    run_client.start(runs, order(), FOUND, far)
    outcome = ended(runs)
    assert outcome.state == "adopted", (runs / "one" / run_client.LOG).read_text()
    candidate = runs / "one" / run_client.CANDIDATE
    made = AdapterRef(outcome.adapter_id, str(candidate), outcome.files, bundled_ref().key)
    adapter_files.verify(made)
    assert (candidate / adapter_files.FILES[1]).stat().st_mode & 0o777 == 0o600
    kinds = [type(one) for one in EventTail(runs / "one").read()]
    assert kinds == [RunPhase, Drawn, Step, Outcome]
    assert not (there.guests / "one").exists(), "what was heard to its end is not kept there"


def test_it_is_told_to_pause_to_show_an_example_to_give_way_and_to_stop(
    runs, far, there, monkeypatch
):
    monkeypatch.setenv("TINY_RUN", "going")
    run_client.start(runs, order(), FOUND, far)
    folder, tail, seen = runs / "one", EventTail(runs / "one"), []

    def heard(kind):
        seen.extend(tail.read())
        return any(isinstance(one, kind) for one in seen)

    until(lambda: heard(Step))
    run_requests.ask(folder, run_requests.EXAMPLE)
    until(lambda: heard(Example))
    until(lambda: not run_requests.asked(folder, run_requests.EXAMPLE))
    run_requests.ask(folder, run_requests.PAUSE)
    until(lambda: heard(Waiting))
    run_requests.withdraw(folder, run_requests.PAUSE)
    until(lambda: heard(GoingOn))
    assert [one.reason for one in seen if isinstance(one, Waiting)] == ["pause"]
    sign = run_requests.WritingSign(runs)
    sign.show(True)
    until(lambda: heard(Waiting) and seen[-1] == Waiting("writing"))
    sign.show(False)
    until(lambda: heard(GoingOn) and isinstance(seen[-1], GoingOn))
    run_requests.ask(folder, run_requests.CONTROL)
    assert ended(runs).state == "cancelled"
    assert (there.guests / "one").exists(), "it can go on"


def test_where_the_line_is_lost_it_goes_on_and_what_was_missed_is_heard(
    runs, far, there, monkeypatch
):
    going(runs, far, monkeypatch)
    lost(runs, there)
    assert run_client.outcome(runs / "one") is None
    assert "train resume" in (runs / "one" / run_client.LOG).read_text()
    assert run_client.alive(there.guests) == "one"
    run_requests.ask(there.guests / "one", run_requests.CONTROL)
    until(lambda: run_client.alive(there.guests) is None)
    assert run_client.can_resume(runs, "one")
    with pytest.raises(UsageError, match="another machine"):
        run_client.resume(runs, "one")
    run_client.resume(runs, "one", far)
    assert ended(runs).state == "cancelled"
    events = EventTail(runs / "one").read()
    assert [type(one) for one in events] == [RunPhase, Drawn, Step, Outcome], "each once"


def test_a_run_that_was_stopped_there_goes_on_there(runs, far, there, monkeypatch):
    monkeypatch.setenv("TINY_RUN", "wait")
    run_client.start(runs, order(), FOUND, far)
    until(lambda: (runs / "one" / run_client.ELSEWHERE).read_bytes() != b"")
    run_requests.ask(runs / "one", run_requests.CONTROL)
    assert ended(runs).state == "cancelled"
    monkeypatch.setenv("TINY_RUN", "adopted")
    (there.guests / "one" / run_client.EPISODES).write_bytes(FOUND.lines())
    run_client.resume(runs, "one", far)
    assert ended(runs).state == "adopted"
    states = [one.state for one in EventTail(runs / "one").read() if isinstance(one, Outcome)]
    assert states == ["cancelled", "adopted"]


def test_one_that_was_paused_when_the_line_broke_is_let_go_when_it_is_heard_again(
    runs, far, there, monkeypatch
):
    tail, seen = going(runs, far, monkeypatch)
    run_requests.ask(runs / "one", run_requests.PAUSE)
    until(lambda: seen.extend(tail.read()) or any(isinstance(one, Waiting) for one in seen))
    lost(runs, there)
    run_client.resume(runs, "one", far)  # which withdraws what was asked
    until(lambda: seen.extend(tail.read()) or any(isinstance(one, GoingOn) for one in seen))
    run_requests.ask(runs / "one", run_requests.CONTROL)
    assert ended(runs).state == "cancelled"


def test_a_run_that_is_refused_when_it_goes_on_is_not_lost(runs, far, there, monkeypatch):
    going(runs, far, monkeypatch)
    lost(runs, there)
    run_requests.ask(there.guests / "one", run_requests.CONTROL)
    until(lambda: run_client.alive(there.guests) is None)
    lock = locks.open_lock(there.guests / "trainer.lock")
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"another", 0)
    assert locks.take(lock)
    run_client.resume(runs, "one", far)
    assert ended(runs) is None
    assert "Another run is going" in (runs / "one" / run_client.LOG).read_text()
    os.close(lock)
    assert run_client.can_resume(runs, "one")
    run_client.resume(runs, "one", far)
    assert ended(runs).state == "cancelled"


def test_one_that_begins_there_from_nothing_again_is_counted_anew(runs, far, there, monkeypatch):
    tail, seen = going(runs, far, monkeypatch)
    lost(runs, there)
    run_requests.ask(there.guests / "one", run_requests.CONTROL)
    until(lambda: run_client.alive(there.guests) is None)
    shutil.rmtree(there.guests / "one")  # the disk there was lost, say
    run_client.resume(runs, "one", far)
    until(lambda: seen.extend(tail.read()) or sum(isinstance(one, Step) for one in seen) == 2)
    lost(runs, there)
    run_requests.ask(there.guests / "one", run_requests.CONTROL)
    until(lambda: run_client.alive(there.guests) is None)
    run_client.resume(runs, "one", far)
    assert ended(runs).state == "cancelled"
    kinds = [type(one) for one in EventTail(runs / "one").read()]
    assert kinds == [RunPhase, Drawn, Step, RunPhase, Drawn, Step, Outcome]


@pytest.mark.parametrize("end", ["died", "damaged", "misnamed"])
def test_one_that_goes_wrong_there_goes_wrong_here(runs, far, monkeypatch, end):
    monkeypatch.setenv("TINY_RUN", end)
    run_client.start(runs, order(), FOUND, far)
    outcome = ended(runs)
    if end == "died":
        assert outcome is None
        assert "The last words of a run." in (runs / "one" / run_client.LOG).read_text()
        return
    folder = str(runs / "one" / run_client.CANDIDATE)
    made = AdapterRef(outcome.adapter_id, folder, outcome.files, bundled_ref().key)
    if end == "damaged":
        with pytest.raises(AdapterError):
            adapter_files.verify(made)
    else:
        assert outcome.adapter_id != adapter_files.content_id(outcome.files)


def test_what_cannot_be_there_is_said_in_words(runs, far, there):
    model = msgspec.structs.replace(bundled_ref(), id="gpt2")
    run_client.start(runs, order(model=model), FOUND, far)
    outcome = ended(runs)
    assert outcome.state == "failed"
    assert outcome.words.startswith("Where the engine is: gpt2 is not installed")
    run_client.start(runs, order("two"), FOUND, ["/no/such/command"])
    assert ended(runs, "two") is None
    assert "/no/such/command cannot be started" in (runs / "two" / run_client.LOG).read_text()
    there.guests.mkdir(parents=True, exist_ok=True)
    lock = locks.open_lock(there.guests / "trainer.lock")
    os.pwrite(lock, b"another", 0)
    assert locks.take(lock)
    run_client.start(runs, order("three"), FOUND, far)
    assert "Another run is going" in ended(runs, "three").words
    os.close(lock)


def test_a_page_with_a_command_trains_behind_it(studio, scored, far, there, monkeypatch):
    """As the setting has it: what the last run taught writes, and nothing was computed here."""
    studio.close()
    command = shlex.join(far)
    studio.home.settings_file.parent.mkdir(parents=True, exist_ok=True)
    studio.home.settings_file.write_text(f"[engine]\ncommand = {json.dumps(command)}\n")
    monkeypatch.setattr(run_client, "COMMAND", [sys.executable, "-c", "raise SystemExit('here')"])
    with Studio(at=studio.home) as page:
        plan = page.training.plan(page.model)
        assert plan.free_mb is None, "what there is there is not known"
        done = run(page, "adopted", monkeypatch)
        assert (done.state, done.error) == ("adopted", "")
        assert page.library.adapters.active(page.model.id).id == done.adapter_id


# ---------------------------------------------------------------------- hostile, on either side
def asked(there, *messages):
    """What the host answers to these lines."""
    lines = b"".join(
        one if isinstance(one, bytes) else far_messages.encode(one) + b"\n" for one in messages
    )
    out = io.BytesIO()
    RunHost(there, out).run(io.BytesIO(lines))
    return [far_messages.decode_from(line) for line in out.getvalue().splitlines()]


HELLO = Hello(__version__, "run")


@pytest.mark.parametrize(
    "messages",
    [
        (Hello("9.9", "run"),),
        (HELLO, b"no json\n"),
        (HELLO, b"[" * 100_000 + b"\n"),
        (HELLO, Sent("episodes.jsonl", 0, b"x")),
        (HELLO, Parcel("0" * 16, "adapter_config.json", 0, b"x")),
        (HELLO, Order(order("../../x"), 0)),
        (HELLO, Order(order(""), 0)),
        (HELLO, Order(order(method="pattern", data="/etc/passwd"), 0)),
        (HELLO, Order(order(parent=AdapterRef("../../x", "/x", {}, "m")), 0)),
        (HELLO, Order(order(), 0), Sent("../x", 0, b"x")),
        (HELLO, Order(order(), 0), Sent("settings.json", 0, b"x")),
        (HELLO, Order(order(), 0), Sent("episodes.jsonl", 7, b"x")),
        (HELLO, Order(order(), 0), Parcel("0" * 16, "code.py", 0, b"x")),
        (HELLO, Ask("pause", True)),
    ],
)
def test_what_is_no_order_of_ours_is_refused_and_written_nowhere(there, messages):
    answers = asked(there, *messages)
    assert isinstance(answers[-1], Refused)
    left = [one for one in there.data.parent.rglob("*") if one.is_file() and one.stat().st_size]
    assert left == []


def test_a_run_is_asked_for_what_it_learns_from_before_it_begins(there):
    assert asked(there, HELLO, Order(order(), 0)) == [Wanted()]


class Line:
    """A far machine of these answers."""

    def __init__(self, *answers):
        lines = (far_messages.encode(one) + b"\n" for one in answers)
        self.stdin, self.stdout = io.BytesIO(), io.BytesIO(b"noise\n" + b"".join(lines))


def test_what_comes_from_there_is_cleaned_and_counted(tmp_path):
    hostile = "a\x1b]52;c;x\x07\x1b[2Jb"
    told = [RunPhase(hostile), Example(1, Sample("p", hostile, hostile))]
    said = [Said(far_messages.msgspec.json.encode(one).decode()) for one in told]
    done = Said(far_messages.msgspec.json.encode(Outcome("refused", hostile)).decode())
    far = Line(said[0], Said("no json \x1b[2J"), Said("[" * 100_000), said[1], done, Over(""))
    (tmp_path / run_client.ELSEWHERE).write_bytes(b"")
    assert FarRun(tmp_path, order(), far).carry_out()
    events = EventTail(tmp_path).read()
    assert events == [
        RunPhase("ab"), Example(1, Sample("p", "ab", "ab")), Outcome("refused", "ab")
    ]  # fmt: skip
    assert b"\\u001b" not in (tmp_path / run_client.EVENTS).read_bytes()
    assert len((tmp_path / run_client.EVENTS).read_bytes().splitlines()) == 5
    sent = [far_messages.decode_to(one) for one in far.stdin.getvalue().splitlines()]
    assert sent[1] == Order(order(), 0)
    (tmp_path / run_client.EVENTS).open("ab").write(b'{"torn')
    far = Line(Over(""))
    assert not FarRun(tmp_path, order(), far).carry_out()
    assert far_messages.decode_to(far.stdin.getvalue().splitlines()[1]).heard == 5


def test_an_older_talecraft_there_is_said_in_words(tmp_path):
    (tmp_path / run_client.ELSEWHERE).write_bytes(b"")
    far = Line(Failed(None, "The engine there is Talecraft 0.0.", "Install the same on both."))
    assert FarRun(tmp_path, order(), far).carry_out()
    assert "Install the same on both" in run_client.outcome(tmp_path).words


def test_no_state_that_is_no_end_is_believed(tmp_path):
    (tmp_path / run_client.ELSEWHERE).write_bytes(b"")
    far = Line(Said('{"type":"outcome","state":"running","words":""}'), Over(""))
    assert not FarRun(tmp_path, order(), far).carry_out()
    assert run_client.outcome(tmp_path) is None


def test_files_from_there_go_nowhere_else(tmp_path):
    (tmp_path / run_client.ELSEWHERE).write_bytes(b"")

    for made in (
        Made("../x", 0, b"x"),
        Made("a.py", 0, b"x"),
        Made(adapter_files.FILES[0], 5, b""),
    ):
        with pytest.raises(EngineError):
            FarRun(tmp_path, order(), Line(made)).carry_out()
    assert not [one for one in tmp_path.rglob("*") if one.is_file() and one.stat().st_size]


def test_runs_that_nobody_asks_for_any_more_are_deleted(there):
    for name, days in (("old", 40), ("new", 1)):
        (there.guests / name).mkdir(parents=True)
        then = time.time() - days * 24 * 3600
        os.utime(there.guests / name, (then, then))
    asked(there, HELLO)
    assert [one.name for one in there.guests.iterdir() if one.is_dir()] == ["new"]
