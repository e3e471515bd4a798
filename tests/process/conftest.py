"""An engine client over the tiny engine, and the events it got."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from talecraft.process.engine_client import EngineClient
from tests.support import tiny


@pytest.fixture
def heard() -> tiny.Heard:
    return tiny.Heard()


@pytest.fixture
def client(heard: tiny.Heard, tmp_path: Path) -> Iterator[EngineClient]:
    opened = EngineClient(heard, tmp_path / "logs", tiny.ENGINE)
    yield opened
    opened.close()
