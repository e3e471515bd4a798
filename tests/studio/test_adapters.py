"""Which adapter writes: taken into use, for once, and the way back."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from talecraft.errors import AdapterError, BusyError, UsageError
from talecraft.library.adapters import Adapter
from talecraft.process import adapter_files, run_client
from talecraft.process.messages import Loaded
from talecraft.story.turns import Turn
from talecraft.studio import Studio
from talecraft.studio.waiting import follow
from tests.studio.conftest import run
from tests.support import tiny
from tests.support.tiny import Heard


def test_use_and_roll_back(
    studio: Studio, heard: Heard, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="nothing to roll back"):
        studio.roll_back()
    first = run(studio, "adopted", monkeypatch, seed=1).adapter_id
    second = run(studio, "adopted", monkeypatch, seed=2).adapter_id
    assert first != second
    assert first is not None

    def active() -> str | None:
        found = studio.library.adapters.active(studio.model.id)
        return found.id if found else None

    assert active() == second
    back = studio.roll_back()
    assert back is not None
    assert back.id == active() == first
    assert studio.roll_back() is None
    assert active() is None
    used = studio.use_adapter(first[:6])
    assert used is not None
    assert active() == first
    studio.use_adapter(None)
    assert active() is None


def test_a_damaged_adapter_is_not_taken_into_use(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(studio, "adopted", monkeypatch, seed=1).adapter_id
    second = run(studio, "adopted", monkeypatch, seed=2).adapter_id
    assert first is not None
    os.truncate(studio.home.adapters / first / "adapter_model.safetensors", 9)
    with pytest.raises(AdapterError, match="damaged"):
        studio.use_adapter(first)
    with pytest.raises(AdapterError, match="damaged"):
        studio.start_engine(first)
    active = studio.library.adapters.active(studio.model.id)
    assert active is not None
    assert active.id == second


def test_an_adapter_of_other_weights_is_refused(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(studio, "adopted", monkeypatch).adapter_id
    assert made is not None
    kept = studio.library.adapters.get(made)
    stranger = msgspec.structs.replace(kept, id="other", revision="older")
    assert isinstance(stranger, Adapter)
    studio.library.adapters.add(msgspec.structs.replace(stranger, state="candidate"))
    with pytest.raises(AdapterError, match=r"made for llama-ember@older"):
        studio.use_adapter("other")


def test_an_adapter_for_once_does_not_become_the_active_one(
    studio: Studio, heard: Heard, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(studio, "rejected", monkeypatch).adapter_id
    assert made is not None
    assert studio.start_engine(made) is not None
    heard.wait(Loaded, lambda event: event.adapter_id == made)
    assert studio.library.adapters.active(studio.model.id) is None
    assert studio.start_engine(None) is None
    with pytest.raises(UsageError, match="is no adapter here"):
        studio.start_engine("zz")


# ---------------------------------------------------------------------------- the history
@pytest.fixture
def history(studio: Studio) -> dict[str, str]:
    """a and its heirs: b rejected, c with d after it, then e after a; each with files. e writes."""
    made: dict[str, str] = {}
    for name, parent, state in (
        ("a", None, "candidate"), ("b", "a", "rejected"), ("c", "a", "candidate"),
        ("d", "c", "candidate"), ("e", "a", "candidate"), ("f", "e", "rejected"),
    ):  # fmt: skip
        folder = studio.home.adapters / name
        folder.mkdir(parents=True)
        for file in adapter_files.FILES:
            (folder / file).write_text(name)
        files = adapter_files.checksums(folder)
        made[name] = adapter_files.content_id(files)
        folder.rename(studio.home.adapters / made[name])
        studio.library.adapters.add(
            Adapter(
                made[name], studio.model.id, studio.model.revision,
                made[parent] if parent else None, "run", made[name], files,
                state, "",  # type: ignore[arg-type]
            )
        )  # fmt: skip
        if state != "rejected":
            studio.library.adapters.activate(studio.model.id, made[name])
    return made


def drawn(studio: Studio, made: dict[str, str]) -> list[str]:
    names = {value: key for key, value in made.items()}
    return [
        f"{one.rails}{names[one.adapter.id]}{one.depth}"
        for one in studio.adapters.tree(studio.model.id)
    ]


def test_the_tree_keeps_to_its_column_and_branches_before_it_goes_on(
    studio: Studio, history: dict[str, str]
) -> None:
    assert drawn(studio, history) == ["a0", "├─b1", "├─c1", "│ d2", "e1", "└─f2"]
    studio.use_adapter(history["c"])
    assert drawn(studio, history)[2:] == ["├─c1", "│ d2", "e1", "└─f2"], "its shape stays"
    studio.adapters.delete(history["d"])
    assert drawn(studio, history) == ["a0", "├─b1", "├─c1", "e1", "└─f2"]
    studio.use_adapter(None)
    for name in ("f", "e", "a"):
        studio.adapters.delete(history[name])
    assert drawn(studio, history) == ["a0", "├─b1", "c1"], "a deleted one stays for its heirs"


def test_a_long_history_is_drawn(studio: Studio) -> None:
    parent = None
    for number in range(1200):
        name = f"{number:05}"
        studio.library.adapters.add(
            Adapter(name, studio.model.id, "r", parent, "run", name, {}, "candidate", "")
        )
        parent = name
    tree = studio.adapters.tree(studio.model.id)
    assert [one.depth for one in tree] == list(range(1200))
    assert {one.rails for one in tree} == {""}


def test_roll_back_passes_over_the_deleted(studio: Studio, history: dict[str, str]) -> None:
    studio.use_adapter(history["d"])
    studio.adapters.delete(history["c"])
    active = studio.library.adapters.active(studio.model.id)
    assert active is not None
    before = studio.adapters.before(active)
    back = studio.roll_back()
    assert back is not None
    assert before is not None
    assert back.id == before.id == history["a"]
    studio.use_adapter(history["e"])
    studio.adapters.delete(history["a"])
    assert studio.roll_back() is None
    assert studio.library.adapters.active(studio.model.id) is None


def test_names_are_used_like_ids(studio: Studio, history: dict[str, str]) -> None:
    named = studio.adapters.name(history["c"], "  Dark\x1b[2J  turn ")
    assert named.label == "Dark turn"
    used = studio.use_adapter("dark turn")
    assert used is not None
    assert used.id == history["c"]
    assert studio.adapters.name("Dark turn", "").label == history["c"][:8]
    studio.adapters.name(history["c"], "harbour")
    for wrong, words in {
        "Harbour": "already", "none": "meaning", "x" * 41: "at most 40",
        history["d"][:5]: "id begins",
    }.items():  # fmt: skip
        with pytest.raises(UsageError, match=words):
            studio.adapters.name(history["a"], wrong)
    assert studio.adapters.note("harbour", "a\nb").note == "a b"
    with pytest.raises(UsageError, match="at most 300"):
        studio.adapters.note("harbour", "x" * 301)
    with pytest.raises(UsageError, match="is no adapter here"):
        studio.adapters.note("nobody", "x")


def test_a_deleted_adapter_is_gone_from_the_disk_and_not_from_the_record(
    studio: Studio, history: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match="one that writes"):
        studio.adapters.delete(history["e"])
    assert (studio.home.adapters / history["e"]).exists()
    studio.adapters.name(history["c"], "dark turn")
    studio.adapters.delete("dark turn")
    assert not (studio.home.adapters / history["c"]).exists()
    assert studio.library.adapters.get(history["c"]).deleted_at
    for call in (
        lambda: studio.use_adapter(history["c"]),
        lambda: studio.start_engine(history["c"]),
        lambda: studio.adapters.delete(history["c"]),
        lambda: studio.adapters.name(history["c"], "again"),
    ):
        with pytest.raises(UsageError, match="dark turn was deleted on"):
            call()


def test_a_crash_while_deleting_leaves_all_or_an_orphan_that_is_swept(
    studio: Studio, history: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Crash(BaseException):
        pass

    def crash(folder: Path) -> None:
        (folder / adapter_files.FILES[0]).unlink()
        raise Crash

    folder = studio.home.adapters / history["c"]
    with monkeypatch.context() as patched:
        patched.setattr("talecraft.studio.adapters.shutil.rmtree", crash)
        with pytest.raises(Crash):
            studio.adapters.delete(history["c"])
    assert folder.exists()
    assert studio.library.adapters.get(history["c"]).deleted_at
    unknown = studio.home.adapters / "unknown"
    unknown.mkdir()
    with Studio(engine_command=tiny.ENGINE):
        assert not folder.exists()
    assert unknown.exists(), "it may be an adapter about to be taken in"
    for name in ("a", "b", "d", "e", "f"):
        reference = studio.adapter_ref(studio.library.adapters.get(history[name]))
        assert reference is not None
        adapter_files.verify(reference)


def test_what_a_run_is_compared_with_is_not_deleted(
    studio: Studio, scored: list[Turn], history: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_RUN", "wait")
    going = studio.training.start(studio.model, 1, updates=1)
    studio.use_adapter(history["c"])
    with pytest.raises(BusyError, match="compared with adapter"):
        studio.adapters.delete(history["e"])
    studio.adapters.delete(history["b"])
    tiny.until((studio.home.runs / going.id / run_client.CHECKPOINT).exists)
    studio.training.stop()
    list(follow(studio.training, going.id))
    studio.training.settle()
    assert studio.training.resumable(studio.model) is not None
    studio.adapters.delete(history["e"])
    assert studio.training.resumable(studio.model) is None, "it could not be judged any more"


def test_the_same_adapter_learned_again_replaces_no_file_and_comes_back(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(studio, "adopted", monkeypatch, seed=1).adapter_id
    assert made is not None
    weights = studio.home.adapters / made / "adapter_model.safetensors"
    before = weights.stat().st_ino
    assert run(studio, "adopted", monkeypatch, seed=1).adapter_id == made
    assert weights.stat().st_ino == before, "what writes was never away"
    studio.use_adapter(None)
    studio.adapters.delete(made)
    assert run(studio, "adopted", monkeypatch, seed=1).adapter_id == made
    active = studio.library.adapters.active(studio.model.id)
    assert active is not None
    assert (active.id, active.deleted_at) == (made, None)
    assert weights.exists()


def test_where_an_adapter_comes_from(
    studio: Studio, scored: list[Turn], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(studio, "adopted", monkeypatch, seed=1)
    second = run(studio, "rejected", monkeypatch, seed=2)
    assert first.adapter_id is not None
    assert second.adapter_id is not None
    origin = studio.adapters.origin(studio.library.adapters.get(second.adapter_id))
    assert origin.parent is not None
    assert origin.run is not None
    assert origin.outcome is not None
    assert (origin.parent.id, origin.run.id) == (first.adapter_id, second.id)
    assert [check.name for check in origin.outcome.checks] == ["win rate"]
    assert (origin.taste, origin.passages) == (None, 0)
