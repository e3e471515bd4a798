"""The run's voice and ear, with a clock of the test's own."""

import pytest

from talecraft.learning import events as module
from talecraft.learning.events import Cancelled, Events
from talecraft.process import run_requests
from talecraft.process.run_client import EventTail
from talecraft.process.run_events import GoingOn, Outcome, PatternStep, RunPhase, Waiting


class Clock:
    """Time that only the run's own sleep moves; `then` are what happens in each sleep."""

    def __init__(self, *then):
        self.now = 100.0
        self._then = list(then)

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += 10.0
        assert self._then, "it waits for ever"
        self._then.pop(0)()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def clock(monkeypatch):
    def use(*then):
        made = Clock(*then)
        monkeypatch.setattr(module, "time", made)
        return made

    return use


def nothing():
    pass


@pytest.mark.parametrize(("calls", "made"), [(20, 20), (3, 3), (20, 35), (20, 11)])
def test_a_phase_tells_of_its_tenths(folder, calls, made):
    alive = Events(folder).phase_of("Reading", calls)
    for _ in range(made):
        alive()
    first, *told = EventTail(folder).read()
    assert first == RunPhase("Reading")
    tenths = [round(10 * event.progress) for event in told]
    assert tenths == list(range(1, len(tenths) + 1))
    assert len(tenths) == min(9, made, 10 * made // calls)


@pytest.mark.parametrize(("judged", "told"), [(0, 3), (2, 2)])
def test_a_run_that_is_stopped_says_after_which_step(folder, judged, told):
    """One that was judged knows itself how many count."""
    events = Events(folder)
    for number in (2, 3):
        events.send(PatternStep(number, 9, 3.5, 3.25, 1e-3, 0.0, 1.0, 1.0))
    events.finish(Outcome("cancelled", "It was stopped.", steps=judged))
    assert EventTail(folder).read()[-1].steps == told


def test_waiting_is_said_once_each_way_and_counts_in_no_figure(folder, clock):
    time = clock(nothing, nothing, lambda: run_requests.withdraw(folder, run_requests.PAUSE))
    events = Events(folder)
    time.now += 5.0
    run_requests.ask(folder, run_requests.PAUSE)
    before = events.clock()
    events.alive()
    assert events.clock() == before
    assert events.elapsed == 5.0
    events.finish(Outcome("adopted", "Done."))
    waiting, going_on, end = EventTail(folder).read()
    assert (waiting, going_on) == (Waiting("pause"), GoingOn(30.0))
    assert end.seconds == 5.0


def test_a_run_gives_way_while_any_program_writes(folder, clock):
    one, other = run_requests.WritingSign(folder.parent), run_requests.WritingSign(folder.parent)
    clock(lambda: one.show(False), nothing, lambda: other.show(False))
    events = Events(folder)
    events.alive()
    assert EventTail(folder).read() == [], "nobody has written yet"
    for sign in (one, other, one):
        sign.show(True)
    module.time.now += 1.0
    events.alive()
    assert EventTail(folder).read() == [Waiting("writing"), GoingOn(30.0)]


def test_a_cancel_gets_through_while_it_waits(folder, clock):
    clock(nothing, lambda: run_requests.ask(folder, run_requests.CONTROL))
    run_requests.ask(folder, run_requests.PAUSE)
    events = Events(folder)
    with pytest.raises(Cancelled):
        events.alive()
    (waiting, going_on) = EventTail(folder).read()
    assert waiting == Waiting("pause")
    assert isinstance(going_on, GoingOn)
    assert events.elapsed < going_on.seconds, "a night's pause is no work, however it ended"


def test_no_look_is_taken_between_two_tokens(folder, clock):
    time = clock()
    events = Events(folder)
    events.alive()
    run_requests.ask(folder, run_requests.CONTROL)
    time.now += module.POLL_SECONDS / 2
    events.alive()
    time.now += module.POLL_SECONDS
    with pytest.raises(Cancelled):
        events.alive()


def test_an_example_is_asked_for_once(folder):
    events = Events(folder)
    assert not events.example_wanted()
    run_requests.ask(folder, run_requests.EXAMPLE)
    assert events.example_wanted()
    assert not events.example_wanted()
