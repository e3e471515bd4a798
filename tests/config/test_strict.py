"""Whatever is not understood in a TOML file is one error with its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from talecraft.config import models, strict
from talecraft.config.settings import Settings
from talecraft.errors import ConfigError, UsageError
from talecraft.paths import Home, home

ENTRY = """[[model]]
id = "{id}"
title = "Mine"
source = "local"
location = "/m"
revision = "1"
context_length = 512
licence = "MIT"
parameters = "1 M"
"""


@pytest.fixture
def here() -> Home:
    found = home()
    found.config.mkdir(parents=True)
    return found


def settings_error(here: Home, text: str) -> str:
    here.settings_file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        strict.read(here.settings_file, Settings)
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(str(here.settings_file))


def models_error(here: Home, text: str) -> str:
    here.models_file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        models.load(here)
    return str(caught.value).removeprefix(str(here.models_file))


def test_what_is_set_is_read(here: Home) -> None:
    here.settings_file.write_text("[writing]\ntemperature = 1\nprose_tokens = 50\n")
    found = strict.read(here.settings_file, Settings)
    assert found.writing.temperature == 1.0
    sampling = found.writing.sampling(seed=9)
    assert (sampling.temperature, sampling.prose_tokens, sampling.seed) == (1.0, 50, 9)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[writing]\n\ntemprature = 1\n", 3, "unknown field 'temprature'"),
        ("# note\n[wrting]\ntemperature = 1\n", 2, "unknown field 'wrting'"),
        ("top_p = 1\n[writing]\ntop_p = 0.5\n", 1, "unknown field 'top_p'"),
        # A table of a name that is a key elsewhere.
        ('[page]\ntheme = "x"\n[theme]\n', 3, "unknown field 'theme'"),
        # The key is right in one table and wrong in the other.
        ('[writing]\nmodel = "a"\n[page]\nmodel = "b"\n', 4, "unknown field 'model'"),
        ('[page]\ntheme = "x"\nmeasure = "wide"\n', 3, "expected 'int', got 'str' (measure)"),
        ("[page]\nshow_outline = 1\n", 2, "expected 'bool'"),
        ("page = 3\n", 1, "expected 'object', got 'int' (page)"),
        ("[writing]\ntop_p = 0.9\ntemperature = = 1\n", 3, "Invalid value"),
        ("[writing]\n[page]\n[writing]\n", 3, "Cannot declare"),
        ('[writing]\ntop_k = 1\nbanned = ["a", 3]\n', 3, "expected 'str', got 'int' (banned)"),
        ('[writing]\nbanned = "a"\n', 2, "expected 'array', got 'str' (banned)"),
        ("[writing.bias]\nthe = 1\nand = -200\n", 3, "expected 'float' >= -100.0 (and)"),
        ("[writing.bias]\nthe = true\n", 2, "expected 'float', got 'bool' (the)"),
        ('# a\n[writing]\nbias = {the = "x"}\n', 3, "expected 'float', got 'str' (the)"),
        ("[page\n", 1, "Expected ']'"),
    ],
)
def test_settings_errors_name_their_line(here: Home, text: str, line: int, words: str) -> None:
    message = settings_error(here, text)
    assert message.startswith(f":{line}: ")
    assert words in message


def test_a_file_that_is_no_text(here: Home) -> None:
    here.settings_file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        strict.read(here.settings_file, Settings)


def test_a_folder_in_place_of_a_file_is_said_not_passed_over(here: Home) -> None:
    here.models_file.mkdir()
    with pytest.raises(ConfigError, match=str(here.models_file)):
        models.load(here)
    here.settings_file.mkdir()
    with pytest.raises(ConfigError, match="is a directory"):
        strict.read(here.settings_file, Settings)


def test_the_shipped_catalogue() -> None:
    catalogue = models.load(home())
    assert [spec.id for spec in catalogue] == [
        "llama-ember", "gpt2", "llama-3-8b", "mistral-7b", "solar-10.7b",
    ]  # fmt: skip
    ember = catalogue.default
    assert ember.id == "llama-ember"
    assert ember.key == f"llama-ember@{ember.revision}"
    assert catalogue.installed(ember, home())
    assert catalogue.style(ember).prose_tag == "<story>"
    assert not catalogue.installed(catalogue.get("gpt2"), home())
    assert catalogue.folder(catalogue.get("gpt2"), home()).name == "openai-community--gpt2"
    with pytest.raises(UsageError, match=r"no model 'x'\. Known: llama-ember"):
        catalogue.get("x")
    with pytest.raises(UsageError, match=r"no model 'gtp2'\. Is it gpt2\? Known: "):
        catalogue.get("gtp2")


def test_a_users_entry_adds_and_overrides(here: Home) -> None:
    mine = ENTRY.format(id="mine") + "default = true\n"
    here.models_file.write_text(mine + ENTRY.format(id="gpt2") + 'style = "odd"\n[style.odd]\n')
    catalogue = models.load(here)
    assert [spec.id for spec in catalogue][-1] == "mine"
    assert catalogue.default.id == "mine"
    assert catalogue.get("gpt2").title == "Mine"
    assert catalogue.folder(catalogue.get("mine"), here) == Path("/m")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (ENTRY.format(id="a") + "\n" + ENTRY.format(id="a"), 12, "'a' stands there twice"),
        (ENTRY.format(id="a") + 'style = "no"\n', 10, "the style 'no', which is not defined"),
        (ENTRY.format(id="a") + "speed = 3\n", 10, "unknown field 'speed'"),
        (ENTRY.format(id="a") + ENTRY.format(id="b") + "gated = 0\n", 19, "expected 'bool'"),
        (ENTRY.format(id="a") + '[[model]]\nid = "b"\n', 10, "missing required field 'title'"),
        (ENTRY.format(id="a").replace("local", "web"), 4, "invalid enum value 'web'"),
        ("[style.mine]\nchat = 3\n", 2, "expected 'bool'"),
        ('[[model]]\nid = "a\n', 2, "Illegal character"),
    ],
)
def test_model_errors_name_their_line(here: Home, text: str, line: int, words: str) -> None:
    message = models_error(here, text)
    assert message.startswith(f":{line}: ")
    assert words in message


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('id = "a"', 'id = "a b"', 2, "model 'a b' has an id that cannot be named"),
        ('id = "a"', 'id = "../a"', 2, "model '../a' has an id"),
        ('id = "a"', 'id = ""', 2, "model '' has an id"),
        ('revision = "1"', 'revision = " "', 6, "model 'a' has an empty revision (revision)"),
        ("context_length = 512", "context_length = 0", 7, "model 'a': expected 'int' >= 1"),
        ("licence", "learning_rate = 0\nlicence", 8, "model 'a': expected 'float' > 0.0"),
        ("licence", "lora_rank = -4\nlicence", 8, "(lora_rank)"),
        ("licence", "speed = 4\nlicence", 8, "model 'a': contains unknown field 'speed'"),
        ('title = "Mine"\n', "", 1, "model 'a': missing required field 'title'"),
    ],
)
def test_an_entry_that_is_wrong_is_named(
    here: Home, old: str, new: str, line: int, words: str
) -> None:
    message = models_error(here, ENTRY.format(id="a").replace(old, new))
    assert message.startswith(f":{line}: ")
    assert words in message


def test_an_entry_without_an_id_is_named_by_its_number(here: Home) -> None:
    message = models_error(here, ENTRY.format(id="a") + '[[model]]\ntitle = "b"\n')
    assert message.startswith(":10: model number 2: missing required field 'id'")


@pytest.mark.parametrize(
    "place", ["..", ".", "a/..", "../../x", "/etc", "a//b", "a/b/c", "a--b/c", ""]
)
def test_a_hubs_repository_is_one(here: Home, place: str) -> None:
    text = ENTRY.format(id="a").replace("local", "hub").replace('"/m"', f'"{place}"')
    assert "which is no repository (location)" in models_error(here, text)
