"""Which way a session does its steps, and that the engine says it truly."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import torch

from talecraft.engine import sessions
from talecraft.engine.service import Service
from talecraft.engine.sessions import Sessions
from talecraft.process.messages import (
    Draft,
    Drafted,
    Finished,
    Generate,
    Load,
    Loaded,
    Phase,
    Quit,
)
from talecraft.story.context import Block
from talecraft.story.turns import Sampling
from tests.support.models import bundled_ref, tiny_llama

REF = bundled_ref(lean=True)


class _Made:
    """Counts what lean steps are made for."""

    def __init__(self) -> None:
        self.windows: list[int] = []

    def __call__(self, model: Any, window: int) -> Any:
        self.windows.append(window)
        return None if window < 100 else _Steps()


class _Steps:
    mode = "lean-fp32"
    cache = None

    def forget(self) -> None:
        pass

    def for_all(self) -> Any:
        return self


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> _Made:
    found = _Made()
    monkeypatch.setattr(sessions, "lean_steps", found)
    return found


def test_steps_are_made_once_for_what_writes(made: _Made) -> None:
    model, found = tiny_llama(), Sessions()
    assert found.settle(model, "cpu", REF, "one")
    assert not found.settle(model, "cpu", REF, "one")
    assert found.open(model, "cpu", REF, "one").mode == "lean-fp32"
    # Another adapter is only on to be compared with.
    assert found.open(model, "cpu", REF, "other").mode == "eager"
    assert found.open(model, "cpu", REF, "one").mode == "lean-fp32"
    assert made.windows == [REF.context_length]
    assert found.settle(model, "cpu", REF, None)
    assert found.open(model, "cpu", REF, "one").mode == "eager"
    assert len(made.windows) == 2


def test_another_window_asks_anew_whether_they_fit(made: _Made) -> None:
    model, found = tiny_llama(), Sessions()
    small = msgspec.structs.replace(REF, context_length=64)
    found.settle(model, "cpu", REF, None)
    assert found.settle(model, "cpu", small, None)
    assert found.open(model, "cpu", small, None).mode == "eager"
    assert made.windows == [REF.context_length, 64]


@pytest.mark.parametrize(("lean", "device"), [(False, "cpu"), (True, "cuda")])
def test_where_they_are_not_wanted_none_are_made(made: _Made, lean: bool, device: str) -> None:
    found = Sessions()
    found.settle(tiny_llama(), device, msgspec.structs.replace(REF, lean=lean), None)
    assert made.windows == []


def test_nothing_is_kept_of_a_model_that_goes(made: _Made) -> None:
    found = Sessions()
    found.settle(tiny_llama(), "cpu", REF, None)
    found.forget()
    assert found.open(tiny_llama(), "cpu", REF, None).mode == "eager"
    assert found.settle(tiny_llama(), "cpu", REF, None)


def test_what_is_compared_has_steps_of_its_own_for_a_batch(
    made: _Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, found = tiny_llama(), Sessions()
    found.settle(model, "cpu", REF, None)
    writes = found.for_all(model, "cpu", REF, None)
    assert writes is not None
    one, other = (found.for_all(model, "cpu", REF, name) for name in ("one", "other"))
    assert None not in (one, other)
    assert len({id(writes), id(one), id(other)}) == 3
    assert [found.for_all(model, "cpu", REF, name) for name in ("one", "other")] == [one, other]
    assert len(made.windows) == 3
    found.for_all(model, "cpu", REF, "third")  # the oldest goes
    assert found.for_all(model, "cpu", REF, "other") is other
    assert found.for_all(model, "cpu", REF, "one") is not one
    monkeypatch.setattr(sessions, "SMALL", 1)
    assert found.for_all(model, "cpu", REF, "of a large model") is None
    assert found.for_all(object(), "cpu", REF, "of llama.cpp's") is None
    assert found.for_all(model, "cpu", REF, None) is writes
    found.forget()
    assert found.for_all(model, "cpu", REF, "third") is None


class _Wire:
    """Commands in, events out, in this process."""

    def __init__(self, *commands: Any) -> None:
        self.commands = [*commands, Quit()]
        self.sent: list[Any] = []

    def waiting(self) -> bool:
        return len(self.commands) > 1

    def next(self) -> Any:
        return self.commands.pop(0)

    def send(self, event: Any) -> None:
        self.sent.append(event)


def test_the_engine_says_how_it_writes_and_can_be_told_not_to() -> None:
    blocks, sampling = [Block("<prompt>\nA fox\n")], Sampling(seed=1, prose_tokens=8)
    turn = Generate(1, blocks, sampling)
    drafts = Draft(2, REF.key, [blocks], sampling, [[1, 2]])
    wire = _Wire(Load(REF), turn, Load(bundled_ref()), turn, Load(REF), drafts)
    threads = torch.get_num_threads()
    try:
        Service(wire, set()).run()  # type: ignore[arg-type]
    finally:
        torch.set_num_threads(threads)
    ways = [event.steps for event in wire.sent if isinstance(event, Loaded)]
    modes = [event.generation.engine_mode for event in wire.sent if isinstance(event, Finished)]
    assert ways[0].startswith("lean-")
    assert ways[1] == "eager"
    assert modes == [f"{way}-cpu-float32" for way in ways[:2]]
    (drafted,) = (event for event in wire.sent if isinstance(event, Drafted))
    many = f"batch-{ways[2]}" if ways[2] == "lean-compiled" else "batch"
    assert [one.generation.engine_mode for one in drafted.turns] == [f"{many}-cpu-float32"] * 2
    loads = [event for event in wire.sent if isinstance(event, Phase) and event.phase == "loading"]
    assert len(loads) == 1, "the model itself stays where it is"
