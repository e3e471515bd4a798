"""Which adapter writes: taken into use, for once, and the way back."""

from __future__ import annotations

import os

import msgspec
import pytest

from talecraft.errors import AdapterError, UsageError
from talecraft.library.adapters import Adapter
from talecraft.process.messages import Loaded
from talecraft.story.turns import Turn
from talecraft.studio import Studio
from tests.studio.conftest import run
from tests.support.tiny import Heard


def test_use_and_roll_back(
    studio: Studio, heard: Heard, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="nothing to roll back"):
        studio.roll_back()
    first = run(studio, "adopted", monkeypatch, seed=1).adapter_id
    second = run(studio, "adopted", monkeypatch, seed=2).adapter_id
    assert first != second
    assert first is not None

    def active() -> str | None:
        found = studio.library.adapters.active(studio.model.id)
        return found.id if found else None

    assert active() == second
    back = studio.roll_back()
    assert back is not None
    assert back.id == active() == first
    assert studio.roll_back() is None
    assert active() is None
    used = studio.use_adapter(first[:6])
    assert used is not None
    assert active() == first
    studio.use_adapter(None)
    assert active() is None


def test_a_damaged_adapter_is_not_taken_into_use(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(studio, "adopted", monkeypatch, seed=1).adapter_id
    second = run(studio, "adopted", monkeypatch, seed=2).adapter_id
    assert first is not None
    os.truncate(studio.home.adapters / first / "adapter_model.safetensors", 9)
    with pytest.raises(AdapterError, match="damaged"):
        studio.use_adapter(first)
    with pytest.raises(AdapterError, match="damaged"):
        studio.start_engine(first)
    active = studio.library.adapters.active(studio.model.id)
    assert active is not None
    assert active.id == second


def test_an_adapter_of_other_weights_is_refused(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(studio, "adopted", monkeypatch).adapter_id
    assert made is not None
    kept = studio.library.adapters.get(made)
    stranger = msgspec.structs.replace(kept, id="other", revision="older")
    assert isinstance(stranger, Adapter)
    studio.library.adapters.add(msgspec.structs.replace(stranger, state="candidate"))
    with pytest.raises(AdapterError, match=r"made for llama-ember@older"):
        studio.use_adapter("other")


def test_an_adapter_for_once_does_not_become_the_active_one(
    studio: Studio, heard: Heard, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(studio, "rejected", monkeypatch).adapter_id
    assert made is not None
    assert studio.start_engine(made) is not None
    heard.wait(Loaded, lambda event: event.adapter_id == made)
    assert studio.library.adapters.active(studio.model.id) is None
    assert studio.start_engine(None) is None
    with pytest.raises(UsageError, match="is no adapter here"):
        studio.start_engine("zz")
