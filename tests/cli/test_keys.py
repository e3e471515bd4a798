"""`talecraft keys`, and the page's options."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from talecraft.cli import main
from tests.cli.conftest import Talecraft
from tests.cli.test_process import no_keys


@pytest.fixture
def keymap(own_home: Path) -> Path:
    file = own_home / "config" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[keymap]\npage.retry = "f14, F14"\n"page.rety" = "f7"\n')
    return file


def test_keys_are_listed_with_what_they_do(talecraft_: Talecraft) -> None:
    result = talecraft_("keys")
    lines = result.out.splitlines()
    assert lines[0].split() == ["id", "keys", "what", "it", "does"]
    retry = ["page.retry", "ctrl+r", "Write the last passage once more"]
    assert retry in [line.split(maxsplit=2) for line in lines]
    assert any(line.split()[:3] == ["library.trash", "d,", "delete"] for line in lines)
    assert (result.code, result.err) == (0, "")


def test_the_writers_own_are_marked_and_what_does_not_hold_is_told(
    talecraft_: Talecraft, keymap: Path
) -> None:
    result = talecraft_("keys")
    assert result.code == 0
    told = [line.split()[:3] for line in result.out.splitlines()]
    assert ["*", "page.retry", "f14"] in told
    assert result.err == (
        f'talecraft: {keymap}:3: page.rety = "f7" does not hold:'
        " there is no such name. Is it page.retry?\n"
    )


def test_keys_as_json(talecraft_: Talecraft, keymap: Path) -> None:
    rows = {row["id"]: row for row in json.loads(talecraft_("keys", "--json").out)}
    assert rows["page.retry"] == {
        "id": "page.retry", "keys": ["f14"], "does": "Write the last passage once more",
        "rebound": True,
    }  # fmt: skip
    assert rows["composer.newline"]["keys"] == ["ctrl+j", "shift+enter"]
    assert not rows["composer.newline"]["rebound"]


def test_a_wrong_type_is_an_error_with_its_line(talecraft_: Talecraft, keymap: Path) -> None:
    keymap.write_text("[keymap]\npage.retry = 5\n")
    result = talecraft_("keys")
    assert result.code == 2
    assert result.err.startswith(f"talecraft: {keymap}:2: expected a text (page.retry).")


@pytest.mark.parametrize(
    ("options", "opened", "colour"),
    [
        ([], (None, False), ""),
        (["--plain"], (None, True), ""),
        (["--no-color", "--model", "gpt2"], ("gpt2", False), "1"),
        (["--plain", "--no-color"], (None, True), "1"),
    ],
)
def test_the_page_opens_as_it_is_asked_to(monkeypatch, options, opened, colour) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setattr("sys.stdin", type("Tty", (), {"isatty": lambda self: True})())
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    pages: list[tuple[str | None, bool]] = []

    def open_page(model: str | None, plain: bool) -> int:
        pages.append((model, plain))
        return 0

    assert main.run(options, open_page, no_keys) == 0
    assert pages == [opened]
    assert os.environ["NO_COLOR"] == colour


@pytest.mark.parametrize("option", ["--plain", "--no-color"])
def test_the_pages_options_are_none_of_a_command(talecraft_: Talecraft, option: str) -> None:
    result = talecraft_(option, "paths")
    assert (result.code, result.out) == (2, "")
    assert f"{option} belongs to the page" in result.err


def test_a_setting_is_changed_beside_a_keymap(talecraft_: Talecraft, keymap: Path) -> None:
    before = keymap.read_text()
    result = talecraft_("config", "set", "page.plain", "true")
    assert result.code == 0
    assert "page.plain is true, from the next start on." in result.err
    assert keymap.read_text().startswith(before.rstrip())
    listed = talecraft_("config", "list").out
    assert "* page.plain" in " ".join(listed.split())
    assert "page.notify" in listed
    assert "page.retry" in talecraft_("keys").out
