"""`talecraft config`: the page's settings for scripts, over the same use case."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from talecraft.paths import home
from tests.cli.conftest import Talecraft


def data(talecraft_: Talecraft, *arguments: str) -> Any:
    result = talecraft_(*arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_every_setting_is_listed_with_value_default_and_range(talecraft_: Talecraft) -> None:
    listed = data(talecraft_, "config", "list")
    keys = [one["key"] for one in listed]
    assert "page.goal" in keys
    assert all(one["value"] == one["default"] for one in listed)
    (goal,) = [one for one in listed if one["key"] == "page.goal"]
    assert (goal["range"], goal["holds"]) == ("a whole number from 0 to 100,000", "at once")
    lines = talecraft_("config", "list").out.splitlines()
    assert lines[0].split() == ["key", "value", "default", "range", "meaning"]
    assert len(lines) == len(listed) + 1
    assert not home().config.exists()
    assert not home().data.exists()


def test_set_get_and_reset(talecraft_: Talecraft) -> None:
    here = home()
    here.config.mkdir(parents=True)
    here.settings_file.write_text("# mine\n[writing]\ntemperature = 0.8 # calm\n")
    done = talecraft_("config", "set", "temperature", "0.5")
    assert (done.code, done.out) == (0, "")
    assert done.err == "talecraft: writing.temperature is 0.5, from the next passage on.\n"
    assert here.settings_file.read_text() == "# mine\n[writing]\ntemperature = 0.5 # calm\n"
    assert talecraft_("config", "get", "writing.temperature").out == "0.5\n"
    assert data(talecraft_, "config", "get", "temperature")["value"] == 0.5
    (changed,) = [
        line for line in talecraft_("config", "list").out.splitlines() if line.startswith("*")
    ]
    assert changed.split()[1:4] == ["writing.temperature", "0.5", "0.8"]
    shape = data(talecraft_, "config", "reset", "temperature")
    assert (shape["key"], shape["value"]) == ("writing.temperature", 0.8)
    assert here.settings_file.read_text() == "# mine\n[writing]\n# temperature = 0.5 # calm\n"


def test_what_is_left_out_is_an_empty_line_and_null(talecraft_: Talecraft) -> None:
    assert talecraft_("config", "get", "training.seed").out == "\n"
    assert data(talecraft_, "config", "set", "training.seed", "3")["value"] == 3
    assert talecraft_("config", "set", "training.seed", "").code == 0
    assert data(talecraft_, "config", "get", "training.seed")["value"] is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["get", "temprature"], "no setting 'temprature'. Is it temperature?"),
        (["set", "temprature", "1"], "no setting 'temprature'"),
        (["reset", "page"], "no setting 'page'"),
        (["set", "temperature", "9"], "a number from 0 to 5, not '9'"),
        (["set", "theme", "neon"], "no theme 'neon'"),
        (["set", "model", "gpt2"], "not installed"),
        (["set", "temperature"], "See `talecraft config set --help`"),
        (["lsit"], "Did you mean 'list'?"),
    ],
)
def test_misuse_is_one_line_and_exit_code_2(
    talecraft_: Talecraft, arguments: list[str], words: str
) -> None:
    result = talecraft_("config", *arguments)
    assert (result.code, result.out) == (2, "")
    assert words in result.err
    assert result.err.count("\n") == 1
    assert not home().settings_file.exists()


@pytest.mark.parametrize("arguments", [["list"], ["get", "goal"], ["set", "goal", "3"]])
def test_a_broken_file_is_exit_code_2_with_its_line(
    talecraft_: Talecraft, arguments: list[str]
) -> None:
    here = home()
    here.config.mkdir(parents=True)
    here.settings_file.write_text("[page]\ngaol = 3\n")
    result = talecraft_("config", *arguments)
    assert (result.code, result.out) == (2, "")
    assert f"{here.settings_file}:2: " in result.err
    assert here.settings_file.read_text() == "[page]\ngaol = 3\n"


def test_a_full_disk_is_exit_code_1(talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch) -> None:
    home().config.mkdir(parents=True)

    def refused(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refused)
    result = talecraft_("config", "set", "goal", "3")
    assert (result.code, result.out) == (1, "")
    assert "could not be written: no space left on device" in result.err
    assert list(home().config.iterdir()) == []
