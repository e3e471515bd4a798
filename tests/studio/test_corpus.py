"""Data is made by a child into a new file, whole or not at all."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import msgspec
import pytest

from talecraft.errors import EngineError, LibraryError, UsageError
from talecraft.paths import home, private_new
from talecraft.process import corpus as process
from talecraft.process.corpus import Chunked, ChunkOrder, Working
from talecraft.process.errand import Unfit
from talecraft.studio import corpus, foreign


def say(*answers: msgspec.Struct, code: int = 0) -> tuple[str, ...]:
    """A child that keeps its order beside its target, writes 'made' there, and says this."""
    lines = [msgspec.json.encode(one).decode() for one in answers]
    program = (
        "import json, sys, pathlib\n"
        "order = json.loads(sys.stdin.read())\n"
        "target = pathlib.Path(order['target'])\n"
        "target.with_name('order.json').write_text(json.dumps(order))\n"
        "target.write_text('made')\n"
        f"print({chr(10).join(lines)!r})\n"
        f"sys.exit({code})"
    )
    return (sys.executable, "-c", program)


DONE = Chunked([], 3, 300, 400, 0, {}, [])


def chunk(tmp_path: Path, **more: object) -> list[Working]:
    heard: list[Working] = []
    given = {"author": " Ada\x1b[2J  Vane ", "model": None, "replace": False} | more
    corpus.chunk([tmp_path], tmp_path / "x.jsonl", 300, hear=heard.append, **given)  # type: ignore[arg-type]
    return heard


def test_the_child_is_told_whole_paths_and_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "COMMAND", say(Working(1, 2, 30), DONE))
    (tmp_path / "tokenizer.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert chunk(Path(".")) == [Working(1, 2, 30)]
    order = msgspec.json.decode((tmp_path / "order.json").read_bytes(), type=ChunkOrder)
    assert (order.sources, order.author, order.tokenizer) == ([str(tmp_path)], "Ada Vane", "")
    assert (tmp_path / "x.jsonl").read_text() == "made"
    chunk(tmp_path, model=tmp_path, replace=True)
    order = msgspec.json.decode((tmp_path / "order.json").read_bytes(), type=ChunkOrder)
    assert order.tokenizer == str(tmp_path / "tokenizer.json")
    chunk(tmp_path, model=home().data, replace=True)  # a model without one
    order = msgspec.json.decode((tmp_path / "order.json").read_bytes(), type=ChunkOrder)
    assert order.tokenizer == ""


@pytest.mark.parametrize(
    ("answers", "code", "kind", "words"),
    [
        ([Unfit("a.txt is no book.", "Try b.")], 0, UsageError, "a.txt is no book. Try b."),
        ([Working(1, 2, 3)], 0, EngineError, "Reading the texts was cut off."),
        ([process.Counted(1, 1, 1, 1)], 0, EngineError, "was cut off"),
        ([DONE], 7, EngineError, "Reading the texts failed"),
    ],
)
def test_what_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[msgspec.Struct], code: int,
    kind: type[Exception], words: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(process, "COMMAND", say(*answers, code=code))
    with pytest.raises(kind) as caught:
        chunk(tmp_path)
    assert words in str(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["order.json"]


def test_a_child_that_wrote_nothing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = msgspec.json.encode(DONE).decode()
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", f"print({done!r})"))
    with pytest.raises(LibraryError, match=r"x\.jsonl could not be written: no such file"):
        chunk(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_stood_there_stays_where_the_new_is_not_finished(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("before")
    with contextlib.suppress(KeyboardInterrupt), private_new(tmp_path / "x") as place:
        place.write_text("half")
        raise KeyboardInterrupt
    assert [one.read_text() for one in tmp_path.iterdir()] == ["before"]


def test_places_that_are_taken_or_are_no_places(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    assert foreign.free(tmp_path / "new") == tmp_path / "new"
    assert foreign.free(tmp_path / "x", replace=True) == tmp_path / "x"
    for path, replace, words in (
        (tmp_path / "x", False, "is already there. Name another file, or add --force"),
        (tmp_path, True, "is already there. Name another place"),
        (tmp_path / "no" / "x", False, "is no folder"),
        (Path("a\0b"), False, "is no name for a file"),
        (tmp_path / ("x" * 300), False, "is no name for a file"),
    ):
        with pytest.raises(UsageError) as caught:
            foreign.free(path, replace)
        assert words in str(caught.value)
