"""An engine elsewhere: this machine's models, adapters in parcels, whatever is named checked."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from pathlib import Path

import msgspec
import pytest

from talecraft import __version__
from talecraft.config import fetched, models
from talecraft.config.fetched import Fetched
from talecraft.errors import ConfigError, EngineError, UsageError
from talecraft.paths import Home
from talecraft.process import elsewhere, messages, pieces
from talecraft.process.adapter_files import FILES
from talecraft.process.engine_client import EngineClient, Stopped
from talecraft.process.messages import (
    AdapterRef,
    Cancel,
    Delta,
    Draft,
    Drafted,
    Failed,
    Finished,
    Generate,
    Hello,
    Load,
    Loaded,
    ModelRef,
    Parcel,
    Phase,
    Probe,
)
from talecraft.story.context import Block, PromptStyle
from talecraft.story.turns import Generation, Sampling
from talecraft.studio import Studio
from talecraft.studio.events import TurnWritten
from talecraft.studio.hosting import Host
from tests.engine.test_service import Driver, made_adapter
from tests.support import tiny
from tests.support.models import bundled_ref
from tests.support.tiny import Heard, until

ID = "0123456789abcdef"
PREMISE = Block("<prompt>\nA shy fox learns to share\n")


@pytest.fixture
def there(tmp_path):
    base = tmp_path / "there"
    return Home(base / "data", base / "config", base / "cache", base / "logs")


@pytest.fixture
def host(there):
    host = Host(there)
    host.here(Hello(__version__))
    return host


@pytest.fixture
def adapter(tmp_path):
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "adapter_config.json").write_bytes(b"{}")
    (folder / "adapter_model.safetensors").write_bytes(os.urandom(2 * pieces.PIECE + 5))
    return AdapterRef(ID, str(folder), dict.fromkeys(FILES, ""), "m@1")


def test_models_are_this_machines_own(host, there):
    model = msgspec.structs.replace(bundled_ref(), folder="/nowhere")
    here = host.here(Load(model)).model
    assert msgspec.structs.replace(here, forms="") == bundled_ref()
    assert here.forms == str(there.forms), "and what llama.cpp reads is written here"
    for changed, words in (
        ({"id": "other"}, "There is no model"),
        ({"id": "gpt2"}, "not installed where the engine is"),
        ({"revision": "99"}, "another revision where the engine is"),
    ):
        with pytest.raises(EngineError, match=words):
            host.here(Load(msgspec.structs.replace(model, **changed)))
        with pytest.raises(EngineError, match=words):  # the one before does not write for it
            host.here(Generate(1, [PREMISE], Sampling()))
    host.here(Load(model))
    assert host.here(Generate(1, [PREMISE], Sampling()))


def test_a_model_that_is_only_there_is_known_by_what_is_asked_for(there):
    catalogue = models.load(there)
    spec = catalogue.get("gpt2")
    folder = catalogue.folder(spec, there)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"")
    fetched.write(folder, Fetched(spec.location, "main", "a" * 40, 0, {}))
    host = Host(there)
    host.here(Hello(__version__))
    assert host._catalogue.get("gpt2").revision != "main"
    asked = ModelRef("gpt2", "main", "/nowhere", "none", 512, PromptStyle())
    here = host.here(Load(asked)).model
    assert (here.folder, here.revision) == (str(folder), "main")


def test_another_talecraft_is_told_so(host):
    assert host.here(Hello(__version__)) is None
    with pytest.raises(EngineError, match="here it is"):
        host.here(Hello("9.9\x1b[2J"))
    with pytest.raises(EngineError, match="here it is"):
        host.here(Load(bundled_ref()))
    assert host.here(Cancel(1)) == Cancel(1)


def test_a_page_that_says_nothing_of_itself_gets_nothing(there):
    with pytest.raises(EngineError, match="did not say"):
        Host(there).here(Load(bundled_ref()))


def test_an_adapter_comes_whole_and_is_named_by_where_it_was_put(host, there, adapter):
    for parcel in elsewhere.parcels(adapter):
        assert host.here(messages.decode_command(messages.encode(parcel))) is None
    placed = host.here(Load(bundled_ref(), adapter)).adapter
    assert Path(placed.folder).is_relative_to(there.cache)
    for name in adapter.files:
        copy = Path(placed.folder) / name
        assert copy.read_bytes() == (Path(adapter.folder) / name).read_bytes()
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert host.here(Probe(1, "m", [1], [1], adapter)).adapter == placed
    draft = Draft(1, "m", [], Sampling(), [], [adapter, None])
    assert host.here(draft).adapters == [placed, None]
    assert host.here(Cancel(1)) == Cancel(1)


@pytest.mark.parametrize(
    "parcel",
    [
        Parcel("../../../etc", "adapter_config.json", 0, b"x"),
        Parcel(ID, "../adapter_config.json", 0, b"x"),
        Parcel(ID, "pytorch_model.bin", 0, b"x"),
        Parcel(ID, "adapter_config.json", 5, b"x"),
        Parcel(ID, "adapter_config.json", -1, b"x"),
        Parcel(ID, "adapter_config.json", 1 << 40, b"x"),
    ],
)
def test_what_is_no_part_of_an_adapter_is_written_nowhere(host, there, parcel):
    with pytest.raises(EngineError):
        host.here(parcel)
    written = [one for one in there.cache.rglob("*") if one.is_file() and one.stat().st_size]
    assert written == []


def test_what_cannot_be_is_answered_and_the_rest_passed_on(host):
    """Over a real pipe, with an engine that says back what it is told."""
    echo = "import sys\nfor line in sys.stdin: sys.stdout.write(line); sys.stdout.flush()"
    host._engine = [sys.executable, "-c", echo]
    lines = [
        b"no json", b'{"type":"generate","request":5}', b'{"type":"\xff"}', b"[" * 100_000,
        messages.encode(Cancel(3)),
        messages.encode(Probe(7, "m", [1], [1], AdapterRef("bad", "/x", {}, "m"))),
    ]  # fmt: skip
    out = io.BytesIO()
    assert host.run(io.BytesIO(b"\n".join(lines) + b"\n"), out) == 0
    said = out.getvalue().splitlines()
    assert messages.encode(Cancel(3)) in said
    failed = [messages.decode_event(one) for one in said if b'"failed"' in one]
    assert [one.request for one in failed] == [None, 5, None, None, 7]
    assert not host._kept.exists()


def test_a_full_disk_there_is_one_clear_line(host, adapter, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "open", full)
    parcel = Parcel(ID, "adapter_config.json", 0, b"x")
    with pytest.raises(EngineError, match="cannot be kept"):
        host.here(parcel)
    assert host.here(parcel) is None, "it is said once"


def test_what_killed_hosts_have_left_is_deleted(there):
    there.cache.mkdir(parents=True)
    for name in ("engine-999999999", "engine-x", f"engine-{os.getpid()}", "engine-1"):
        (there.cache / name).mkdir()
    Host(there)
    assert sorted(one.name for one in there.cache.iterdir()) == ["engine-1"]


def test_a_cancel_does_not_wait_for_a_file(adapter):
    class Slow(io.BytesIO):
        def write(self, data):
            if b"parcel" in data and not line._cancels.qsize() and not self.cancelled:
                self.cancelled = True
                line.send(Cancel(9))
            return super().write(data)

        cancelled = False

        def close(self):
            self.said = self.getvalue().splitlines()
            super().close()

    pipe = Slow()
    line = elsewhere.Line(pipe)
    line.send(Probe(9, "m", [1], [1], adapter))
    line.close()
    until(lambda: pipe.closed)
    kinds = [type(messages.decode_command(one)).__name__ for one in pipe.said]
    assert kinds == ["Hello", "Parcel", "Cancel", *["Parcel"] * 3, "Probe"]


def test_what_comes_from_elsewhere_is_cleaned():
    hostile = "a\x1b]52;c;x\x07\x1b[2Jb"
    made = Generation("m", "1", "none", None, "x", Sampling(), [], [], [], 0, 0, [], [], "end", 0.1)
    turn = Finished(1, hostile, hostile, made)
    assert elsewhere.cleaned(Delta(1, "prose", hostile)).text == "ab"
    assert elsewhere.cleaned(turn) == Finished(1, "ab", "ab", made)
    assert elsewhere.cleaned(Drafted(1, 0, [turn])).turns == [Finished(1, "ab", "ab", made)]
    assert elsewhere.cleaned(Failed(1, hostile, hostile)) == Failed(1, "ab", "ab")
    assert elsewhere.cleaned(Phase("loading", hostile)).detail == "ab"


def test_a_hostile_line_ends_no_reading(tmp_path):
    """Not of UTF-8, or too deep: what comes after it is heard, and so is the end."""
    code = (
        "import sys\nout = sys.stdout.buffer\n"
        'out.write(b\'{"type":"phase","phase":"ready","detail":"\\xff"}\\n\')\n'
        'out.write(b\'[\' * 100000 + b\'\\n{"type":"phase","phase":"ready"}\\n\')\n'
    )
    heard = Heard()
    client = EngineClient(heard, tmp_path, [sys.executable, "-c", code], elsewhere=True)
    client.load(Load(bundled_ref()))
    heard.wait(Phase, lambda one: one.phase == "ready")
    heard.wait(Stopped)
    client.close()


def test_where_the_engine_ends_first_nobody_waits(host, tmp_path):
    host._engine = [sys.executable, "-c", "raise SystemExit(3)"]
    left = []
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as commands, os.fdopen(writer, "wb") as page:

        def leave(code):
            left.append(code)
            page.close()

        host.run(commands, io.BytesIO(), leave)
    assert left == [3]


def test_only_what_names_an_adapter_sends_one(adapter, tmp_path):
    with (tmp_path / "sent").open("wb") as pipe:
        line = elsewhere.Line(pipe)
        line.send(Load(bundled_ref()))
        line.send(Load(bundled_ref(), adapter))
        line.send(Probe(1, "m", [1], [1], adapter))
        line.close()
        until(lambda: pipe.closed)
    sent = [messages.decode_command(one) for one in (tmp_path / "sent").read_bytes().splitlines()]
    kinds = [type(one).__name__ for one in sent]
    assert kinds == ["Hello", "Load", *["Parcel"] * 4, "Load", "Probe"], "once to each engine"


def test_a_page_here_and_the_weights_there(tmp_path, there):
    """The real engine behind `talecraft engine`: an adapter learned here writes there, and the same
    as it would here."""
    adapter = made_adapter(tmp_path / "adapter")
    driver = Driver(tmp_path / "logs")
    home = str(there.data.parent)
    command = ["env", f"TALECRAFT_HOME={home}", sys.executable, "-m", "talecraft", "engine"]
    driver.client = EngineClient(driver.events.put, tmp_path / "logs", command, elsewhere=True)
    driver.client.load(Load(msgspec.structs.replace(bundled_ref(), folder="/nowhere"), adapter))
    assert driver.until(Loaded, Failed, Stopped)[-1].adapter_id == adapter.id
    made = driver.write(1, seed=4, outline_tokens=12, prose_tokens=16)[-1].generation
    local = Driver(tmp_path / "logs")
    local.client.load(Load(bundled_ref(), adapter))
    local.until(Loaded)
    same = local.write(1, seed=4, outline_tokens=12, prose_tokens=16)[-1].generation
    assert made.response_ids == same.response_ids
    assert made.adapter_id == adapter.id
    local.client.close()
    os.kill(driver.client.pid, 9)
    assert driver.until(Stopped)[-1].restarting
    driver.until(Loaded)
    again = driver.write(2, seed=4, outline_tokens=12, prose_tokens=16)[-1]
    assert isinstance(again, Finished)
    assert again.generation.response_ids == same.response_ids, "it is sent to the next one, too"
    driver.client.close()


def test_the_setting_starts_it_and_asks_nothing_of_this_machine(tmp_path):
    base = tmp_path / "here"
    here = Home(base / "data", base / "config", base / "cache", base / "logs")
    here.settings_file.parent.mkdir(parents=True)
    engine = f"{sys.executable} {tiny.ENGINE[1]}"
    here.settings_file.write_text(
        f"[writing]\nmodel = 'gpt2'\n\n[engine]\ncommand = \"{engine}\"\n"
    )
    heard = Heard()
    with Studio(heard, at=here) as studio:
        studio.start_engine()
        assert heard.wait(Loaded).model_id == "gpt2", "it is not installed here"
        request = studio.writing.continue_story(studio.writing.new_story("A fox.").id)
        assert heard.wait(TurnWritten).request == request
        with pytest.raises(UsageError, match="not installed"):
            studio._installed_ref(studio.model)  # a run is here


def test_a_command_with_an_open_quotation_mark_is_one_clear_line(tmp_path):
    base = tmp_path / "here"
    here = Home(base / "data", base / "config", base / "cache", base / "logs")
    here.settings_file.parent.mkdir(parents=True)
    here.settings_file.write_text('[engine]\ncommand = "ssh \'box"\n')
    with pytest.raises(ConfigError, match="cannot be read"):
        Studio(at=here)
