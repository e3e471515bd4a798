"""Which way a session does its steps, and that the engine says it truly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from talecraft.config import lean
from talecraft.engine import sessions
from talecraft.engine.service import Service
from talecraft.engine.sessions import Sessions
from talecraft.process.messages import (
    Draft,
    Drafted,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Phase,
    Probe,
    Quit,
)
from talecraft.story.context import Block
from talecraft.story.turns import Sampling
from tests.engine.test_service import made_adapter
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
    writes = found.for_all(model, REF, None)
    assert writes is not None
    one, other = (found.for_all(model, REF, name) for name in ("one", "other"))
    assert None not in (one, other)
    assert len({id(writes), id(one), id(other)}) == 3
    assert [found.for_all(model, REF, name) for name in ("one", "other")] == [one, other]
    assert len(made.windows) == 3
    found.for_all(model, REF, "third")  # the oldest goes
    assert found.for_all(model, REF, "other") is other
    assert found.for_all(model, REF, "one") is not one
    monkeypatch.setattr(lean, "SMALL", 1)
    assert found.for_all(model, REF, "of a large model") is None
    assert found.for_all(model, REF, None) is writes
    found.settle(model, "cpu", REF, "other")
    assert found.for_all(model, REF, "third") is None, "what was kept of others is gone"
    found.forget()
    assert found.for_all(object(), REF, "of llama.cpp's, which has none") is None


class _Wire:
    """Commands in, events out, in this process. A number is of steps of drafts that are done before
    the next command comes; before the engine ends all are."""

    def __init__(self, *commands: Any) -> None:
        self.commands = [*commands, Quit()]
        self.sent: list[Any] = []

    def waiting(self) -> bool:
        if isinstance(self.commands[0], int) and self.commands[0]:
            self.commands[0] -= 1
            return False
        return len(self.commands) > 1

    def next(self) -> Any:
        if self.commands[0] == 0:
            self.commands.pop(0)
        return self.commands.pop(0)

    def send(self, event: Any) -> None:
        self.sent.append(event)


def _run(*commands: Any) -> list[Any]:
    return _served(_Wire(*commands))


def _served(wire: _Wire) -> list[Any]:
    threads = torch.get_num_threads()
    try:
        Service(wire, set()).run()  # type: ignore[arg-type]
    finally:
        torch.set_num_threads(threads)
    return wire.sent


def test_the_engine_says_how_it_writes_and_can_be_told_not_to() -> None:
    blocks, sampling = [Block("<prompt>\nA fox\n")], Sampling(seed=1, prose_tokens=8)
    turn = Generate(1, blocks, sampling)
    drafts = Draft(2, REF.key, [blocks], sampling, [[1, 2]])
    sent = _run(Load(REF), turn, Load(bundled_ref()), turn, Load(REF), drafts)
    ways = [event.steps for event in sent if isinstance(event, Loaded)]
    modes = [event.generation.engine_mode for event in sent if isinstance(event, Finished)]
    assert ways[0].startswith("lean-")
    assert ways[1] == "eager"
    assert modes == [f"{way}-cpu-float32" for way in ways[:2]]
    (drafted,) = (event for event in sent if isinstance(event, Drafted))
    many = f"batch-{ways[2]}" if ways[2] == "lean-compiled" else "batch"
    assert [one.generation.engine_mode for one in drafted.turns] == [f"{many}-cpu-float32"] * 2
    loads = [event for event in sent if isinstance(event, Phase) and event.phase == "loading"]
    assert len(loads) == 1, "the model itself stays where it is"


BLOCKS = [Block("<prompt>\nA fox learns to share\n")]
SHORT = Sampling(outline_tokens=16, prose_tokens=24)


def _drafted(sent: list[Any]) -> list[list[tuple[str | None, list[int]]]]:
    records = [[t.generation for t in e.turns] for e in sent if isinstance(e, Drafted)]
    return [[(one.adapter_id, one.response_ids) for one in turns] for turns in records]


def test_a_turn_between_two_steps_of_drafts_changes_neither() -> None:
    drafts, turn = Draft(2, REF.key, [BLOCKS], SHORT, [[1, 2]]), Generate(3, BLOCKS, SHORT)
    sent = _run(Load(REF), drafts, 9, turn)
    assert _drafted(sent) == _drafted(_run(Load(REF), drafts))
    (made,) = (event for event in sent if isinstance(event, Finished))
    (alone,) = (event for event in _run(Load(REF), turn) if isinstance(event, Finished))
    assert made.generation.response_ids == alone.generation.response_ids


def test_an_adapter_that_comes_between_two_steps_writes_all_of_the_drafts(tmp_path: Path) -> None:
    adapter = made_adapter(tmp_path / "one")
    drafts = Draft(2, REF.key, [BLOCKS], SHORT, [[1, 2]])
    bare, there = _drafted(_run(Load(REF), drafts)), _drafted(_run(Load(REF, adapter), drafts))
    assert bare != there
    assert _drafted(_run(Load(REF), drafts, 9, Load(REF, adapter))) == there


def test_what_is_compared_is_written_by_steps_of_each(tmp_path: Path) -> None:
    one, other = made_adapter(tmp_path / "one"), made_adapter(tmp_path / "other", seed=5)
    compared = Draft(2, REF.key, [BLOCKS], SHORT, [[1, 1]], [one, other])
    sent = _run(Load(REF), compared)
    (turns,) = _drafted(sent)
    for adapter, turn in zip((one, other), turns, strict=True):
        alone = Draft(2, REF.key, [BLOCKS], SHORT, [[1]])
        assert _drafted(_run(Load(REF, adapter), alone)) == [[turn]]
    modes = {t.generation.engine_mode for e in sent if isinstance(e, Drafted) for t in e.turns}
    way = next(event.steps for event in sent if isinstance(event, Loaded))
    assert modes == {f"batch-{way}-cpu-float32" if way == "lean-compiled" else "batch-cpu-float32"}


def test_an_adapter_that_is_damaged_meanwhile_has_no_part_in_drafts(tmp_path: Path) -> None:
    """It is put on again after a comparison: that fails, and what was begun is begun anew."""
    adapter, other = made_adapter(tmp_path / "one"), made_adapter(tmp_path / "other", seed=5)
    drafts = Draft(2, REF.key, [BLOCKS], SHORT, [[1, 2]])
    looks = Probe(3, REF.key, [5, 6], [7, 8], other)

    class Damaging(_Wire):
        def next(self) -> Any:
            command = super().next()
            if isinstance(command, Probe):
                (tmp_path / "one" / "adapter_model.safetensors").write_bytes(b"gone")
            return command

    sent = _served(Damaging(Load(REF, adapter), drafts, 9, looks))
    assert any(isinstance(event, Failed) and event.adapter_refused for event in sent)
    assert _drafted(sent) == _drafted(_run(Load(REF), drafts))
