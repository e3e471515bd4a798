"""Settings as a use case: looked at, changed, kept; a hand in the same file is respected."""

from __future__ import annotations

import os
import stat

import pytest

from talecraft.config import models
from talecraft.config.settings import Settings
from talecraft.errors import ConfigError, LibraryError, UsageError
from talecraft.paths import Home, home
from talecraft.process.messages import Load
from talecraft.studio import Studio
from talecraft.studio.preferences import Preferences


@pytest.fixture
def here() -> Home:
    return home()


@pytest.fixture
def preferences(here: Home) -> Preferences:
    return Preferences(here, models.load(here))


def by(preferences: Preferences, key: str):  # type: ignore[no-untyped-def]
    return next(one for one in preferences.entries if one.key == key)


def put(preferences: Preferences, key: str, text: str | None) -> bool:
    return preferences.put(by(preferences, key), text)


def write(here: Home, text: str) -> None:
    here.config.mkdir(parents=True, exist_ok=True)
    here.settings_file.write_text(text)


def test_no_file_means_the_defaults_and_looking_makes_none(
    preferences: Preferences, here: Home
) -> None:
    assert preferences.settings == Settings()
    assert not preferences.refresh()
    assert not here.config.exists()


def test_a_change_is_on_disk_private_and_holds(preferences: Preferences, here: Home) -> None:
    assert put(preferences, "page.measure", "60") is False
    assert preferences.settings.page.measure == 60
    assert here.settings_file.read_text() == "[page]\nmeasure = 60\n"
    assert stat.S_IMODE(here.settings_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(here.config.stat().st_mode) == 0o700
    assert list(here.config.iterdir()) == [here.settings_file]
    put(preferences, "page.measure", None)
    assert preferences.settings == Settings()


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("page.measure", "12", "a whole number from 20 to 200, not '12'"),
        ("page.theme", "neon", "no theme 'neon'"),
        ("writing.model", "gpt9", "no model 'gpt9'"),
        ("writing.model", "gpt2", "GPT-2 is not installed"),
    ],
)
def test_what_cannot_hold_is_not_written(
    preferences: Preferences, here: Home, key: str, text: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        put(preferences, key, text)
    assert preferences.settings == Settings()
    assert not here.settings_file.exists()


def test_what_was_changed_by_hand_meanwhile_is_kept_and_holds(
    preferences: Preferences, here: Home
) -> None:
    put(preferences, "page.measure", "60")
    by_hand = "# mine\n[page]\nmeasure = 60\n\n[writing] # too\ntop_p = 0.5\n"
    write(here, by_hand)
    assert put(preferences, "page.goal", "300") is True
    assert here.settings_file.read_text() == by_hand.replace("60\n", "60\ngoal = 300\n")
    assert preferences.settings.writing.top_p == 0.5
    assert put(preferences, "page.goal", "400") is False


def test_the_very_key_changed_by_hand_is_not_overwritten(
    preferences: Preferences, here: Home
) -> None:
    put(preferences, "page.measure", "60")
    write(here, "[page]\nmeasure = 90\n")
    with pytest.raises(ConfigError, match=r"page\.measure was changed .* meanwhile, to 90"):
        put(preferences, "page.measure", "70")
    assert here.settings_file.read_text() == "[page]\nmeasure = 90\n"
    assert preferences.settings.page.measure == 90
    put(preferences, "page.measure", "70")  # seen now, and meant
    assert preferences.settings.page.measure == 70
    write(here, "[page]\nmeasure = 80\n")
    assert put(preferences, "page.measure", "80") is True  # the same was meant


def test_a_file_broken_by_hand_is_left_alone(preferences: Preferences, here: Home) -> None:
    put(preferences, "page.measure", "60")
    write(here, "[page]\nmeasure = \n")
    for change in (lambda: put(preferences, "page.goal", "300"), preferences.refresh):
        with pytest.raises(ConfigError, match=r"config\.toml:2: "):
            change()
        assert here.settings_file.read_text() == "[page]\nmeasure = \n"
        assert preferences.settings.page.measure == 60


def test_refresh_takes_what_was_written_by_hand(preferences: Preferences, here: Home) -> None:
    write(here, "[page]\ngoal = 5\n")
    assert preferences.refresh()
    assert preferences.settings.page.goal == 5
    assert not preferences.refresh()


def test_a_read_only_disk_is_one_error_and_nothing_holds(
    preferences: Preferences, here: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(preferences, "page.goal", "300")
    before = here.settings_file.read_bytes()

    def refused(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(LibraryError, match="could not be written: read-only file system"):
        put(preferences, "page.goal", "400")
    assert here.settings_file.read_bytes() == before
    assert preferences.settings.page.goal == 300


def test_a_link_stays_a_link(preferences: Preferences, here: Home) -> None:
    elsewhere = here.config.parent / "dotfiles.toml"
    here.config.mkdir(parents=True)
    elsewhere.write_text("# kept\n")
    here.settings_file.symlink_to(elsewhere)
    preferences.refresh()
    put(preferences, "page.goal", "300")
    assert here.settings_file.is_symlink()
    assert elsewhere.read_text() == "# kept\n\n[page]\ngoal = 300\n"


def test_choices(preferences: Preferences) -> None:
    def choices(key: str) -> list[str]:
        return list(preferences.choices(by(preferences, key)))

    assert choices("writing.model") == ["llama-ember"]
    assert {"lamplight", "paper", "night", "nord"} <= set(choices("page.theme"))
    assert choices("page.show_outline") == ["true", "false"]
    assert choices("page.measure") == []


def test_a_run_and_a_passage_are_asked_for_with_what_holds_now(studio: Studio) -> None:
    put(studio.preferences, "training.updates", "3")
    put(studio.preferences, "writing.prose_tokens", "9")
    assert studio.training.ppo(studio.model).updates == 3
    assert studio.training.ppo(studio.model).micro_batch == 8
    large = studio.catalogue.get("mistral-7b")
    assert studio.training.ppo(large).micro_batch == large.micro_batch == 2
    assert studio._prompting()[1].prose_tokens == 9


def test_another_model_in_the_settings_writes_from_now_on(studio: Studio, here: Home) -> None:
    folder = here.models / "openai-community--gpt2"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    before = studio.settings
    put(studio.preferences, "writing.model", "gpt2")
    studio.settings_changed(before)
    assert studio.model.id == "gpt2"
    before = studio.settings
    put(studio.preferences, "writing.model", None)
    studio.settings_changed(before)
    assert studio.model.id == "llama-ember"


@pytest.mark.parametrize(
    ("key", "value"), [("engine.kind", "torch"), ("writing.lean_steps", "false")]
)
def test_another_way_to_compute_it_is_told_to_the_engine_at_once(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    told: list[Load] = []
    monkeypatch.setattr(type(studio.engine), "running", True)
    monkeypatch.setattr(studio.engine, "load", lambda load, wake: told.append(load))
    before = studio.settings
    put(studio.preferences, "page.goal", "3")
    studio.settings_changed(before)
    assert told == []
    before = studio.settings
    put(studio.preferences, key, value)
    studio.settings_changed(before)
    (load,) = told
    assert (load.model.kind == "torch") == (key == "engine.kind")
    assert load.model.lean == (key == "engine.kind")
