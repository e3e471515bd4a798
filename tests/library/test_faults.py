"""The library under kill -9, a full disk, a second writer, and a file that is not what it was."""

from __future__ import annotations

import ctypes
import hashlib
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from talecraft.errors import LibraryError
from talecraft.library import Library
from talecraft.library.database import Database
from talecraft.library.migrations import MIGRATIONS
from talecraft.story.feedback import Feedback

WRITER = Path(__file__).with_name("writer.py")


def writer(path: Path, rounds: int, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(path), str(rounds), *more],
        stdout=subprocess.PIPE,
        text=True,
    )


def acknowledged(lines: list[str]) -> dict[str, list[int]]:
    """Ids that the writer was told are on disk; a last line cut by the kill does not count."""
    found: dict[str, list[int]] = {"turn": [], "feedback": []}
    for line in lines:
        kind, _, number = line.partition(" ")
        if kind in found and line.endswith("\n"):
            found[kind].append(int(number))
    return found


def assert_all_there(path: Path, said: dict[str, list[int]]) -> None:
    library = Library(path)
    try:
        assert library.database.sound() == "ok"
        for table, ids in said.items():
            name = "turns" if table == "turn" else "feedback"
            there = {row["id"] for row in library.database.rows(f"SELECT id FROM {name}")}
            assert set(ids) <= there
    finally:
        library.close()


def test_kill_minus_nine_loses_nothing_acknowledged(path: Path) -> None:
    moments = random.Random(1)
    said: dict[str, list[int]] = {"turn": [], "feedback": []}
    for _ in range(10):
        process = writer(path, 100_000)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0.0, 0.12))
        process.kill()
        for kind, ids in acknowledged(process.stdout.readlines()).items():
            said[kind] += ids
        process.wait()
        assert_all_there(path, said)
    assert len(said["turn"]) > 10


def test_two_writers_at_once_lose_nothing(path: Path) -> None:
    Library(path).close()
    both = [writer(path, 150), writer(path, 150)]
    said: dict[str, list[int]] = {"turn": [], "feedback": []}
    for process in both:
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        for kind, ids in acknowledged(out.splitlines(keepends=True)).items():
            said[kind] += ids
    assert len(set(said["turn"])) == len(set(said["feedback"])) == 300
    assert_all_there(path, said)


def test_what_reads_before_it_writes_is_not_overtaken(path: Path) -> None:
    """A transaction takes its right to write at once, so that it never has to be refused later."""
    first, second = Library(path), Library(path)
    story = first.stories.create("T", "P")
    started = threading.Event()

    def other() -> None:
        started.set()
        second.stories.rename(story.id, "other")

    thread = threading.Thread(target=other)
    with first.transaction():
        assert first.stories.get(story.id).title == "T"
        thread.start()
        started.wait()
        time.sleep(0.1)
        first.stories.rename(story.id, "mine")
    thread.join()
    assert first.stories.get(story.id).title == "other"
    first.close()
    second.close()


def test_the_promises_made_to_the_disk(library: Library) -> None:
    for pragma, value in {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}.items():
        assert library.database.rows(f"PRAGMA {pragma}")[0][0] == value


def test_a_full_disk_is_one_clear_line_and_loses_nothing(path: Path) -> None:
    process = writer(path, 100_000, "700000")
    out, _ = process.communicate(timeout=60)
    lines = out.splitlines(keepends=True)
    assert process.returncode == 1
    assert lines[-1].startswith(f"error The disk is full or cannot be written: {path}.")
    said = acknowledged(lines)
    assert len(said["turn"]) > 5
    assert_all_there(path, said)
    again = Library(path)  # and once there is room it goes on
    assert again.feedback.append([Feedback(0, said["turn"][0], "stars", 5)])
    again.close()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_newer_library_is_refused_and_untouched(path: Path) -> None:
    library = Library(path)
    library.stories.create("T", "P")
    with library.transaction():
        library.database.execute("INSERT INTO migrations VALUES ('0099_from_the_future')")
    library.close()
    before = digest(path)
    with pytest.raises(LibraryError, match="newer Talecraft \\(0099_from_the_future\\)") as caught:
        Library(path)
    assert "nothing was changed" in caught.value.hint
    assert digest(path) == before


def test_a_migration_is_recorded_and_the_old_library_kept(path: Path) -> None:
    library = Library(path)
    library.stories.create("T", "P")
    assert [r["name"] for r in library.database.rows("SELECT name FROM migrations")] == list(
        MIGRATIONS
    )
    library.close()
    newer = {
        **MIGRATIONS,
        "0050_sketches": "CREATE TABLE sketches (id INTEGER); CREATE INDEX n ON sketches(id);",
    }
    for _ in range(2):  # the second time there is nothing to do
        database = Database(path, newer)
        assert database.rows("SELECT * FROM sketches") == []
        database.close()
    backup = path.with_name("library.before-0050_sketches.db")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    old = sqlite3.connect(backup)
    assert old.execute("SELECT title FROM stories").fetchall() == [("T",)]
    assert old.execute("SELECT name FROM sqlite_master WHERE name='sketches'").fetchall() == []
    old.close()


def test_what_was_there_before_trials_is_neither_trial_nor_taste(path: Path) -> None:
    until = list(MIGRATIONS).index("0003_trials")
    old = Database(path, dict(list(MIGRATIONS.items())[:until]))
    with old.transaction():
        old.execute("INSERT INTO stories (title, premise, created_at) VALUES ('T', 'P', '')")
        old.execute(
            "INSERT INTO turns (story_id, author, outline, prose, created_at)"
            " VALUES (1, 'writer', '', 'x', '')"
        )
    old.close()
    library = Library(path)
    assert [(one.title, one.kind) for one in library.stories.list()] == [("T", "story")]
    assert [one.trial for one in library.stories.tree(1)] == [False]
    library.close()


def test_adapters_from_before_there_were_roots_began_at_the_bare_model(path: Path) -> None:
    until = list(MIGRATIONS).index("0006_adapter_roots")
    old = Database(path, dict(list(MIGRATIONS.items())[:until]))
    with old.transaction():
        old.execute(
            "INSERT INTO adapters (id, model_id, revision, run_id, path, files, state, evaluation,"
            " created_at) VALUES ('a', 'm', 'r', 'run', 'a', '{}', 'active', '', '')"
        )
    old.close()
    library = Library(path)
    (adapter,) = library.adapters.list()
    assert (adapter.root_id, adapter.is_root) == (None, False)
    library.close()


def test_a_migration_that_fails_changes_nothing(path: Path) -> None:
    Library(path).close()
    broken = {
        **MIGRATIONS,
        "0050_broken": "CREATE TABLE sketches (id INTEGER); CREATE TABLE turns (x);",
    }
    with pytest.raises(LibraryError):
        Database(path, broken)
    library = Library(path)
    assert library.database.rows("SELECT name FROM sqlite_master WHERE name='sketches'") == []
    library.close()


@pytest.mark.parametrize("where", ["head", "page"])
def test_a_damaged_library_is_kept(path: Path, where: str) -> None:
    library = Library(path)
    for number in range(200):
        library.stories.create(f"T{number}", "P" * 200)
    library.close()
    data = bytearray(path.read_bytes())
    if where == "head":
        data[:100] = b"not a library".ljust(100, b"\0")
    else:
        for at in range(4096, len(data), 4096):  # every page but the first
            data[at : at + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(LibraryError, match="damaged") as caught:
        Library(path).stories.list()
    assert "left as it is" not in caught.value.message
    assert "left as it is" in caught.value.hint or "left as it was" in caught.value.hint
    assert path.read_bytes() == bytes(data)


def test_a_folder_that_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryError, match="cannot be used"):
        Library(tmp_path / "file" / "data" / "library.db")


def test_a_folder_in_place_of_the_file_is_one_clear_line(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(LibraryError, match="cannot be written"):
        Library(path)


def test_everything_is_private_under_an_open_umask(path: Path) -> None:
    old = os.umask(0)
    try:
        library = Library(path)
        library.stories.create("T", "P")
    finally:
        os.umask(old)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"library.db": 0o600, "library.db-wal": 0o600, "library.db-shm": 0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    library.close()


def test_a_library_that_was_open_to_others_is_closed_to_them(path: Path) -> None:
    Library(path).close()
    path.chmod(0o666)
    path.parent.chmod(0o755)
    Library(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def without_root() -> None:
    """In the child: the rights of files bind even root (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)."""
    drop = 24  # PR_CAPBSET_DROP
    libc = ctypes.CDLL(None)
    for capability in (1, 2):
        libc.prctl(drop, capability, 0, 0, 0)


@pytest.mark.parametrize("what", ["folder", "file", "parent"])
def test_read_only_is_one_clear_line_and_stays_read_only(path: Path, what: str) -> None:
    library = Library(path)
    library.stories.create("T", "P")
    library.close()
    target, mode = {
        "folder": (path.parent, 0o500),
        "file": (path, 0o400),
        "parent": (path.parent.parent, 0o500),
    }[what]
    if what == "parent":
        shutil.rmtree(path.parent)
    target.chmod(mode)
    try:
        process = subprocess.run(
            [sys.executable, str(WRITER), str(path), "1"],
            capture_output=True,
            text=True,
            preexec_fn=without_root,
        )
        assert stat.S_IMODE(target.stat().st_mode) == mode
    finally:
        target.chmod(0o700)
    last = process.stderr.strip().splitlines()[-1]
    assert process.returncode == 1
    assert last.startswith("talecraft.errors.LibraryError: The ")
    assert "cannot be" in last
    if what != "parent":
        library = Library(path)
        assert [story.title for story in library.stories.list()] == ["T"]
        library.close()
