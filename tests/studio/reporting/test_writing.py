"""Writing a report: where it lies, whose it is, who can read it, and what it never overwrites."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from talecraft.errors import LibraryError, UsageError
from talecraft.library import Library
from talecraft.library.adapters import Adapter
from talecraft.library.runs import TrainingRun
from talecraft.paths import Home, home, private_folder
from talecraft.process import run_events
from talecraft.process.run_events import RunEvent
from talecraft.studio.reporting.writing import PAGE, Report, find, newest, write
from tests.support import paper

NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)


@pytest.fixture
def at() -> Home:
    return home()


@pytest.fixture
def library(at: Home) -> Iterator[Library]:
    library = Library(at.library)
    yield library
    library.close()


def keep(library: Library, at: Home, run: TrainingRun, events: list[RunEvent]) -> TrainingRun:
    """Put a run into the library, and what it told beside it."""
    library.runs.add(run)
    folder = private_folder(at.runs / run.id)
    (folder / "events.jsonl").write_bytes(b"".join(run_events.encode(e) + b"\n" for e in events))
    return run


def report(
    library: Library, at: Home, run_id: str = paper.RUN, folder: Path | None = None
) -> Report:
    return write(at, find(library, at, run_id), folder, NOW)


def test_a_page_and_its_pictures_for_this_user_alone(library: Library, at: Home) -> None:
    keep(library, at, paper.run(), paper.ppo_events(paper.outcome()))
    made = report(library, at)
    assert made.page == at.exports / f"report-{paper.RUN}" / PAGE
    assert (made.run, made.steps, made.turns) == (paper.RUN, 2, 4)
    assert [one.name for one in made.pictures][:3] == ["reward.png", "parts.png", "distance.png"]
    assert {one.name for one in made.page.parent.iterdir()} == {
        PAGE, *(one.name for one in made.pictures),
    }  # fmt: skip
    assert stat.S_IMODE(made.page.parent.stat().st_mode) == 0o700
    for file in (made.page, *made.pictures):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for picture in made.pictures:
        assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_the_page_shows_the_pictures_that_lie_beside_it(library: Library, at: Home) -> None:
    keep(library, at, paper.run(), paper.ppo_events())
    made = report(library, at)
    text = made.page.read_text()
    for picture in made.pictures:
        assert base64.b64encode(picture.read_bytes()).decode() in text
        with Image.open(picture) as image:
            assert image.convert("RGB").getpixel((1, 1)) == (255, 255, 255), "for paper"


def test_other_runs_have_other_pictures(library: Library, at: Home) -> None:
    keep(library, at, paper.run(), paper.ppo_events())
    keep(library, at, paper.run(id="other"), [paper.step(1, 0.1), paper.step(2, -3.0)])
    one, other = report(library, at), report(library, at, "other")
    for name in ("reward.png", "parts.png"):
        assert (one.page.parent / name).read_bytes() != (other.page.parent / name).read_bytes()
    same = (one.page.parent / "distance.png", other.page.parent / "distance.png")
    assert same[0].read_bytes() == same[1].read_bytes()


def test_an_earlier_report_of_the_same_run_is_written_anew(library: Library, at: Home) -> None:
    events = paper.ppo_events()
    keep(library, at, paper.run("running"), events)
    before = report(library, at).page.read_text()
    keep_on = [*events, paper.step(3, 2.5)]
    (at.runs / paper.RUN / "events.jsonl").write_bytes(
        b"".join(run_events.encode(event) + b"\n" for event in keep_on)
    )
    after = report(library, at).page.read_text()
    assert "2 of 4 updates" in before
    assert "3 of 4 updates" in after


def test_a_folder_of_ones_own_is_made(library: Library, at: Home, tmp_path: Path) -> None:
    keep(library, at, paper.run(), paper.ppo_events())
    folder = tmp_path / "deep" / "report"
    assert report(library, at, folder=folder).page == folder / PAGE
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    report(library, at, folder=empty)
    assert stat.S_IMODE(empty.stat().st_mode) == 0o700


@pytest.mark.parametrize("there", ["file", "photos", "other run", "another page", "page is folder"])
def test_nothing_else_is_overwritten(
    library: Library, at: Home, tmp_path: Path, there: str
) -> None:
    keep(library, at, paper.run(), paper.ppo_events())
    target = tmp_path / "there"
    match there:
        case "file":
            target.write_text("mine")
        case "photos":
            target.mkdir()
            (target / "reward.png").write_text("mine")
        case "other run":
            keep(library, at, paper.run(id=f"{paper.RUN}0"), [paper.step(1)])
            report(library, at, f"{paper.RUN}0", target)
        case "another page":
            target.mkdir()
            (target / PAGE).write_text(f"<html><p>Of {paper.RUN}, mine</p></html>")
        case "page is folder":
            (target / PAGE).mkdir(parents=True)
    before = _contents(target)
    with pytest.raises(UsageError, match=r"is there, and is no earlier report of run") as caught:
        report(library, at, folder=target)
    assert caught.value.exit_code == 2
    assert _contents(target) == before


def _contents(place: Path) -> list[tuple[str, int, bytes]]:
    return [
        (str(one), stat.S_IMODE(one.stat().st_mode), one.read_bytes() if one.is_file() else b"")
        for one in (place, *sorted(place.rglob("*")))
    ]


def test_a_page_that_mentions_the_mark_in_its_text_is_no_report(
    library: Library, at: Home, tmp_path: Path
) -> None:
    """A story may say anything: as text the mark is escaped."""
    keep(library, at, paper.run(), paper.ppo_events())
    events = [paper.taste(f'<meta name="talecraft-run" content="{paper.RUN}">'), paper.step(1)]
    keep(library, at, paper.run(id="other"), events)
    report(library, at, "other", tmp_path / "x")
    with pytest.raises(UsageError, match="no earlier report"):
        report(library, at, folder=tmp_path / "x")


def test_the_newest_run_that_told_a_step(library: Library, at: Home) -> None:
    keep(library, at, paper.run(id="older"), [paper.step(1)])
    keep(library, at, paper.run(id="old"), [paper.step(1)])
    keep(library, at, paper.run("refused", id="refused"), [paper.taste()])
    library.runs.add(paper.run(id="without a word"))
    assert newest(library, at).run.id == "old"
    assert newest(library, at, [library.runs.get("refused"), library.runs.get("older")]).run.id == (
        "older"
    )
    with pytest.raises(UsageError, match="No training run has told a step yet"):
        newest(library, at, [library.runs.get("refused")])


def test_unknown_runs_and_runs_without_a_step_are_refused(library: Library, at: Home) -> None:
    with pytest.raises(UsageError, match="There is no run 'nope'"):
        find(library, at, "nope")
    keep(library, at, paper.run("refused"), [paper.taste()])
    with pytest.raises(UsageError, match="told no step") as caught:
        find(library, at, paper.RUN)
    assert caught.value.exit_code == 2


def test_what_became_of_its_adapter_is_known(library: Library, at: Home) -> None:
    keep(library, at, paper.run(), paper.ppo_events(paper.outcome()))
    library.adapters.add(
        Adapter(
            "feedfacecafe0123", "llama-ember", "3", None, paper.RUN, "feedfacecafe0123", {},
            "rejected", "{}",
        )
    )  # fmt: skip
    library.runs.end(paper.RUN, "rejected", adapter="feedfacecafe0123")
    made = find(library, at, paper.RUN).adapter
    assert made is not None
    assert made.state == "rejected"


def test_a_place_that_cannot_be_written_is_said(
    library: Library, at: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(library, at, paper.run(), paper.ppo_events())
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryError):
        report(library, at, folder=tmp_path / "file" / "below")
