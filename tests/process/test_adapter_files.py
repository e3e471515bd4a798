"""An adapter that is not exactly what was recorded is refused before torch sees it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from talecraft.errors import AdapterError
from talecraft.process import adapter_files
from talecraft.process.messages import AdapterRef

CONFIG, WEIGHTS = adapter_files.FILES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "adapter"
    made.mkdir()
    (made / CONFIG).write_text('{"r": 8}')
    (made / WEIGHTS).write_bytes(bytes(range(256)) * 4)
    return made


def test_checksums_and_name(folder: Path) -> None:
    files = adapter_files.checksums(folder)
    assert files[CONFIG] == hashlib.sha256(b'{"r": 8}').hexdigest()
    assert adapter_files.verify(AdapterRef("a", str(folder), files, "m@r")) == folder
    name = adapter_files.content_id(files)
    assert len(name) == 16
    assert name == adapter_files.content_id(dict(reversed(files.items())))
    assert name != adapter_files.content_id({**files, WEIGHTS: "00"})


def truncate(folder: Path) -> None:
    os.truncate(folder / WEIGHTS, 1023)


def empty(folder: Path) -> None:
    os.truncate(folder / WEIGHTS, 0)


def flip(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[500] ^= 1
    (folder / WEIGHTS).write_bytes(data)


def zero_tail(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:1000] + b"\0" * 24)


def change_config(folder: Path) -> None:
    (folder / CONFIG).write_text('{"r": 9}')


def extra_pickle(folder: Path) -> None:
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04")


def extra_code(folder: Path) -> None:
    (folder / "modeling.py").write_text("raise SystemExit")


def missing(folder: Path) -> None:
    (folder / CONFIG).unlink()


def linked(folder: Path) -> None:
    away = folder.parent / "away"
    (folder / WEIGHTS).rename(away)
    (folder / WEIGHTS).symlink_to(away)


def a_folder(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).mkdir()


def all_gone(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")


HARM = [
    truncate,
    empty,
    flip,
    zero_tail,
    change_config,
    extra_pickle,
    extra_code,
    missing,
    linked,
    a_folder,
    all_gone,
]


@pytest.mark.parametrize("harm", HARM)
def test_every_harm_is_refused_with_its_reason(folder: Path, harm: Callable[[Path], None]) -> None:
    adapter = AdapterRef("a1", str(folder), adapter_files.checksums(folder), "m@r")
    harm(folder)
    with pytest.raises(AdapterError, match="Adapter a1") as caught:
        adapter_files.verify(adapter)
    assert caught.value.exit_code == 1
    assert "rollback" in caught.value.hint


def test_a_record_of_too_few_files_is_refused(folder: Path) -> None:
    files = adapter_files.checksums(folder)
    del files[CONFIG]
    with pytest.raises(AdapterError):
        adapter_files.verify(AdapterRef("a1", str(folder), files, "m@r"))
