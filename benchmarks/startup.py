"""How long until the program is there: first frame, --help, first token, and Esc to stillness."""

from __future__ import annotations

import os
import pty
import queue
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import Row
from talecraft.config.assets import reference
from talecraft.paths import home
from talecraft.process.environment import child_environment
from talecraft.process.messages import Delta, Phase
from talecraft.studio import Studio
from talecraft.studio.events import TurnFailed, TurnWritten

ROUNDS = 9
_ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]")
_BARE_APP = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("first frame")
Bare().run()
"""
_BARE_CLI = """
import typer
app = typer.Typer()
@app.command()
def one(): pass
@app.command()
def two(): pass
app()
"""


def until_shown(command: list[str], text: str, env: dict[str, str]) -> float:
    """Seconds from exec in a 120x40 terminal until `text` has been painted."""
    started = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(
            command[0], command, {**env, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        )
    seen = b""
    try:
        while text.encode() not in _ESCAPES.sub(b"", seen):
            ready, _, _ = select.select([terminal], [], [], 60)
            if not ready:
                raise RuntimeError(f"'{text}' was not shown within a minute")
            seen += os.read(terminal, 65536)
        return time.perf_counter() - started
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def run_time(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def first_frame(folder: Path) -> Row:
    """Against a bare one-widget Textual app, alternating."""
    env = {**os.environ, "TALECRAFT_HOME": str(folder)}
    bare, ours = [], []
    for _ in range(ROUNDS + 1):
        bare.append(until_shown([sys.executable, "-c", _BARE_APP], "first frame", env))
        ours.append(until_shown([sys.executable, "-m", "talecraft"], "Begin with a line", env))
    return Row.ratio("first frame / bare Textual app", ours[1:], bare[1:], 2.0)


def help_time() -> Row:
    """Against the --help of a Typer app of two commands, alternating."""
    bare, ours = [], []
    for _ in range(ROUNDS + 1):
        bare.append(run_time([sys.executable, "-c", _BARE_CLI, "--help"]))
        ours.append(run_time([sys.executable, "-m", "talecraft", "--help"]))
    return Row.ratio("`talecraft --help` / two-command Typer app", ours[1:], bare[1:], 1.5)


def first_token(folder: Path) -> Row:
    """From exec of the program to the first byte of prose on its stdout."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "talecraft", "write", "A fox learns to share"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TALECRAFT_HOME": str(folder)},
        )
        assert process.stdout is not None
        process.stdout.read(1)
        times.append(time.perf_counter() - started)
        process.communicate()
    return Row.seconds("cold start to first streamed text", times, 10.0)


def esc(while_reading: bool) -> Row:
    """From `stop` to the turn being settled, 20 times."""
    events: queue.Queue[object] = queue.Queue()
    times = []
    with Studio(events.put) as studio:
        studio.start_engine()
        for i in range(20):
            story = studio.writing.new_story(reference("prompt")[i])
            text = (
                "The small grey cat sat by the cold river and waited. " * 58
                if while_reading
                else ""
            )
            studio.writing.continue_story(story.id, text, seed=i)
            wanted = "reading" if while_reading else "writing"
            while not (
                isinstance(event := events.get(timeout=60), Phase) and event.phase == wanted
            ):
                pass
            if not while_reading:
                while not isinstance(events.get(timeout=60), Delta):
                    pass
            started = time.perf_counter()
            studio.writing.stop()
            while not isinstance(events.get(timeout=60), TurnWritten | TurnFailed):
                pass
            times.append(time.perf_counter() - started)
    name = (
        "Esc to stillness, in a 700-token prefill" if while_reading else "Esc to stillness, writing"
    )
    return Row.seconds(name + " (p95)", [statistics.quantiles(times, n=20)[-1]], 0.5)


def rows() -> list[Row]:
    os.environ.update({k: v for k, v in child_environment().items() if k.startswith("OMP")})
    with tempfile.TemporaryDirectory() as name:
        os.environ["TALECRAFT_HOME"] = name
        assert home().data.is_relative_to(name)
        return [
            first_frame(Path(name)),
            help_time(),
            first_token(Path(name)),
            esc(while_reading=False),
            esc(while_reading=True),
        ]
