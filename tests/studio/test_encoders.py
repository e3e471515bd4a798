"""Sentence encoders from a hub on the loopback: fetched, found by name, read with, removed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from talecraft.config import entries
from talecraft.errors import BusyError, DoesNotFit, UsageError
from talecraft.learning.encoders import SentenceEncoder
from talecraft.library.runs import TrainingRun
from talecraft.process import locks, run_client, run_events
from talecraft.process.fetch_places import lock_of, partial
from talecraft.process.style import USUAL
from talecraft.story.rewards import RewardName
from talecraft.studio import Studio, encoders, memory
from talecraft.studio.encoders import NONE, Kept
from talecraft.studio.fetch_words import FetchError
from talecraft.studio.recipe import Recipe
from tests.support.encoder import tiny_encoder
from tests.support.hub import COMMIT, Hub, Repository

NAME = "writers/small-minds"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A repository as sentence-transformers saves one, and what else may lie there."""
    place = tiny_encoder(tmp_path_factory.mktemp("encoder") / "tiny")
    files = {
        one.relative_to(place).as_posix(): one.read_bytes()
        for one in place.rglob("*")
        if one.is_file() and one.stat().st_size
    }
    assert {"modules.json", "1_Pooling/config.json", "model.safetensors"} <= files.keys()
    return files | {
        "pytorch_model.bin": b"a pickle", "1_Pooling/pytorch_model.bin": b"a pickle",
        "modeling.py": b"import os", "../evil.json": b"x", "1_Pooling/../../evil.json": b"x",
        "1_../config.json": b"x", "onnx/model.safetensors": b"x", "train/config.json": b"x",
    }  # fmt: skip


@pytest.fixture
def served(hub: Hub, saved: dict[str, bytes]) -> Hub:
    for name in (NAME, USUAL):
        hub.repositories[name] = Repository(dict(saved))
    return hub


def test_one_is_fetched_found_and_read_with(studio: Studio, served: Hub) -> None:
    found = studio.training.encoders
    assert found.all() == []
    done = found.pull(NAME)
    assert done is not None
    assert (done.commit, done.already) == (COMMIT, False)
    place = Path(encoders.find(studio.home, NAME))
    names = {one.relative_to(place).as_posix() for one in place.rglob("*") if one.is_file()}
    assert {"modules.json", "1_Pooling/config.json", "model.safetensors"} < names
    assert not [name for name in names if "bin" in name or "evil" in name or name.endswith(".py")]
    assert names.isdisjoint({"onnx/model.safetensors", "train/config.json", "1_../config.json"})
    for one in (place, *place.rglob("*")):
        assert stat.S_IMODE(one.stat().st_mode) == (0o700 if one.is_dir() else 0o600), one
    assert SentenceEncoder(place).passages(["The fox ran."]).shape == (1, 32)
    assert found.all() == [Kept(NAME, COMMIT, done.size, place)]
    served.asked.clear()
    again = found.pull(NAME)
    assert again is not None
    assert again.already
    assert served.asked == [], "what is here is not asked for again"
    assert found.remove(NAME) >= done.size
    assert (found.all(), place.exists()) == ([], False)


def test_a_cut_connection_is_taken_up_and_what_does_not_belong_is_left_behind(
    studio: Studio, served: Hub, saved: dict[str, bytes]
) -> None:
    served.cuts["model.safetensors"] = [1000] * 9
    with pytest.raises(FetchError):
        studio.training.encoders.pull(NAME)
    (part,) = studio.home.encoders.glob(".*.part")
    (part / "1_Pooling" / "left.json").write_text("{}")
    (part / "left").mkdir()
    (part / "left" / "over.json").write_text("{}")
    served.cuts.clear()
    assert studio.training.encoders.pull(NAME) is not None
    place = Path(encoders.find(studio.home, NAME))
    assert (place / "model.safetensors").read_bytes() == saved["model.safetensors"]
    assert not list(place.rglob("left*"))


def test_what_is_no_encoder_or_does_not_fit_is_refused(
    studio: Studio, served: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = studio.training.encoders
    with pytest.raises(UsageError, match="is no repository"):
        found.pull("../../etc")
    with pytest.raises(UsageError, match="is not here"):
        found.remove(NAME)
    with pytest.raises(UsageError, match="is no repository"):
        found.remove("a" * 300)
    del served.repositories[NAME].files["modules.json"]
    with pytest.raises(UsageError, match=r"it has no modules\.json"):
        found.pull(NAME)
    monkeypatch.setattr(memory, "free_disk_mb", lambda place: 1.0)
    with pytest.raises(DoesNotFit, match="still to come"):
        found.pull(USUAL)
    monkeypatch.setattr(encoders, "_readable", lambda: False)
    with pytest.raises(UsageError, match="needs sentence-transformers"):
        found.pull(NAME)
    assert found.all() == []


def test_the_one_that_all_know_compares_words_as_soon_as_it_is_here(
    studio: Studio, served: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ordered() -> str:
        training = studio.training
        return training.order(studio.model, "one", 1, None, watermark=0).encoder

    assert ordered() == "", "the model's own vectors"
    studio.training.encoders.pull(USUAL)
    assert Path(ordered()).name == "sentence-transformers--all-MiniLM-L6-v2"
    entry = entries.find("training.encoder")
    studio.preferences.put(entry, NONE)
    assert ordered() == ""
    studio.preferences.put(entry, NAME)
    with pytest.raises(UsageError, match=r"small-minds is not there. .*talecraft encoder pull"):
        ordered()
    studio.preferences.put(entry, str(tmp_path))
    assert ordered() == str(tmp_path)
    studio.preferences.put(entry, "")
    monkeypatch.setattr(encoders, "_readable", lambda: False)
    assert ordered() == "", "where it cannot be read it is as if it were not there"


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        (b"{}", "no part of a sentence encoder"),
        (b"[]", "no part of a sentence encoder"),
        (b"[" * 5000, "no part of a sentence encoder"),
        (b'[{"type": "evil.Module", "path": ""}]', "programs of its own"),
        (b'[{"type": "os.system", "path": "../.."}]', "no part of a sentence encoder"),
        (
            b'[{"type": "sentence_transformers.models.Transformer", "path": ""},'
            b' {"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]',
            "a module of it has no weights as safetensors",
        ),
    ],
)
def test_modules_that_could_not_be_used_are_refused_before_the_weights_come(
    studio: Studio, served: Hub, modules: bytes, words: str
) -> None:
    served.repositories[NAME].files["modules.json"] = modules
    with pytest.raises(UsageError, match=words):
        studio.training.encoders.pull(NAME)
    assert not served.bodies("model.safetensors")
    assert studio.training.encoders.all() == []


def test_what_lies_in_its_place_is_not_written_over(studio: Studio, served: Hub) -> None:
    place = studio.home.encoders / "writers--small-minds"
    place.mkdir(parents=True)
    (place / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"not fetched whole.*talecraft encoder rm writers/small"):
        studio.training.encoders.pull(NAME)
    assert served.asked == []
    assert studio.training.encoders.remove(NAME) == 4
    assert studio.training.encoders.pull(NAME) is not None


def test_one_that_is_being_fetched_is_neither_removed_nor_fetched_again(
    studio: Studio, served: Hub
) -> None:
    place = studio.home.encoders / "writers--small-minds"
    partial(place).mkdir(parents=True)
    with os.fdopen(locks.open_lock(lock_of(place)), "rb") as lock:
        assert locks.take(lock.fileno(), ())
        with pytest.raises(BusyError, match="is being fetched"):
            studio.training.encoders.remove(NAME)
        with pytest.raises(BusyError, match="being fetched or removed already"):
            studio.training.encoders.pull(NAME)
    assert studio.training.encoders.pull(NAME) is not None


@pytest.mark.parametrize("reward", ["semantic", "taste"])
def test_one_that_a_run_would_go_on_by_stays(
    studio: Studio, served: Hub, monkeypatch: pytest.MonkeyPatch, reward: RewardName
) -> None:
    found = studio.training.encoders
    assert found.pull(NAME) is not None
    studio.preferences.put(entries.find("training.encoder"), NAME)
    recipe = Recipe(rewards={reward: 1.0})
    order = studio.training.order(studio.model, "one", 1, None, watermark=0, recipe=recipe)
    told = run_events.encode(order).decode()
    run = TrainingRun("one", "ppo", studio.model.id, None, 0, told, 1, "interrupted")
    monkeypatch.setattr(type(studio.library.runs), "list", lambda *_: [run])
    monkeypatch.setattr(run_client, "can_resume", lambda *_: True)
    if reward == "semantic":
        with pytest.raises(BusyError, match="run one was cut off, and would go on by"):
            found.remove(NAME)
        monkeypatch.setattr(run_client, "can_resume", lambda *_: False)
    assert found.remove(NAME) > 0, "what does not ask it goes on without it"
