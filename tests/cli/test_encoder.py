"""`talecraft encoder`, against a hub on the loopback."""

from __future__ import annotations

import json
from pathlib import Path

from talecraft.process.style import USUAL
from tests.cli.conftest import Talecraft
from tests.support.hub import COMMIT, Hub, Repository

MODULES = b'[{"type": "sentence_transformers.models.Transformer", "path": ""}]'
FILES = {
    "config.json": b"{}", "modules.json": MODULES, "tokenizer.json": b"{}",
    "model.safetensors": b"x" * 3_000_000, "1_Pooling/config.json": b"{}",
}  # fmt: skip


def test_pull_list_and_rm(talecraft_: Talecraft, hub: Hub) -> None:
    hub.repositories[USUAL] = hub.repositories["a/b"] = Repository(FILES)
    assert talecraft_("encoder", "list", "--json").out == "[]\n"
    pulled = talecraft_("encoder", "pull", "--json")
    assert pulled.code == 0, pulled.err
    shown = json.loads(pulled.out)
    assert (shown["name"], shown["commit"], shown["already"]) == (USUAL, COMMIT, False)
    assert (Path(shown["folder"]) / "1_Pooling" / "config.json").is_file()
    assert f"{USUAL} is here (3 MB, commit {COMMIT})." in pulled.err
    again = talecraft_("encoder", "pull")
    assert (again.code, again.out) == (0, "")
    assert "is here already" in again.err
    other = talecraft_("encoder", "pull", "a/b")
    assert "talecraft config set training.encoder a/b" in other.err
    (first, second) = json.loads(talecraft_("encoder", "list", "--json").out)
    assert (first["name"], second["name"]) == ("a/b", USUAL)
    assert "3 MB" in talecraft_("encoder", "list").out
    removed = talecraft_("encoder", "rm", "a/b")
    assert (removed.code, removed.out) == (0, "")
    assert "3 MB are free again." in removed.err
    gone = talecraft_("encoder", "rm", "a/b")
    assert gone.code == 2
    assert f"a/b is not here (known: {USUAL})" in gone.err


def test_what_cannot_be_fetched_is_one_line(talecraft_: Talecraft, hub: Hub) -> None:
    for name, words in (("no/such", "no/such"), ("../x", "'../x' is no repository")):
        refused = talecraft_("encoder", "pull", name)
        assert refused.code != 0
        assert words in refused.err
        assert "Traceback" not in refused.err
