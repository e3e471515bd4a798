"""Where things are kept, and that only their owner can read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from talecraft.errors import LibraryError, TalecraftError, os_reason
from talecraft.paths import home, private_folder, private_write


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_one_variable_moves_everything_and_asking_makes_nothing(own_home: Path) -> None:
    here = home()
    for path in (
        here.library, here.runs, here.adapters, here.exports, here.models, here.settings_file,
        here.models_file, here.logs,
    ):  # fmt: skip
        assert path.is_relative_to(own_home)
    assert not own_home.exists()


def test_without_it_the_platforms_folders_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TALECRAFT_HOME", "")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "d"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    here = home()
    assert here.library == tmp_path / "d" / "talecraft" / "library.db"
    assert here.settings_file == tmp_path / "c" / "talecraft" / "config.toml"


def test_a_relative_home_is_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALECRAFT_HOME", "here")
    assert home().data == Path.cwd() / "here" / "data"


def test_folders_and_files_are_private_under_an_open_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = private_folder(tmp_path / "a" / "b")
        private_write(folder / "f", b"x")
    finally:
        os.umask(old)
    assert (mode(tmp_path / "a"), mode(folder), mode(folder / "f")) == (0o700, 0o700, 0o600)
    folder.chmod(0o755)
    assert mode(private_folder(folder)) == 0o700
    folder.chmod(0o555)
    assert mode(private_folder(folder)) == 0o500  # rights are taken away, never given
    folder.chmod(0o700)


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "f"
    private_write(file, b"old")
    private_write(file, b"new")
    assert file.read_bytes() == b"new"

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LibraryError, match="no space left on device"):
        private_write(file, b"newer")
    assert file.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(LibraryError, match="cannot be used: not a directory"):
        private_folder(tmp_path / "f" / "x")
    with pytest.raises(LibraryError, match="could not be written: not a directory"):
        private_write(tmp_path / "f" / "x", b"")


def test_an_error_is_one_line_with_its_hint() -> None:
    error = TalecraftError(" two\nlines ", "do\tthis")
    assert (error.message, error.hint, str(error)) == ("two lines", "do this", "two lines do this")
    assert os_reason(OSError("odd")) == "oserror"
