"""A model from a hub: the real client, in the real child, against a hub on the loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import threading
import time
from pathlib import Path

import msgspec
import pytest

from talecraft.config import fetched
from talecraft.errors import (
    BusyError,
    DoesNotFit,
    EngineError,
    NotAuthorised,
    TalecraftError,
    UsageError,
)
from talecraft.paths import home
from talecraft.process.fetch_messages import Found, Moved
from talecraft.studio import Studio, fetching, memory
from talecraft.studio.fetch_words import FetchError, TokenWanted
from talecraft.studio.fetching import Progress, Pulled
from tests.support.hub import COMMIT, HIDDEN, LATER, STRANGER, TOKEN, Hub, Repository
from tests.support.hub_fixtures import ENTRY, ID, MIB, REPO

WANTED = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


@pytest.fixture
def studio(own_home: Path):
    here = home()
    here.config.mkdir(parents=True)
    here.models_file.write_text(ENTRY)
    with Studio() as studio:
        yield studio


def folder(studio: Studio) -> Path:
    return studio.catalogue.folder(studio.catalogue.get(ID), studio.home)


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir() if path.name != fetched.NAME)


def refused(studio: Studio, kind: type[TalecraftError], code: int, token: str = "") -> str:
    with pytest.raises(kind) as caught:
        studio.fetching.pull(ID, token=token)
    assert type(caught.value) is kind
    assert caught.value.exit_code == code
    assert not studio.catalogue.installed(studio.catalogue.get(ID), studio.home)
    return str(caught.value)


def part(studio: Studio) -> Path:
    place = folder(studio)
    return place.with_name(f".{place.name}.part") / "model.safetensors.part"


class Aside:
    """A pull in a thread of its own."""

    def __init__(self, studio: Studio) -> None:
        self.result: Pulled | TalecraftError | None = None
        self.heard: list[Found | Progress] = []

        def pull() -> None:
            try:
                self.result = studio.fetching.pull(ID, self.heard.append)
            except TalecraftError as error:
                self.result = error

        self._thread = threading.Thread(target=pull)
        self._thread.start()

    def end(self) -> Pulled | TalecraftError | None:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.result


# ---------------------------------------------------------------------- what comes
def test_a_model_is_fetched_whole_and_named_by_its_commit(studio: Studio, hub: Hub) -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"  # asked for by the writer, it goes out all the same
    assert studio.catalogue.get(ID).key == f"{ID}@main"
    heard: list[Found | Progress] = []
    done = studio.fetching.pull(ID, heard.append)
    files = hub.repositories[REPO].files
    assert done == Pulled(COMMIT, sum(len(files[name]) for name in WANTED))
    assert names(folder(studio)) == WANTED
    for name in WANTED:
        assert (folder(studio) / name).read_bytes() == files[name]
    spec = studio.catalogue.get(ID)
    assert spec.key == f"{ID}@{COMMIT}"
    assert studio.catalogue.declared(ID).revision == "main"
    assert studio.catalogue.installed(spec, studio.home)
    assert studio.model_ref(spec).revision == COMMIT
    with Studio() as later:
        assert later.catalogue.get(ID).key == f"{ID}@{COMMIT}"
    found, last = heard[0], heard[-1]
    assert isinstance(found, Found)
    assert (found.commit, found.files, found.size, found.left) == (COMMIT, 4, done.size, done.size)
    assert isinstance(last, Progress)
    assert (last.here, last.size) == (done.size, done.size)


def test_only_what_is_wanted_is_ever_asked_for(studio: Studio, hub: Hub) -> None:
    hub.repositories[REPO].files |= {
        "model-00001-of-00002.safetensors": b"x", "../evil.json": b"x", "/etc/evil.json": b"x",
        "tokenizer.pkl": b"x", "model.safetensors.exe": b"x", "..\\tokenizer.json": b"x",
        "a/../../config.json": b"x", ".ssh": b"x",
    }  # fmt: skip
    assert studio.fetching.pull(ID) is not None
    assert names(folder(studio)) == WANTED
    asked = {one.path.rpartition("/")[2] for one in hub.asked if "/api/" not in one.path}
    assert asked == set(WANTED)
    assert sorted(path.name for path in studio.home.models.iterdir()) == [
        f".{folder(studio).name}.lock", folder(studio).name,
    ]  # fmt: skip
    outside = [p for p in studio.home.cache.parent.rglob("*") if "evil" in p.name]
    assert outside == []


def test_of_weights_in_parts_the_parts_are_taken(studio: Studio, hub: Hub) -> None:
    files = hub.repositories[REPO].files
    files["model.safetensors.index.json"] = b"{}"
    files |= {f"model-0000{n}-of-00002.safetensors": b"part %d" % n for n in (1, 2)}
    assert studio.fetching.pull(ID) is not None
    found = [name for name in names(folder(studio)) if name.endswith(".safetensors")]
    assert found == ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


def test_all_is_private_whatever_the_umask(studio: Studio, hub: Hub) -> None:
    before = os.umask(0)
    try:
        studio.fetching.pull(ID, token=TOKEN)
    finally:
        os.umask(before)
    for path in [studio.home.models, *studio.home.models.rglob("*"), studio.home.logs / "fetch.log",
                 *Path(os.environ["HF_HOME"]).rglob("token*")]:  # fmt: skip
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_what_is_here_is_not_asked_for_again(studio: Studio, hub: Hub) -> None:
    first = studio.fetching.pull(ID)
    assert first is not None
    hub.repositories[REPO].commit = LATER
    hub.asked.clear()
    again = studio.fetching.pull(ID)
    assert again is not None
    assert (again.commit, again.already) == (COMMIT, True)
    assert hub.asked == []


def test_a_revision_of_its_own_has_a_folder_of_its_own(studio: Studio, hub: Hub) -> None:
    main = folder(studio)
    studio.home.models_file.write_text(ENTRY.replace('"main"', f'"{COMMIT}"'))
    studio.catalogue.read_again(studio.home)
    assert folder(studio) != main
    assert studio.fetching.pull(ID) is not None
    assert folder(studio).name == f"writers--small-tales@{COMMIT}"


# ---------------------------------------------------------------------- cut, killed, stopped
def test_a_cut_connection_is_taken_up_where_it_broke(studio: Studio, hub: Hub) -> None:
    hub.cuts["model.safetensors"] = [2 * MIB, MIB]
    assert studio.fetching.pull(ID) is not None
    asked = [one.range for one in hub.bodies("model.safetensors")]
    assert asked[0] == ""
    assert len(asked) == 3
    assert all(int(one[6:-1]) > 0 for one in asked[1:])
    assert (folder(studio) / "model.safetensors").read_bytes() == (
        hub.repositories[REPO].files["model.safetensors"]
    )


def test_a_killed_fetch_goes_on_and_with_the_same_commit(studio: Studio, hub: Hub) -> None:
    hub.stall["model.safetensors"] = 3 * MIB
    aside = Aside(studio)
    assert hub.stalled.wait(30)
    until(lambda: part(studio).exists() and part(studio).stat().st_size >= 2 * MIB)
    client = studio.fetching._client
    assert client is not None
    assert client._child is not None
    os.kill(client._child.pid, signal.SIGKILL)
    assert isinstance(aside.end(), EngineError)
    here = part(studio).stat().st_size
    assert not folder(studio).exists()
    kept = hub.repositories[REPO]
    newer = {**kept.files, "config.json": b"of a later commit", "merges.txt": b"new"}
    hub.repositories[REPO] = Repository(newer, commit=LATER, older=kept)
    hub.asked.clear()
    heard: list[Found | Progress] = []
    done = studio.fetching.pull(ID, heard.append)
    assert done is not None
    assert done.commit == COMMIT
    assert isinstance(heard[0], Found)
    small = sum(len(kept.files[name]) for name in WANTED if name != "model.safetensors")
    assert heard[0].left == heard[0].size - here - small
    assert [one.range for one in hub.bodies("model.safetensors")] == [f"bytes={here}-"]
    assert hub.bodies("config.json") == []  # it was here
    assert (folder(studio) / "model.safetensors").read_bytes() == kept.files["model.safetensors"]
    assert (folder(studio) / "config.json").read_bytes() == kept.files["config.json"]


def test_what_was_begun_of_a_commit_that_is_gone_goes(studio: Studio, hub: Hub) -> None:
    hub.stall["model.safetensors"] = 2 * MIB
    aside = Aside(studio)
    assert hub.stalled.wait(30)
    studio.fetching.stop()
    assert aside.end() is None
    fresh = {**hub.repositories[REPO].files, "model.safetensors": b"another one"}
    hub.repositories[REPO] = Repository(fresh, commit=LATER)
    done = studio.fetching.pull(ID)
    assert done is not None
    assert done.commit == LATER
    assert (folder(studio) / "model.safetensors").read_bytes() == b"another one"


def test_stop_keeps_what_came_and_leaves_no_process(studio: Studio, hub: Hub) -> None:
    hub.stall["model.safetensors"] = 3 * MIB
    aside = Aside(studio)
    assert hub.stalled.wait(30)
    until(lambda: part(studio).exists() and part(studio).stat().st_size >= 2 * MIB)
    assert studio.fetching.going == ID
    with pytest.raises(BusyError):
        studio.fetching.pull(ID)
    with pytest.raises(BusyError):
        studio.fetching.remove(ID)
    client = studio.fetching._client
    assert client is not None
    assert client._child is not None
    studio.fetching.stop()
    assert aside.end() is None
    assert client._child.poll() is not None
    assert studio.fetching.going == ""
    here = part(studio).stat().st_size
    assert here >= 2 * MIB
    hub.asked.clear()
    assert studio.fetching.pull(ID) is not None
    assert hub.bodies("model.safetensors")[0].range == f"bytes={here}-"


def test_the_child_ends_with_its_parent(studio: Studio, hub: Hub) -> None:
    hub.stall["model.safetensors"] = MIB
    aside = Aside(studio)
    assert hub.stalled.wait(30)
    client = studio.fetching._client
    assert client is not None
    child = client._child
    assert child is not None
    assert child.stdin is not None
    child.stdin.close()  # as the system does when the parent is killed
    assert child.wait(10) is not None
    aside.end()


def test_damage_in_what_was_kept_is_found_and_fetched_anew(studio: Studio, hub: Hub) -> None:
    hub.stall["model.safetensors"] = 2 * MIB
    aside = Aside(studio)
    assert hub.stalled.wait(30)
    until(lambda: part(studio).exists() and part(studio).stat().st_size >= MIB)
    studio.fetching.stop()
    aside.end()
    size = part(studio).stat().st_size
    part(studio).write_bytes(b"\0" * size)
    hub.asked.clear()
    assert studio.fetching.pull(ID) is not None
    assert [one.range for one in hub.bodies("model.safetensors")] == [f"bytes={size}-", ""]


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_wrong_checksum_is_never_installed(studio: Studio, hub: Hub, name: str) -> None:
    hub.repositories[REPO].wrong.add(name)
    message = refused(studio, FetchError, 1)
    assert name in message or "is not a hub" not in message
    assert "thrown away" in message
    assert not folder(studio).exists()


def test_more_than_was_announced_does_not_fill_the_disk(studio: Studio, hub: Hub) -> None:
    hub.repositories[REPO].endless = 8 * MIB
    assert "thrown away" in refused(studio, FetchError, 1)
    assert not part(studio).exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda files: files.pop("model.safetensors"), "no weights as safetensors"),
        (lambda files: files.pop("config.json"), "no config.json"),
        (lambda files: [files.pop(n) for n in ("tokenizer.json",)], "no tokenizer"),
    ],
)
def test_a_repository_that_lacks_what_is_needed(studio: Studio, hub: Hub, change, words) -> None:
    change(hub.repositories[REPO].files)
    assert words in refused(studio, UsageError, 2)


def test_without_checksums_nothing_is_fetched(studio: Studio, hub: Hub) -> None:
    files = hub.repositories[REPO].files
    files.pop("model.safetensors")
    hub.repositories[REPO].extra = [{"rfilename": "model.safetensors", "size": 3}]
    assert "no checksum of model.safetensors" in refused(studio, FetchError, 1)
    assert hub.bodies(".json") == []


# ---------------------------------------------------------------------- gates and answers
def test_a_gate_names_its_licence_and_asks_who_is_there(studio: Studio, hub: Hub) -> None:
    hub.repositories[REPO].gated = "manual"
    with pytest.raises(TokenWanted) as caught:
        studio.fetching.pull(ID)
    assert caught.value.exit_code == 5
    assert caught.value.page == f"{hub.url}/{REPO}"
    assert not part(studio).parent.exists()
    assert "(401)" in str(caught.value)
    assert caught.value.page in str(caught.value)
    assert studio.fetching.pull(ID, token=TOKEN) is not None
    kept = Path(os.environ["HF_HOME"]) / "token"
    assert kept.read_text().strip() == TOKEN
    studio.fetching.remove(ID)
    assert studio.fetching.pull(ID) is not None  # not asked for twice


def test_a_licence_that_was_not_accepted(studio: Studio, hub: Hub) -> None:
    hub.repositories[REPO].gated = "auto"
    message = refused(studio, NotAuthorised, 5, token=STRANGER)
    assert "(403)" in message
    assert f"{hub.url}/{REPO}" in message


def test_a_token_that_nobody_knows_is_not_kept(studio: Studio, hub: Hub) -> None:
    hub.repositories[REPO].gated = True
    assert "does not know this token" in refused(studio, TokenWanted, 5, token=HIDDEN)
    assert not (Path(os.environ["HF_HOME"]) / "token").exists()


@pytest.mark.parametrize("token", ["hf_ünïcode", "api_org_x", "two\nlines"])
def test_a_token_that_is_none(studio: Studio, hub: Hub, token: str) -> None:
    assert "token" in refused(studio, TokenWanted, 5, token=token)


def test_a_token_in_the_environment_is_used_and_one_that_is_wrong_told(
    studio: Studio, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories[REPO].gated = True
    monkeypatch.setenv("HF_TOKEN", HIDDEN)
    assert "does not know this token" in refused(studio, TokenWanted, 5)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert studio.fetching.pull(ID) is not None


def test_a_token_goes_to_the_hub_alone_and_is_written_nowhere_of_ours(
    studio: Studio, hub: Hub
) -> None:
    hub.repositories[REPO].gated = True
    studio.fetching.pull(ID, token=TOKEN)
    elsewhere = [one for one in hub.asked if one.path.startswith("/cdn/")]
    assert elsewhere
    assert {(one.token, one.host.partition(":")[0]) for one in elsewhere} == {("", "localhost")}
    for path in studio.home.cache.parent.rglob("*"):
        if path.is_file() and path.name != "model.safetensors":
            assert TOKEN.encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("token", "kind", "code", "words"),
    [("", TokenWanted, 5, "(401)"), (TOKEN, FetchError, 1, "(404)")],
)
def test_a_repository_that_is_not_there(studio: Studio, hub: Hub, token, kind, code, words) -> None:
    hub.repositories.clear()
    message = refused(studio, kind, code, token=token)
    assert words in message
    assert REPO in message


def test_a_revision_that_is_not_there(studio: Studio, hub: Hub) -> None:
    studio.home.models_file.write_text(ENTRY.replace('"main"', '"v9/x"'))
    studio.catalogue.read_again(studio.home)
    assert "no revision 'v9/x' (404)" in refused(studio, FetchError, 1)


def test_offline(studio: Studio, hub: Hub) -> None:
    hub.close()
    message = refused(studio, FetchError, 1)
    assert "offline" in message
    assert "(40" not in message


def test_the_page_of_a_hotel(studio: Studio, hub: Hub) -> None:
    hub.page = True
    assert "is not a hub" in refused(studio, FetchError, 1)


@pytest.mark.parametrize(
    ("status", "words"), [(503, "does not manage"), (403, "(403)"), (418, "418")]
)
def test_other_answers(studio: Studio, hub: Hub, status: int, words: str) -> None:
    hub.status = status
    kind, code = (NotAuthorised, 5) if status == 403 else (FetchError, 1)
    assert words in refused(studio, kind, code)


def test_a_full_disk_is_told_before_the_first_byte(
    studio: Studio, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_disk_mb", lambda place: 203.0)
    message = refused(studio, DoesNotFit, 4)
    assert "5 MB are still to come" in message
    assert "203 MB are free" in message
    assert {one.method for one in hub.asked if "/api/" not in one.path} == {"HEAD"}
    assert not part(studio).parent.exists()
    monkeypatch.setattr(memory, "free_disk_mb", lambda place: 206.0)
    assert studio.fetching.pull(ID) is not None


def test_something_else_in_the_folder_is_not_touched(studio: Studio, hub: Hub) -> None:
    folder(studio).mkdir(parents=True)
    (folder(studio) / "diary.txt").write_text("mine")
    assert "not fetched whole" in refused(studio, UsageError, 2)
    assert hub.asked == []
    assert (folder(studio) / "diary.txt").read_text() == "mine"


# ---------------------------------------------------------------------- how quickly
def test_speed_and_time_are_those_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(fetching.time, "monotonic", lambda: now[0])
    pace = fetching._Pace()

    def after(seconds: float, here: float, checking: str = "") -> Progress:
        now[0] += seconds
        return pace.progress(Moved(int(here), int(4e9), checking))

    first = after(0, 1e9)  # what was here before is no speed
    assert (first.speed, first.seconds_left) == (None, None)
    assert first.words == "1.0 GB of 4.0 GB (25 %)"
    second = after(2, 1.02e9)
    assert second.speed == pytest.approx(10e6)
    assert second.seconds_left == pytest.approx(298)
    assert second.words == "1.0 GB of 4.0 GB (25 %), 10.0 MB/s, about 5 minutes left"
    for _ in range(10):
        last = after(2, pace._seen[-1][1] + 2e6)
    assert last.speed == pytest.approx(1e6)  # the quick seconds are forgotten
    assert last.words.endswith("about 49 minutes left")
    assert after(1, 2e9, "model.safetensors").words.endswith("(50 %), checking model.safetensors")
    assert after(60, 2e9).speed is None
    assert after(1, 1e9).speed is None  # begun anew
    assert Progress(0, 0).words.endswith("(100 %)")


# ---------------------------------------------------------------------- removing
def test_removing_frees_what_it_says(studio: Studio, hub: Hub) -> None:
    studio.fetching.pull(ID)
    whole = sum(path.stat().st_size for path in folder(studio).iterdir())
    assert studio.fetching.removable(ID) == whole
    assert studio.fetching.remove(ID) == whole
    assert not folder(studio).exists()
    assert studio.catalogue.get(ID).key == f"{ID}@main"
    with pytest.raises(UsageError, match="is not here"):
        studio.fetching.remove(ID)


def test_removing_takes_what_came_of_a_stopped_fetch(studio: Studio, hub: Hub) -> None:
    hub.cuts["model.safetensors"] = [2 * MIB] * 40
    hub.stall["model.safetensors"] = 0
    aside = Aside(studio)
    until(lambda: part(studio).exists() and part(studio).stat().st_size >= MIB)
    studio.fetching.stop()
    aside.end()
    assert studio.fetching.remove(ID) >= MIB
    assert not part(studio).parent.exists()


def test_what_is_in_use_or_not_of_a_hub_is_not_removed(
    studio: Studio, hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    studio.fetching.pull(ID)
    studio.model = studio.catalogue.get(ID)
    with pytest.raises(UsageError, match="the one that writes"):
        studio.fetching.remove(ID)
    studio.model = studio.catalogue.default
    monkeypatch.setattr(studio.fetching, "_learns", lambda: ID)
    with pytest.raises(BusyError, match="training run"):
        studio.fetching.remove(ID)
    with pytest.raises(UsageError, match="comes with Talecraft"):
        studio.fetching.remove("llama-ember")
    mine = tmp_path / "mine"
    mine.mkdir()
    studio.home.models_file.write_text(
        ENTRY.replace('"hub"', '"local"').replace(REPO, str(mine)).replace(ID, "mine")
    )
    studio.catalogue.read_again(studio.home)
    for use in (studio.fetching.remove, studio.fetching.pull):
        with pytest.raises(UsageError, match="folder of yours"):
            use("mine")
    assert mine.is_dir()


def test_two_programs_do_not_work_on_one_model(studio: Studio, hub: Hub) -> None:
    hub.stall["model.safetensors"] = MIB
    aside = Aside(studio)
    assert hub.stalled.wait(30)
    with Studio() as other:
        with pytest.raises(BusyError, match="already"):
            other.fetching.pull(ID)
        with pytest.raises(BusyError, match="being fetched"):
            other.fetching.remove(ID)
    studio.fetching.stop()
    aside.end()


def test_a_record_that_is_none_is_not_believed(studio: Studio, hub: Hub) -> None:
    studio.fetching.pull(ID)
    record = fetched.read(folder(studio))
    assert record is not None
    assert record.repository == REPO
    for commit in ("../../x", "main", "A" * 40):
        text = msgspec.json.encode(msgspec.structs.replace(record, commit=commit))
        (folder(studio) / fetched.NAME).write_bytes(text)
        studio.catalogue.read_again(studio.home)
        assert studio.catalogue.get(ID).revision == "main"


def until(condition, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(FileNotFoundError):
            if condition():
                return
        assert time.monotonic() < end, "never came true"
        time.sleep(0.02)


def test_what_is_moved_while_it_is_counted_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download that ends renames its folder."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"12345")
    lstat = os.lstat

    def gone(path: str) -> os.stat_result:
        if str(path).endswith("a"):
            raise FileNotFoundError(path)
        return lstat(path)

    monkeypatch.setattr(os, "lstat", gone)
    assert fetching.size_of(tmp_path) == 5
    assert fetching.size_of(tmp_path / "nowhere") == 0
