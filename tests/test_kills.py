"""kill -9 of the page, its engine, its run and the command line, whatever they are doing.

`pytest tests/test_kills.py --rounds 200` kills two hundred times in one growing library; what each
round does follows from its number. A turn is acknowledged when it stands on the page, a score when
the page shows it; on the command line both are when it has said so.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from talecraft.config import models
from talecraft.paths import Home
from talecraft.process import adapter_files
from talecraft.process.messages import AdapterRef
from talecraft.process.run_events import Outcome
from talecraft.story.turns import Generation, Sampling
from talecraft.studio import Studio
from tests.support import scripted_engine, tiny
from tests.support.terminal import ENTER, ESCAPE, F3, Terminal

ROOT = Path(__file__).parents[1]
QUICK, REAL = ("-m", "tests.support.page"), ("-m", "talecraft")
VICTIMS = ("page", "engine", "run", "page", "settling", "command line")
LAST_WORDS = scripted_engine.PROSE[-12:]
ENGINE_DEATHS = 2  # in one life of the page; after more in a minute it gives up
SECONDS = 60.0


class World:
    """One home through every round, and what was acknowledged in it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.home = Home(base / "data", base / "config", base / "cache", base / "logs")
        self.said: set[str] = set()  # what the writer said
        self.answered: set[str] = set()  # ... and what the model wrote after it is there too
        self.scored: dict[str, int] = {}  # ... and was scored
        self.page: Terminal | None = None
        self.real = False
        self.run_ends = ""
        self.engine_deaths = self.rounds = 0
        self.deaths = dict.fromkeys(("page", "engine", "run", "command line"), 0)

    # ------------------------------------------------------------------ the page
    def open(self, real: bool, run_ends: str = "wait") -> Terminal:
        """The page of the newest story, opened anew unless it is open as it should be."""
        wanted = (real, run_ends)
        tired = self.engine_deaths >= ENGINE_DEATHS
        if self.page is not None and (wanted != (self.real, self.run_ends) or tired):
            self.kill_page()
        if self.page is None:
            self.real, self.run_ends, self.engine_deaths = real, run_ends, 0
            os.environ["TINY_RUN"] = run_ends
            self.page = Terminal(self.base, REAL if real else QUICK)
            self.page.until("Stories", "ready")
            self.page.press(ENTER)
            self.page.until("Write on, or press Enter")
        return self.page

    def kill_page(self) -> None:
        """Its engine must not outlive it."""
        assert self.page is not None
        engine = self.engine()
        self.page.child.kill(signal.SIGKILL)
        self.deaths["page"] += 1
        self.page.child.wait()
        self.page.child.close()
        self.page = None
        tiny.until(lambda: engine is None or tiny.gone(engine))

    def kill_engine(self) -> None:
        engine = self.engine()
        assert engine is not None
        os.kill(engine, signal.SIGKILL)
        self.engine_deaths += 1
        self.deaths["engine"] += 1

    def engine(self) -> int | None:
        """The engine's process, where there is one."""
        assert self.page is not None
        for entry in Path("/proc").iterdir():
            try:
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
                command = (entry / "cmdline").read_bytes()
            except (OSError, IndexError):
                continue
            if parent == str(self.page.child.pid) and b"engine" in command:
                return int(entry.name)
        return None

    # ------------------------------------------------------------------ the truth
    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        with sqlite3.connect(f"file:{self.home.library}?mode=ro", uri=True) as library:
            return library.execute(sql, values).fetchall()

    def prove(self) -> None:
        """Everything acknowledged is there, and what writes is whole."""
        assert self.rows("PRAGMA integrity_check") == [("ok",)]
        for words in self.said:
            assert self.rows("SELECT 1 FROM turns WHERE author='writer' AND prose=?", words)
        answers = "FROM turns a JOIN turns b ON b.parent_id=a.id WHERE a.prose=?"
        for words in self.answered:
            assert self.rows(f"SELECT 1 {answers} AND b.author='model' AND b.prose != ''", words)
        for words, stars in self.scored.items():
            given = self.rows(f"SELECT value FROM feedback WHERE turn_id IN (SELECT b.id {answers})"
                              " ORDER BY id DESC LIMIT 1", words)  # fmt: skip
            assert given == [(stars,)]
        for path, files, key in self.rows(
            "SELECT path, files, model_id||'@'||revision FROM adapters WHERE state='active'"
        ):
            sums = msgspec.json.decode(str(files), type=dict[str, str])
            folder = self.home.adapters / str(path)
            adapter_files.verify(AdapterRef(str(path), str(folder), sums, str(key)))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A story with two dozen scored passages: enough to start a run from."""
    kept = {name: os.environ.get(name) for name in ("PYTHONPATH", "TINY_RUN")}
    os.environ["PYTHONPATH"] = str(ROOT)
    world = World(tmp_path_factory.mktemp("kills") / "home")
    with Studio(at=world.home, engine_command=tiny.ENGINE) as studio:
        spec = models.load(world.home).default
        made = Generation(
            spec.id, spec.revision, "none", None, "tiny", Sampling(), [1, 2, 3], [10, 11, 12],
            [False] * 3, 1, 3, [-1.0] * 3, [-1.0] * 3, "end", 0.1,
        )  # fmt: skip
        story = studio.writing.new_story("A fox at the harbour.")
        for number in range(24):
            turn = studio.library.stories.add_turn(
                story.id, None, "model", f"Passage {number}.", "- a plan", made
            )
            studio.writing.rate(turn.id, "stars", number % 5 + 1)
    yield world
    if world.page is not None:
        world.kill_page()
    for name, value in kept.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.mark.rounds(20)
@pytest.mark.timeout(180)
def test_nothing_acknowledged_is_lost(world: World, nth: tuple[int, int]) -> None:
    number, _ = nth
    world.rounds += 1
    chance = random.Random(f"round {number}")
    victim = VICTIMS[number % len(VICTIMS)]
    real = number % 20 in (6, 13)  # with the bundled model: a page, and an engine
    words = f"In round {number} it began to rain."
    print(f"round {number}: the {victim} dies{' (bundled model)' if real else ''}")
    match victim:
        case "command line":
            command_line(world, words, chance)
        case "run":
            a_run(world, chance)
        case "settling":
            settling(world, chance)
        case _:
            write(world, world.open(real), words, chance, victim)
    world.prove()


def test_the_rounds_were_worth_it(world: World) -> None:
    """Something was acknowledged, something was cut off, something was learned."""
    states = [str(state) for (state,) in world.rows("SELECT state FROM runs")]
    print(
        f"{len(world.said)} turns, {len(world.answered)} passages and {len(world.scored)} scores"
        f" acknowledged; runs: {', '.join(states)}; {world.deaths}"
    )
    if world.rounds < 20:
        pytest.skip("too few rounds to tell")
    assert min(len(world.said), len(world.answered), len(world.scored)) >= 3
    assert len(world.said) > len(world.scored), "somebody died before the score"
    assert {"adopted", "interrupted"} <= set(states)
    # In twenty rounds the command line has one to die in, and may be quicker than its killer.
    seldom = {"command line"} if world.rounds < 100 else set()
    assert min(count for who, count in world.deaths.items() if who not in seldom) > 0


def write(world: World, page: Terminal, words: str, chance: random.Random, victim: str) -> None:
    """Say something, let the model go on, score that; and amid it somebody dies."""
    stars = chance.randint(1, 5)
    page.press(words + ENTER)
    moment = time.monotonic() + chance.uniform(0, 4.0 if world.real else 0.8)
    busy, given, alive = False, False, True
    deadline = time.monotonic() + SECONDS
    while words not in world.scored:
        assert time.monotonic() < deadline, page.text()
        if alive and time.monotonic() >= moment:
            alive = False
            if victim == "page":
                world.kill_page()
                return
            world.kill_engine()
        shown = page.text(0.02)
        status = shown.splitlines()[-2]
        busy = busy or "writing" in status or "thinking" in status
        if f"▎ {words}" in shown:
            world.said.add(words)
        after = shown.partition(words)[2]
        ready = "ready" in status and (busy or LAST_WORDS in after)
        if ready and words in world.said and "score it" in shown:
            world.answered.add(words)
            if not given:
                page.press(str(stars))
                given = True
        if given and f"{stars} of 5   Ctrl+Z" in shown:
            world.scored[words] = stars
        if not alive and words not in world.answered and "Nothing was written" in shown:
            page.until("ready")
            return
    if victim == "page":
        world.kill_page()
    elif alive:  # it had nothing to do any more, and is there again when it has
        world.kill_engine()
        page.until("The engine stopped")
        page.until("ready")


def a_run(world: World, chance: random.Random) -> None:
    """A run dies; the page says so, and what wrote before writes on."""
    page = world.open(real=False)
    before = world.rows("SELECT id FROM adapters WHERE state='active'")
    known = world.rows("SELECT MAX(rowid) FROM runs")[0][0] or 0
    page.press(F3)
    page.until("Press s to start")
    page.press("s")
    found: list[tuple[object, ...]] = []
    tiny.until(
        lambda: bool(
            found.extend(world.rows("SELECT id, pid FROM runs WHERE rowid > ? AND pid > 0", known))
            or found
        )
    )
    run, pid = found[0]
    page.text(chance.uniform(0, 0.5))
    os.kill(int(str(pid)), signal.SIGKILL)
    world.deaths["run"] += 1
    tiny.until(lambda: world.rows("SELECT state FROM runs WHERE id=?", run) != [("running",)])
    assert world.rows("SELECT state FROM runs WHERE id=?", run) == [("interrupted",)]
    page.until("Cut off")
    page.press(ESCAPE)
    page.until("Write on, or press Enter")
    assert world.rows("SELECT id FROM adapters WHERE state='active'") == before


def settling(world: World, chance: random.Random) -> None:
    """The page dies while a run ends and its adapter is taken in; the next one does the rest."""
    page = world.open(real=False, run_ends="adopted")
    known = world.rows("SELECT MAX(rowid) FROM runs")[0][0] or 0
    page.press(F3)
    page.until("Press s to start")
    page.press("s")
    tiny.until(lambda: bool(world.rows("SELECT 1 FROM runs WHERE rowid > ?", known)))
    page.text(chance.uniform(0, 0.02))
    time.sleep(chance.uniform(0, 0.7))  # the moment of its death, not a wait for something
    world.kill_page()
    world.prove()
    page = world.open(real=False)
    state = "SELECT state, outcome FROM runs WHERE rowid > ?"
    tiny.until(lambda: world.rows(state, known)[0][0] != "running")
    ended, outcome = world.rows(state, known)[0]
    if ended == "adopted":
        adapter = msgspec.json.decode(str(outcome), type=Outcome).adapter_id
        assert world.rows("SELECT id FROM adapters WHERE state='active'") == [(adapter,)]
    else:
        assert ended in ("failed", "interrupted"), "it died before it was launched"


def command_line(world: World, words: str, chance: random.Random) -> None:
    """`talecraft write` dies, or has said what it has done; then its passage is scored."""
    writing = subprocess.Popen(
        [sys.executable, *QUICK, "write", "--story", "1", "--json", words],
        env={**os.environ, "TALECRAFT_HOME": str(world.base)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        out, _ = writing.communicate(timeout=chance.uniform(0.3, 2.0))
    except subprocess.TimeoutExpired:
        writing.kill()
        world.deaths["command line"] += 1
        out, _ = writing.communicate()
    if not out.endswith("\n"):
        return
    world.said.add(words)
    world.answered.add(words)
    stars = chance.randint(1, 5)
    scoring = [sys.executable, *QUICK, "feedback", "add", str(json.loads(out)["turn"])]
    done = subprocess.run(
        [*scoring, "--stars", str(stars)],
        env={**os.environ, "TALECRAFT_HOME": str(world.base)},
        capture_output=True,
        check=False,
    )
    if done.returncode == 0:
        world.scored[words] = stars
