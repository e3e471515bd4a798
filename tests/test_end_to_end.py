"""The whole loop in a real pseudo-terminal, with the real engine and a real training run."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from talecraft.config.assets import reference
from talecraft.studio import simulated
from tests.support.terminal import CTRL_Z, ENTER, ESCAPE, F2, F3, QUIT, Terminal

# A short but real run, the same each time: the taste is a plain one, so little is enough.
CONFIG = """
[writing]
prose_tokens = 80

[training]
updates = 5
batch = 8
learning_rate = 2e-3
seed = 1
gate_prompts = 24
"""


def talecraft(home: Path, *words: str, given: str = "") -> str:
    """A command of the CLI; returns its stdout."""
    done = subprocess.run(
        [sys.executable, "-m", "talecraft", *words],
        input=given,
        capture_output=True,
        text=True,
        env={**os.environ, "TALECRAFT_HOME": str(home)},
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def query(home: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(f"file:{home}/data/library.db?mode=ro", uri=True) as library:
        return library.execute(sql).fetchall()


def passages(home: Path) -> int:
    return query(home, "SELECT COUNT(*) FROM generations")[0][0]


def until_written(terminal: Terminal, home: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while passages(home) < count and time.monotonic() < deadline:
        terminal.text()
    assert passages(home) == count


def settled(terminal: Terminal, home: Path, seconds: float = 400) -> dict:
    """Wait for the run to end; returns its outcome as the library has it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        terminal.text()
        if rows := query(home, "SELECT outcome FROM runs WHERE state != 'running'"):
            return json.loads(rows[0][0])
    pytest.fail(f"The run did not end within {seconds:.0f} s:\n{terminal.text()}")


@pytest.mark.timeout(560)
def test_write_score_train_and_write_with_what_was_learned(own_home: Path) -> None:
    (own_home / "config").mkdir(parents=True)
    (own_home / "config" / "config.toml").write_text(CONFIG)
    terminal = Terminal(own_home)

    # Start, and pick the model.
    terminal.until("Begin with a line")
    terminal.press(F2)
    terminal.until("Llama Ember", "Built with Llama", "GPT-2", "SOLAR")
    terminal.press(ENTER)
    terminal.press(ESCAPE)
    terminal.until("Begin with a line")
    terminal.press("2")
    terminal.until("llama-ember", "no adapter", "cpu")

    # Two turns, the second after the writer's own words, and a score.
    until_written(terminal, own_home, 1)
    terminal.until("ready")
    terminal.press("Then it began to rain." + ENTER)
    until_written(terminal, own_home, 2)
    terminal.until("Then it began to rain.", "ready")
    assert query(own_home, "SELECT prose FROM turns WHERE author='writer'") == [
        ("Then it began to rain.",)
    ]
    terminal.press("4")
    terminal.until("4")
    deadline = time.monotonic() + 20
    while not query(own_home, "SELECT value FROM feedback") and time.monotonic() < deadline:
        terminal.text()
    assert query(own_home, "SELECT kind, value FROM feedback") == [("stars", 4.0)]
    # It is taken back, for what the page wrote is another text each time.
    terminal.press(CTRL_Z)
    terminal.until("The score is taken back.")
    assert query(own_home, "SELECT value FROM feedback") == [(4.0,), (None,)]

    # Sixty scores, by a simulated writer through the CLI, while the page stays open.
    premises = own_home / "premises.txt"
    premises.write_text("\n".join(reference("prompt")[40:52]))
    lines = talecraft(
        own_home, "write", "--prompts", str(premises), "--count", "5", "--json", "--seed", "3"
    )
    turns = [json.loads(line) for line in lines.splitlines()]
    assert len(turns) == 60
    stars = simulated.grade([simulated.long_sentences(t["prose"]) for t in turns], 0.05, seed=1)
    scores = "".join(
        json.dumps({"turn": turn["turn"], "stars": star}) + "\n"
        for turn, star in zip(turns, stars, strict=True)
    )
    talecraft(own_home, "feedback", "add", "--from", "-", given=scores)
    assert query(own_home, "SELECT COUNT(*) FROM feedback") == [(62,)]

    # Train from the page and see the outcome.
    terminal.press(F3)
    terminal.until("60", "So far I think", seconds=100)
    terminal.press("s")
    terminal.until("Step 2 of 5", seconds=200)
    outcome = settled(terminal, own_home)
    assert outcome["state"] == "adopted", outcome["words"]
    terminal.until("It learned")
    active = query(own_home, "SELECT id FROM adapters WHERE state='active'")
    assert len(active) == 1
    terminal.until(active[0][0][:8])

    # Write again: the log says who wrote.
    terminal.press(ESCAPE)
    terminal.until("Write on, or press Enter", "ready", active[0][0][:8])
    terminal.press(ENTER)
    until_written(terminal, own_home, 63)
    last = query(own_home, "SELECT adapter_id FROM generations ORDER BY turn_id DESC LIMIT 1")
    assert last == active

    terminal.press(QUIT)
    deadline = time.monotonic() + 15
    while terminal.child.isalive() and time.monotonic() < deadline:
        terminal.text()
    assert not terminal.child.isalive()
    assert terminal.child.exitstatus == 0
