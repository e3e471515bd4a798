"""What the app's tests share: a home, an app on the scripted engine, runs written by hand."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from textual import events
from textual.css.stylesheet import Stylesheet
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widgets import OptionList, Static
from textual.widgets._toast import Toast

from talecraft.app import keymap, marks
from talecraft.app.app import TalecraftApp
from talecraft.app.screens.writing import WritingScreen
from talecraft.library import Library
from talecraft.library.runs import TrainingRun
from talecraft.paths import Home, private_folder, private_write
from talecraft.process import look, machine, run_events, survey
from talecraft.process.run_events import (
    Check,
    Outcome,
    Phrase,
    RunEvent,
    RunPhase,
    Sample,
    Step,
    TasteLearned,
)
from talecraft.process.run_requests import Request
from talecraft.story.turns import Generation, Sampling
from talecraft.studio import Studio
from tests.support import tiny
from tests.support.hub_fixtures import hub as hub

ENGINE = [sys.executable, "-m", "tests.support.scripted_engine"]
NOW = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)
DEADLINE = 20.0


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("TALECRAFT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr("talecraft.app.screens.writing.MEANT_TO_STOP", 0.0)  # no test is so slow
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(look, "COMMAND", tiny.LOOK)
    monkeypatch.setattr(survey, "COMMAND", tiny.SURVEY)
    monkeypatch.setattr(machine, "COMMAND", tiny.PROBE)
    monkeypatch.chdir(root)
    marks.use(plain=False)
    keymap.use(keymap.Keymap())


@pytest.fixture(scope="session", autouse=True)
def _styles_are_parsed_once() -> Iterator[None]:
    """All apps have the same styles; Textual would parse them anew for each."""
    parse, known = Stylesheet._parse_rules, {}

    def rules(self: Stylesheet, css: str, *where: Any, **how: Any) -> Any:
        key = (css, str(where), str(how), tuple(sorted(self._variables.items())))
        if key not in known:
            known[key] = parse(self, css, *where, **how)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", rules)
        yield


@pytest.fixture(scope="session")
def _empty_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with nothing in it, all migrations done."""
    file = tmp_path_factory.mktemp("library") / "library.db"
    Library(file).close()
    return file


@pytest.fixture
def place(tmp_path: Path, _empty_library: Path) -> Home:
    base = tmp_path / "home"
    home = Home(base / "data", base / "config", base / "cache", base / "logs")
    private_folder(home.data)
    private_write(home.library, _empty_library.read_bytes())
    return home


@pytest.fixture(autouse=True)
def _guide(request: pytest.FixtureRequest, place: Home) -> None:
    """The guide is put away, but for tests that are marked `guided`."""
    if request.node.get_closest_marker("guided") is None:
        private_folder(place.data)
        private_write(place.data / "guide.json", b'{"shown":false}')


@pytest.fixture
def studio(place: Home) -> Iterator[Studio]:
    """The same library as the app's, to prepare and to look things up."""
    with Studio(at=place) as studio:
        yield studio


@pytest.fixture
def make_app(place: Home) -> Iterator[Callable[..., TalecraftApp]]:
    """Makes apps on the test's home; every engine is ended afterwards."""
    apps: list[TalecraftApp] = []

    def make(engine: list[str] = ENGINE) -> TalecraftApp:
        app = TalecraftApp(
            lambda listener: Studio(listener, place, engine), now=lambda: NOW, opening_seed=3
        )
        apps.append(app)
        return app

    yield make
    for app in apps:
        app.studio.close()


Running = Callable[..., AsyncIterator[tuple[TalecraftApp, Pilot[int]]]]


@pytest.fixture
def running(make_app: Callable[..., TalecraftApp]):
    """`async with running(size) as (app, pilot)`: an app whose engine has loaded."""

    @asynccontextmanager
    async def run(size: tuple[int, int] = (80, 24), loaded: bool = True):
        app = make_app()
        async with app.run_test(size=size, notifications=True) as pilot:
            if loaded:
                await until(pilot, lambda: app.phase.phase == "ready")
            yield app, pilot

    return run


async def until(pilot: Pilot[int], condition: Callable[[], object]) -> None:
    """Wait for `condition`, not for a time."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"never came true; on screen:\n{seen(pilot)}"
        await pilot.pause(0.01)
    await pilot.pause()


def seen(pilot: Pilot[int]) -> str:
    """The screen as text."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def notices(pilot: Pilot[int]) -> str:
    """All notices shown now, as text."""
    toasts = pilot.app.screen.query(Toast)
    return "\n".join(f"{t._notification.title}: {t._notification.message}" for t in toasts)


async def typed(pilot: Pilot[int], text: str) -> None:
    """Press a key per character; quicker than `press`, which waits after each."""
    for character in text:
        pilot.app.post_message(events.Key(_character_to_key(character), character))
    await pilot.pause()


async def page_of(app: TalecraftApp, pilot: Pilot[int], story_id: int) -> WritingScreen:
    """Open a story and wait for its page."""
    app.open_story(story_id)
    await until(pilot, lambda: isinstance(app.screen, WritingScreen))
    await pilot.pause()
    assert isinstance(app.screen, WritingScreen)
    return app.screen


async def begun(
    app: TalecraftApp, pilot: Pilot[int], premise: str, turns: int = 1
) -> WritingScreen:
    """A new story whose first passages the model has written."""
    story = app.studio.writing.new_story(premise)
    page = await page_of(app, pilot, story.id)
    for _ in range(turns):
        await pilot.press("enter")
        await finished(app, pilot)
    return page


async def finished(app: TalecraftApp, pilot: Pilot[int]) -> None:
    await until(pilot, lambda: app.live is None and app.phase.phase == "ready")


def generation(studio: Studio, seed: int = 1) -> Generation:
    return Generation(
        studio.model.id, studio.model.revision, "none", None, "scripted", Sampling(seed=seed),
        [1, 2, 0], [3, 4], [False, False], 1, 2, [-1.0, -1.0], [-1.0, -1.0], "end", 0.1,
    )  # fmt: skip


def scored(studio: Studio, scores: list[int], premise: str = "A fox at the harbour") -> int:
    """A story with one scored passage per grade; returns its id."""
    story = studio.writing.new_story(premise)
    for grade in scores:
        leaf = studio.library.stories.get(story.id).leaf_id
        turn = studio.library.stories.add_turn(
            story.id, leaf, "model", f"A passage worth {grade}.", "- a beat", generation(studio)
        )
        studio.writing.rate(turn.id, "stars", grade)
    return story.id


# ---------------------------------------------------------------------- runs by hand
def phase_events() -> list[RunEvent]:
    return [
        RunPhase("Learning your taste", 1.0),
        TasteLearned(84, 12, 400, 0.71, 0.64, 0.78, True, "Your scores are well foretold."),
        RunPhase("Practising", 0.2),
    ]


def step(number: int, total: int = 14) -> Step:
    return Step(
        step=number, total=total, reward=0.12 * number,
        parts={"taste": 0.1 * number, "finished": -0.02, "repetition": 0.05, "length": -0.1},
        kl=0.4 * number,
        kl_target=3.0, beta=0.05, entropy=2.0, clip_fraction=0.1, value_loss=0.2, policy_loss=0.1,
        length=80, repetition=0.1, seconds=9.0, eta=(total - number) * 9.0,
    )  # fmt: skip


def outcome(state: str = "adopted", words: str = "It writes more as you like it.") -> Outcome:
    passed = state == "adopted"
    return Outcome(
        state=state,  # type: ignore[arg-type]
        words=words,
        checks=[
            Check("win", 0.72, ">= 0.5", passed, "preferred on 72 of 100 unseen prompts"),
            Check("perplexity", 1.08, "<= 1.25", True, "other prose is foretold as well as before"),
        ],
        samples=[Sample("A boat comes in.", "The boat was big.", "“Who steers?” she asked.")],
        phrases=[
            Phrase("she asked", 2, 19, 8_200, 7_900),
            Phrase("there was [/a]", 31, 12, 8_200, 7_900),
        ],
        steps=14,
        seconds=150.0,
    )  # fmt: skip


class HandRun:
    """A run whose process is this test: it holds the lock and writes the events."""

    def __init__(
        self,
        place: Home,
        studio: Studio,
        run_id: str = "20261120-210000-abcd",
        method: str = "ppo",
    ) -> None:
        self.run_id = run_id
        self._folder = place.runs / run_id
        self._folder.mkdir(parents=True, mode=0o700)
        self._lock_file = place.runs / "trainer.lock"
        self.take()
        studio.library.runs.add(
            TrainingRun(
                run_id, method, studio.model.id, None, 1, "{}", 7, "running",
                started_at="2026-11-20T21:00:00.000+00:00",
            )
        )  # fmt: skip

    def take(self) -> None:
        """Be alive: hold the trainers' lock."""
        self._lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, self.run_id.encode(), 0)

    @property
    def asked(self) -> set[str]:
        """What it is asked just now."""
        return {name for name in get_args(Request) if (self._folder / name).exists()}

    def say(self, *events: RunEvent) -> None:
        with (self._folder / "events.jsonl").open("ab") as file:
            for event in events:
                file.write(run_events.encode(event) + b"\n")

    def end(self) -> None:
        os.close(self._lock)


def past_run(studio: Studio, ended: Outcome, state: str | None = None, error: str = "") -> None:
    """A run that has been settled already."""
    run_id = f"20261119-2100{len(studio.library.runs.list()):02}-beef"
    studio.library.runs.add(
        TrainingRun(run_id, "ppo", studio.model.id, None, 1, "{}", 7, "running")
    )
    text = msgspec.json.encode(ended).decode()
    studio.library.runs.end(run_id, state or ended.state, text, error)


def static(pilot: Pilot[int], selector: str) -> str:
    return str(pilot.app.screen.query_one(selector, Static).visual)


def options(pilot: Pilot[int], selector: str) -> list[str]:
    found = pilot.app.screen.query_one(selector, OptionList)
    return [str(found.get_option_at_index(n).prompt) for n in range(found.option_count)]
