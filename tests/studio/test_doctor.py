"""Doctor says what is wrong, and nothing is wrong with a new home."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from talecraft.library.adapters import Adapter
from talecraft.paths import home
from talecraft.studio import Studio, doctor, memory
from talecraft.studio.doctor import Finding
from talecraft.studio.waiting import Inbox
from tests.support import tiny


def examine(command: tuple[str, ...] = tiny.ENGINE) -> dict[str, Finding]:
    def open_studio(inbox: Inbox) -> Studio:
        return Studio(inbox.put, engine_command=command)

    return {finding.matter: finding for finding in doctor.examine(home(), open_studio)}


def test_a_new_home_is_in_order() -> None:
    found = examine()
    assert {one.matter for one in found.values() if one.state == "fail"} == set()
    assert {"python", "torch", "textual", "disk", "library", "memory", "engine"} <= set(found)
    assert "loaded in" in found["engine"].words
    assert "cpu (float32" in found["engine"].words
    assert found["training"].words == "No run yet."


def broken_settings(here: Path) -> None:
    (here / "config").mkdir(parents=True)
    (here / "config" / "config.toml").write_text("speed = 3\n")


def damaged_library(here: Path) -> None:
    (here / "data").mkdir(parents=True)
    (here / "data" / "library.db").write_bytes(b"not a library" * 100)


def broken_adapter(here: Path) -> None:
    with Studio() as studio:
        model = studio.model
        studio.library.adapters.add(
            Adapter("a1", model.id, model.revision, None, "r", "a1", {}, "active", "")
        )


@pytest.mark.parametrize(
    ("harm", "matter", "words"),
    [
        (broken_settings, "settings", "config.toml:1: contains unknown field 'speed'"),
        (damaged_library, "library", "is damaged"),
        (broken_adapter, "adapter", "cannot be read"),
    ],
)
def test_each_harm_is_found(
    own_home: Path, harm: Callable[[Path], None], matter: str, words: str
) -> None:
    harm(own_home)
    found = examine()[matter]
    assert found.state == "fail"
    assert words in found.words


def test_an_engine_that_does_not_start_is_found() -> None:
    found = examine(("/bin/false",))
    assert found["engine"].state == "fail"
    assert "The engine stopped (exit 1)" in found["engine"].words


def test_a_missing_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("no-such-package",))
    assert examine()["no-such-package"].state == "fail"


def test_little_room_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_mb", lambda: 100.0)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: type("U", (), {"free": 60e6}))
    found = examine()
    assert (found["memory"].state, found["disk"].state) == ("warn", "warn")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: type("U", (), {"free": 10e6}))
    assert examine()["disk"].state == "fail"
