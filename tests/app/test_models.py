"""The models' screen: fetching with a key, how far it is, stopping, gates, removing."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList, Static

from talecraft.app.run_watch import verdict
from talecraft.app.screens.dialogs import AskName, Confirm
from talecraft.app.screens.models import ModelsScreen
from talecraft.app.widgets.keyline import KeyLine
from talecraft.paths import Home
from talecraft.studio import Studio, memory
from tests.app.conftest import (
    finished,
    notices,
    options,
    outcome,
    page_of,
    past_run,
    seen,
    static,
    typed,
    until,
)
from tests.support.hub import COMMIT, HIDDEN, STRANGER, TOKEN, Hub
from tests.support.hub_fixtures import ENTRY, ID, MIB, REPO
from tests.support.models import SECOND, bundled_ref

FOLDER = "writers--small-tales"


@pytest.fixture(autouse=True)
def _entry(place: Home) -> None:
    place.config.mkdir(parents=True, exist_ok=True)
    place.models_file.write_text(ENTRY)


@contextlib.asynccontextmanager
async def models(running):
    """The models' screen, the small model chosen."""
    async with running((100, 30)) as (app, pilot):
        await pilot.press("f2", "end")
        await until(pilot, lambda: "fetches it from its hub" in static(pilot, "#model-files"))
        yield app, pilot


def footer(pilot) -> str:
    return str(pilot.app.screen.query_one(KeyLine).render())


def line(pilot) -> Static:
    return pilot.app.screen.query_one("#model-fetch", Static)


def part(place: Home) -> Path:
    return place.models / f".{FOLDER}.part" / "model.safetensors.part"


def last(pilot) -> str:
    return options(pilot, "#models")[-1]


async def test_a_key_fetches_and_the_line_tells_how_far(running, hub: Hub, place: Home) -> None:
    hub.stall["model.safetensors"] = 3 * MIB
    async with models(running) as (app, pilot):
        assert not line(pilot).display
        assert "f Fetch" in footer(pilot)
        assert "Remove" not in footer(pilot)
        await pilot.press("f")
        await until(pilot, lambda: "of 5 MB" in static(pilot, "#model-fetch"))
        await until(pilot, lambda: "3 MB of 5 MB (60 %)" in static(pilot, "#model-fetch"))
        assert "being fetched" in last(pilot)
        assert "fetching small 60 %" in str(app.screen.query_one("StatusLine").render())
        assert "esc Stop fetching" in footer(pilot)
        assert "Fetch," not in footer(pilot)
        assert "esc Back" not in footer(pilot)
        # The page writes meanwhile, and the fetch goes on under another screen.
        story = app.studio.writing.new_story("A fox.")
        await page_of(app, pilot, story.id)
        await pilot.press("enter")
        await finished(app, pilot)
        assert app.fetching == ID
        hub.go_on.set()
        await until(pilot, lambda: "Small Tales is here" in notices(pilot))
        assert app.fetching == ""
        assert app.studio.catalogue.get(ID).key == f"{ID}@{COMMIT}"
        await pilot.press("f2", "end")
        await until(pilot, lambda: "○ installed" in last(pilot))
        assert not line(pilot).display
        assert "Its files are in" in static(pilot, "#model-files")
        await pilot.press("f")
        await pilot.pause()
        assert app.fetching == ""


async def test_escape_stops_keeps_what_came_and_f_goes_on(running, hub: Hub, place: Home) -> None:
    hub.stall["model.safetensors"] = 3 * MIB
    async with models(running) as (app, pilot):
        await pilot.press("f")
        await until(pilot, lambda: part(place).exists() and part(place).stat().st_size >= 2 * MIB)
        await pilot.press("escape")
        await until(pilot, lambda: "is kept" in notices(pilot))
        assert isinstance(app.screen, ModelsScreen)
        assert "came; f goes on" in static(pilot, "#model-files")
        assert "d Remove" in footer(pilot)
        here = part(place).stat().st_size
        hub.asked.clear()
        await pilot.press("f")
        await until(pilot, lambda: "is here" in notices(pilot))
        assert hub.bodies("model.safetensors")[0].range == f"bytes={here}-"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ModelsScreen))


async def test_a_gate_asks_for_a_token_once_and_shows_none(running, hub: Hub) -> None:
    hub.repositories[REPO].gated = "manual"
    async with models(running) as (app, pilot):
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, AskName))
        words = " ".join(str(one.visual) for one in app.screen.query("Label"))
        assert f"{hub.url}/{REPO}" in words
        field = app.screen.query_one(Input)
        assert field.password
        await typed(pilot, STRANGER)
        await pilot.press("enter")
        await until(pilot, lambda: "(403)" in notices(pilot))
        assert isinstance(app.screen, ModelsScreen)
        assert STRANGER not in notices(pilot)
        app.clear_notifications()
        (Path(os.environ["HF_HOME"]) / "token").unlink()
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, AskName))
        await typed(pilot, TOKEN)
        await pilot.press("enter")
        await until(pilot, lambda: "is here" in notices(pilot))


async def test_a_wrong_token_is_told_and_not_asked_for_again_and_again(running, hub: Hub) -> None:
    hub.repositories[REPO].gated = True
    async with models(running) as (app, pilot):
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, AskName))
        await typed(pilot, HIDDEN)
        await pilot.press("enter")
        await until(pilot, lambda: "does not know this token" in notices(pilot))
        assert isinstance(app.screen, ModelsScreen)
        await pilot.press("f")  # asked for, it is asked again
        await until(pilot, lambda: isinstance(app.screen, AskName))


async def test_no_token_leaves_it(running, hub: Hub) -> None:
    hub.repositories[REPO].gated = True
    async with models(running) as (app, pilot):
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, AskName))
        asked = len(hub.asked)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen))
        assert app.fetching == ""
        assert len(hub.asked) == asked


async def test_what_goes_wrong_is_told_and_can_be_asked_again(
    running, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with models(running) as (app, pilot):
        monkeypatch.setattr(memory, "free_disk_mb", lambda place: 100.0)
        await pilot.press("f")
        await until(pilot, lambda: "are still to come" in notices(pilot))
        monkeypatch.setattr(memory, "free_disk_mb", lambda place: None)
        hub.close()
        await pilot.press("f")
        await until(pilot, lambda: "offline" in notices(pilot))
        assert app.fetching == ""
        assert "not installed" in last(pilot)


async def test_removing_asks_first_and_says_what_it_frees(running, hub: Hub, place: Home) -> None:
    async with models(running) as (app, pilot):
        await pilot.press("f")
        await until(pilot, lambda: "is here" in notices(pilot))
        app.clear_notifications()
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen))
        assert (place.models / FOLDER).exists()
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert "5 MB" in " ".join(str(one.visual) for one in app.screen.query("Label"))
        await pilot.press("y")
        await until(pilot, lambda: "5 MB are free again" in notices(pilot))
        assert not (place.models / FOLDER).exists()
        assert "not installed" in last(pilot)


async def test_the_one_that_writes_and_the_bundled_one_are_not_removed(running, hub: Hub) -> None:
    async with models(running) as (app, pilot):
        await pilot.press("f")
        await until(pilot, lambda: "is here" in notices(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "● in use" in last(pilot))
        assert app.studio.model.key == f"{ID}@{COMMIT}"
        await pilot.pause()
        for key in ("end", "home"):
            await pilot.press(key, "d")
            await pilot.pause()
            assert isinstance(app.screen, ModelsScreen)
            assert "Remove" not in footer(pilot)


async def test_the_palette_has_it(running, hub: Hub) -> None:
    from talecraft.app.commands import Commands

    async with models(running) as (app, pilot):
        provider = Commands(app.screen)
        words = [hit.text async for hit in provider.discover()]
        assert any(one and one.startswith("Fetch the model") for one in words)
        assert app.screen.query_one(OptionList).has_focus
        await pilot.pause()


async def test_leaving_the_program_ends_the_fetch(running, hub: Hub, place: Home) -> None:
    hub.stall["model.safetensors"] = 2 * MIB
    async with models(running) as (app, pilot):
        await pilot.press("f")
        await until(pilot, lambda: hub.stalled.is_set())
        client = app.studio.fetching._client
        assert client is not None
        assert client._child is not None
        await pilot.press("ctrl+q")
    app.studio.close()
    assert client._child.wait(10) is not None


async def test_of_another_machine_nothing_is_said_to_fit_or_to_be_installed(
    running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running((100, 30)) as (app, pilot):
        monkeypatch.setattr(memory, "free_mb", lambda: 1.0)
        await pilot.press("f2")
        await until(pilot, lambda: "does not fit" in static(pilot, "#model-memory"))
        await pilot.press("escape")
        app.studio.elsewhere = True
        await pilot.press("f2")
        await until(pilot, lambda: "To write" in static(pilot, "#model-memory"))
        assert "does not fit" not in static(pilot, "#model-memory")
        listed = options(pilot, "ModelList")
        assert "in use, where the engine is" in listed[0]
        assert any("not installed here" in one for one in listed)


@pytest.fixture
def second(place: Home) -> str:
    """Another model that is installed: the bundled one's files under another name."""
    folder = bundled_ref().folder
    entry = SECOND.format(folder=folder)
    place.models_file.write_text(f"{ENTRY}\n{entry}")
    return "second"


async def test_the_chosen_model_writes_the_next_time_too(running, place: Home, second: str) -> None:
    async with running((100, 40)) as (app, pilot):
        await pilot.press("f2", "end", "enter")
        await until(pilot, lambda: "Second writes from the next passage on" in notices(pilot))
        assert app.studio.model.id == second
        assert app.studio.settings.writing.model == second
        assert "in use" in last(pilot)
        await pilot.press("home", "enter")
        await until(pilot, lambda: app.studio.model.id == "llama-ember")
        assert app.studio.settings.writing.model == "", "the default stands in no file"
        await pilot.press("end", "enter")
        await until(pilot, lambda: app.studio.model.id == second)
    with Studio(at=place) as again:
        assert again.model.id == second


async def test_a_run_of_another_model_is_told_too(running, studio, second: str) -> None:
    past_run(studio, outcome("adopted", "It writes as you like it."))
    async with running((120, 40)) as (app, pilot):
        await pilot.press("f2", "end", "enter")
        await until(pilot, lambda: app.studio.model.id == second)
        await pilot.press("escape", "f3")
        await until(pilot, lambda: "It writes as you like it." in seen(pilot))
        assert "It was a run of llama-ember; F2 chooses that model." in seen(pilot)
        run = app.studio.library.runs.list()[0]
        assert "when its model does" in verdict(run, second)[0]
        assert "from now on" in verdict(run, run.model_id)[0]
        app.studio.guide.show(True)
        found = app.studio.guide.look()
        assert found is not None
        assert found.step == "another"


async def test_one_in_a_folder_of_ones_own_leaves_the_list(running, place: Home, second: str):
    async with running((100, 40)) as (app, pilot):
        await pilot.press("f2", "end")
        await until(pilot, lambda: "d Remove" in footer(pilot))
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: "Its files stay in" in notices(pilot))
        assert second not in place.models_file.read_text()
        await until(pilot, lambda: "Second" not in "".join(options(pilot, "#models")))


async def test_where_the_choice_cannot_be_kept_it_holds_for_the_session(running, second: str):
    async with running((100, 40)) as (app, pilot):
        app.studio.home.settings_file.mkdir()
        await pilot.press("f2", "end", "enter")
        await until(pilot, lambda: "until Talecraft is closed" in notices(pilot))
        assert app.studio.model.id == second
