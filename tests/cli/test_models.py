"""`talecraft models add`, `pull` and `rm`, against a hub on the loopback."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pexpect
import pytest

from talecraft.errors import EngineError
from talecraft.paths import home
from talecraft.process import exam
from talecraft.process.exam import Examined, Examining, ExamOrder
from talecraft.studio import memory
from tests.cli.conftest import Talecraft
from tests.support.hub import COMMIT, STRANGER, TOKEN, Hub
from tests.support.hub_fixtures import CONFIG, ENTRY, ID, MIB, REPO, known_as, weights


@pytest.fixture(autouse=True)
def _entry(own_home: Path) -> None:
    home().config.mkdir(parents=True)
    home().models_file.write_text(ENTRY)


def terminal(*arguments: str) -> pexpect.spawn:
    env = {**os.environ, "PYTHONPATH": os.getcwd(), "TERM": "xterm"}
    return pexpect.spawn(
        sys.executable, ["-m", "talecraft", *arguments], env=env, encoding="utf-8", timeout=60
    )


def test_pull_and_rm(talecraft_: Talecraft, hub: Hub) -> None:
    pulled = talecraft_("models", "pull", ID, "--json")
    assert pulled.code == 0
    shown = json.loads(pulled.out)
    assert (shown["id"], shown["commit"], shown["already"]) == (ID, COMMIT, False)
    assert Path(shown["folder"]).is_dir()
    assert f"4 files, 5 MB. Commit {COMMIT}." in pulled.err
    assert f"Small Tales is here (5 MB, commit {COMMIT})." in pulled.err
    info = json.loads(talecraft_("models", "info", ID, "--json").out)
    assert (info["installed"], info["revision"]) == (True, COMMIT)
    again = talecraft_("models", "pull", ID)
    assert (again.code, again.out) == (0, "")
    assert "is here already" in again.err
    assert f"talecraft models rm {ID}" in again.err
    asked = talecraft_("models", "rm", ID)
    assert asked.code == 2
    assert "takes 5 MB" in asked.err
    assert "add --yes" in asked.err
    assert Path(shown["folder"]).is_dir()
    removed = talecraft_("models", "rm", ID, "--yes", "--json")
    assert removed.code == 0
    assert "5 MB are free again" in removed.err
    assert json.loads(removed.out)["freed"] >= 5 * MIB
    assert not Path(shown["folder"]).exists()


def test_exit_codes(talecraft_: Talecraft, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = hub.repositories[REPO]
    repository.gated = "manual"
    gated = talecraft_("models", "pull", ID)
    assert (gated.code, gated.out) == (5, "")
    assert "(401)" in gated.err
    assert f"{hub.url}/{REPO}" in gated.err
    assert "HF_TOKEN" in gated.err
    monkeypatch.setenv("HF_TOKEN", STRANGER)
    forbidden = talecraft_("models", "pull", ID)
    assert forbidden.code == 5
    assert "(403)" in forbidden.err
    assert STRANGER not in forbidden.err
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.repositories.clear()
    missing = talecraft_("models", "pull", ID)
    assert missing.code == 1
    assert "(404)" in missing.err
    hub.repositories[REPO] = repository
    with monkeypatch.context() as patch:
        patch.setattr(memory, "free_disk_mb", lambda place: 1.0)
        full = talecraft_("models", "pull", ID)
    assert full.code == 4
    assert "1 MB are free" in full.err
    hub.close()
    offline = talecraft_("models", "pull", ID)
    assert offline.code == 1
    assert "offline" in offline.err
    for result in (gated, forbidden, missing, full, offline):
        assert len(result.err.splitlines()) <= 2  # what was found, and why it did not come
        assert "Traceback" not in result.err
    assert talecraft_("models", "pull", "nope").code == 2
    assert talecraft_("models", "pull", "llama-ember").code == 2
    assert talecraft_("models", "rm", "llama-ember", "--yes").code == 2
    assert talecraft_("models", "rm", ID, "--yes").code == 2


def test_a_terminal_is_asked_for_a_token_that_it_does_not_show(hub: Hub) -> None:
    hub.repositories[REPO].gated = True
    session = terminal("models", "pull", ID)
    session.logfile_read = seen = io.StringIO()
    session.expect("Accept the licence")
    session.expect("Token ")
    session.waitnoecho(10)
    session.sendline(TOKEN)
    session.expect("Small Tales is here")
    session.expect(pexpect.EOF)
    session.close()
    assert session.exitstatus == 0
    assert "Small Tales is here" in seen.getvalue()
    assert TOKEN not in seen.getvalue()
    assert (Path(os.environ["HF_HOME"]) / "token").read_text() == TOKEN


def test_a_terminal_without_a_token_ends_with_5(hub: Hub) -> None:
    hub.repositories[REPO].gated = True
    session = terminal("models", "pull", ID)
    session.expect("Token ")
    session.sendline("")
    session.expect(pexpect.EOF)
    session.close()
    assert session.exitstatus == 5


def test_a_terminal_is_asked_before_removing(talecraft_: Talecraft, hub: Hub) -> None:
    assert talecraft_("models", "pull", ID).code == 0
    for answer, code, there in (("n", 1, True), ("y", 0, False)):
        session = terminal("models", "rm", ID)
        session.expect("takes 5 MB")
        session.sendline(answer)
        session.expect(pexpect.EOF)
        session.close()
        assert session.exitstatus == code
        assert (home().models / "writers--small-tales").exists() is there


def test_ctrl_c_keeps_what_came_and_pull_goes_on(talecraft_: Talecraft, hub: Hub) -> None:
    hub.stall["model.safetensors"] = 3 * MIB
    child = subprocess.Popen(
        [sys.executable, "-m", "talecraft", "models", "pull", ID],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert hub.stalled.wait(60)
    part = home().models / ".writers--small-tales.part" / "model.safetensors.part"
    while not part.exists() or part.stat().st_size < 2 * MIB:
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "What came is kept" in said
    here = part.stat().st_size
    hub.asked.clear()
    pulled = talecraft_("models", "pull", ID)
    assert pulled.code == 0
    assert "are still to come" in pulled.err
    assert hub.bodies("model.safetensors")[0].range == f"bytes={here}-"


def test_add(talecraft_: Talecraft, tmp_path: Path) -> None:
    folder = tmp_path / "Tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights(20_000))
    added = talecraft_(
        "models", "add", str(folder), "--id", "mine", "--title", "Mine", "--revision", "7",
        "--quantisation", "int8", "--style", "tags", "--json",
    )  # fmt: skip
    assert added.code == 0
    shown = json.loads(added.out)
    assert (shown["id"], shown["title"], shown["revision"]) == ("mine", "Mine", "7")
    assert (shown["quantisation"], shown["style"], shown["installed"]) == ("int8", "tags", True)
    assert str(home().models_file) in added.err
    assert talecraft_("models", "info", "mine").code == 0
    twice = talecraft_("models", "add", str(folder), "--id", "mine")
    assert (twice.code, twice.out) == (2, "")
    assert "--id NAME" in twice.err
    asked = talecraft_("models", "rm", "mine")
    assert (asked.code, asked.out) == (2, "")
    assert "add --yes" in asked.err
    removed = talecraft_("models", "rm", "mine", "--yes", "--json")
    assert (removed.code, json.loads(removed.out)) == (0, {"id": "mine", "freed": 0})
    assert f"mine is listed no more; its files stay in {folder}" in removed.err
    assert (folder / "model.safetensors").is_file()
    assert talecraft_("models", "info", "mine").code == 2
    over = talecraft_("models", "add", str(folder), "--id", "mine")
    text = home().models_file.read_text()
    assert over.code == 0
    home().models_file.write_text(text.replace('id = "mine"', 'id = "gpt2"'))
    shipped = talecraft_("models", "rm", "gpt2", "--yes")
    assert "gpt2 is as it came with Talecraft again" in shipped.err
    assert talecraft_("models", "info", "gpt2").code == 0


def test_add_from_a_hub_says_how_to_fetch_it(talecraft_: Talecraft, hub: Hub) -> None:
    added = talecraft_("models", "add", REPO)
    assert (added.code, added.out) == (0, "")
    assert "talecraft models pull small-tales" in added.err
    hub.repositories.clear()
    assert talecraft_("models", "add", "nobody/nothing").code == 5


def test_what_is_not_installed_says_how_to_fetch_it(talecraft_: Talecraft) -> None:
    result = talecraft_("write", "x", "--model", ID)
    assert result.code == 2
    assert f"talecraft models pull {ID}" in result.err


def test_models_are_measured_side_by_side(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Examined(20.0, 1.5, 0.6, 0.1, 0.02, 1.0, 0.02, 70.0, 400.0, 12, "cpu", "float32")

    def examine(order: ExamOrder, hear: Callable[[Examining], None]) -> Examined:
        hear(Examining(1, 2))
        if order.model.id == "broken":
            raise EngineError("It is broken.", "Fetch it again.")
        return msgspec.structs.replace(found, bits=float(len(order.prompts)))

    monkeypatch.setattr(exam, "examine", examine)
    alone = talecraft_("models", "eval", "--turns", "3")
    assert "bits a character      3.00" in alone.out
    assert "█" not in alone.out, "one model has nothing to stand beside"
    (line,) = talecraft_("models", "eval", "--json").out.splitlines()
    assert (json.loads(line)["model"], json.loads(line)["bits"]) == ("llama-ember", 12.0)
    known_as("second", "broken")
    several = talecraft_("models", "eval")
    assert several.code == 1
    assert "It is broken. Fetch it again." in several.err
    assert "tokens a second (more is better)" in several.out
    assert "second" in several.out
    assert talecraft_("models", "eval", "gpt2").code == 2


def test_info_tells_what_memory_each_precision_needs(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_mb", lambda: 800.0)
    told = talecraft_("models", "info", "llama-ember")
    assert told.code == 0
    assert "Measuring what memory" in told.err
    assert "Memory it needs on cpu, 800 MB free" in told.out
    rows = [line for line in told.out.splitlines() if line.split()[:1] in (["*"], ["nf4"])]
    assert rows[0].split()[1] == "fp32"
    assert rows[0].count("(does not fit)") == 2, "to train, and both"
    again = talecraft_("models", "info", "llama-ember", "--json")
    assert "Measuring" not in again.err
    shown = json.loads(again.out)
    assert [one["quantisation"] for one in shown["needs"]] == ["fp32", "bf16", "int8", "nf4"]
    assert (shown["free_mb"], shown["device"]) == (800.0, "cpu")


def test_a_model_that_does_not_fit_is_refused(
    talecraft_: Talecraft, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_mb", lambda: 50.0)
    refused = talecraft_("write", "A fox")
    assert refused.code == 4
    assert "llama-ember does not fit: it needs about" in refused.err
    assert "No other model that is installed fits" in refused.err


def test_quantise_writes_the_choice_and_keeps_the_rest(talecraft_: Talecraft) -> None:
    assert talecraft_("models", "quantise", "llama-ember", "int8").code == 0
    shown = json.loads(talecraft_("models", "info", "llama-ember", "--json").out)
    assert (shown["quantisation"], shown["dry_multiplier"]) == ("int8", 5.0)
    assert [one["quantisation"] for one in shown["needs"] if one["chosen"]] == ["int8"]
    path = home().models_file
    path.write_text("# mine\n" + path.read_text())
    assert talecraft_("models", "quantise", "llama-ember", "none").code == 0
    assert path.read_text().startswith("# mine\n")
    shown = json.loads(talecraft_("models", "info", "llama-ember", "--json").out)
    assert shown["quantisation"] == "none"
    wrong = talecraft_("models", "quantise", "llama-ember", "int4")
    assert (wrong.code, "Use one of: none, nf4, int8, bf16, fp32." in wrong.err) == (2, True)
