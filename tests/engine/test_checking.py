"""Folders that would do harm, or cannot be what they say, are refused in a line."""

import json
import os
import pickle
import shutil
from pathlib import Path

import msgspec
import pytest

from talecraft.config import fetched
from talecraft.engine import checking, loading
from talecraft.errors import EngineError
from tests.support.models import bundled_ref
from tests.support.small_run import small_model

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path):
    small_model(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def canary(tmp_path):
    """A file that a harmful model would overwrite."""
    file = tmp_path / "canary"
    file.write_text("alive")
    yield file
    assert file.read_text() == "alive"


def opened(folder):
    return loading.open_model(msgspec.structs.replace(bundled_ref(), id="odd", folder=str(folder)))


def change(folder, **values):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | values))


def sharded(folder, names):
    """The weights behind an index that names these files."""
    shutil.copy(folder / WEIGHTS, folder / "part.safetensors")
    (folder / WEIGHTS).unlink()
    (folder / INDEX).write_text(
        json.dumps({"weight_map": {str(i): n for i, n in enumerate(names)}})
    )


def flip(file, at):
    data = bytearray(file.read_bytes())
    data[at] ^= 0x40
    file.write_bytes(data)


def lengthen(folder):
    """A header that says it is longer than the file."""
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[:8] = (1 << 40).to_bytes(8, "little")
    (folder / WEIGHTS).write_bytes(data)


HARM = {
    "cut": (lambda f: os.truncate(f / WEIGHTS, 90_000), "is cut: 90000 bytes of"),
    "cut in its header": (lambda f: os.truncate(f / WEIGHTS, 300), "is cut or damaged"),
    "longer than it says": (lambda f: (f / WEIGHTS).open("ab").write(b"x" * 9), "is cut:"),
    "a header without end": (lengthen, "is cut or damaged"),
    "a flipped bit in the header": (lambda f: flip(f / WEIGHTS, 9), "damaged"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), "there are no weights"),
    "no configuration": (lambda f: (f / "config.json").unlink(), "config.json is missing"),
    "a list for a table": (lambda f: (f / "config.json").write_text("[]"), "not a table of JSON"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "there is no tokenizer"),
    "endless layers": (lambda f: change(f, num_hidden_layers=10**9), "for which it has no weights"),
    "no layers": (lambda f: change(f, num_hidden_layers=-3), "for which it has no weights"),
    "a vast vocabulary": (lambda f: change(f, vocab_size=2**40), "vocab_size 1099511627776"),
    "words for numbers": (lambda f: change(f, hidden_size="large"), "hidden_size large"),
    "a path upwards": (lambda f: sharded(f, ["../canary.safetensors"]), "no safetensors file of"),
    "a path from the root": (lambda f: sharded(f, ["/etc/passwd"]), "no safetensors file of"),
    "an index of pickles": (lambda f: sharded(f, ["pytorch_model.bin"]), "no safetensors file of"),
    "an index of nothing": (lambda f: sharded(f, []), "names no files"),
    "a missing shard": (lambda f: sharded(f, ["part.safetensors", "b.safetensors"]), "b.safe"),
}  # fmt: skip


@pytest.mark.parametrize("harm", HARM)
def test_what_cannot_be_a_model_is_refused_in_a_line(folder, canary, harm):
    hurt, words = HARM[harm]
    hurt(folder)
    with pytest.raises(EngineError, match=words) as caught:
        opened(folder)
    assert str(caught.value).startswith("odd: ")
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_a_sound_folder_is_opened_whole_or_in_shards(folder):
    assert opened(folder).base.config.hidden_size == 32
    model = opened(folder).base
    (folder / WEIGHTS).unlink()
    model.save_pretrained(folder, max_shard_size="200KB")
    assert (folder / INDEX).exists()
    assert opened(folder).base.config.hidden_size == 32


class Evil:
    def __init__(self, target):
        self._target = target

    def __reduce__(self):
        return Path.write_text, (self._target, "dead")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt"])
def test_pickles_alone_are_not_opened(folder, canary, name):
    (folder / WEIGHTS).unlink()
    (folder / name).write_bytes(pickle.dumps(Evil(canary)))
    with pytest.raises(EngineError, match="only pickles, which could run code"):
        opened(folder)


@pytest.mark.parametrize("kind", ["llama", "evil"])
def test_code_of_its_own_is_never_run(folder, canary, kind):
    """What transformers knows is built by transformers' own code; what it does not is refused."""
    code = f"import pathlib\npathlib.Path({str(canary)!r}).write_text('dead')\n"
    for name in ("modeling_evil.py", "configuration_evil.py", "tokenization_evil.py"):
        (folder / name).write_text(code + "class Evil: pass\n")
    change(
        folder,
        model_type=kind,
        auto_map={
            "AutoConfig": "configuration_evil.Evil",
            "AutoModelForCausalLM": "modeling_evil.Evil",
        },
    )
    file = folder / "tokenizer_config.json"
    table = json.loads(file.read_bytes())
    file.write_text(
        json.dumps(table | {"auto_map": {"AutoTokenizer": ["tokenization_evil.Evil", None]}})
    )
    if kind == "llama":
        assert type(opened(folder).base).__name__ == "LlamaForCausalLM"
        return
    with pytest.raises(EngineError, match="odd cannot be loaded"):
        opened(folder)


def test_what_was_fetched_and_written_to_since_is_refused(folder):
    sums = {name: checking._checksum(folder / name, "0" * 64) for name in (WEIGHTS, "config.json")}
    fetched.write(folder, fetched.Fetched("who/what", "main", "a" * 40, 1, sums))
    assert opened(folder).base is not None
    flip(folder / WEIGHTS, -9)
    record = (folder / fetched.NAME).stat()
    os.utime(folder / WEIGHTS, ns=(record.st_atime_ns, record.st_mtime_ns + 1))
    with pytest.raises(EngineError, match=r"model\.safetensors was changed since it was fetched"):
        opened(folder)
    (folder / WEIGHTS).rename(folder / "other.safetensors")
    with pytest.raises(EngineError, match=r"model\.safetensors is missing"):
        opened(folder)


def test_gits_checksum_of_a_small_file_is_known(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"hello\n")
    assert checking._checksum(file, "0" * 40) == "ce013625030ba8dba906f756967f9e9ca394464a"
