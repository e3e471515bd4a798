"""What a run's reward stands on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from talecraft.errors import EngineError
from talecraft.learning import worth
from talecraft.learning.encoders import BaseEncoder
from talecraft.learning.policy import Policy
from talecraft.process import run_events
from tests.support import small_run
from tests.support.models import bundled_ref, codec


def test_an_encoder_is_opened_only_where_words_are_compared(tmp_path: Path) -> None:
    """It takes memory that no plan counts, and a run that asks it nothing must not fail by it."""
    folder = small_run.order(tmp_path / "run", bundled_ref(), None)
    order = run_events.decode_settings((folder / "settings.json").read_bytes())
    policy = Policy(small_run.small_base(), 4, 8, "all-linear")

    def ground(rewards: dict[str, float]) -> worth.Ground:
        asked = msgspec.structs.replace(
            order,
            encoder=str(tmp_path / "gone"),
            ppo=msgspec.structs.replace(order.ppo, rewards=rewards),
        )
        return worth.ground(policy, codec(), [], [], folder, 0, asked)

    assert isinstance(ground({"taste": 1.0, "finished": 0.5}).encoder, BaseEncoder)
    with pytest.raises(EngineError, match="gone holds no sentence encoder"):
        ground({"semantic": 0.5})
