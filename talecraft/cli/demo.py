"""`talecraft demo`: the whole loop, no terminal, no questions, in a throw-away home."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talecraft.cli import console
from talecraft.cli.train import describe, print_outcome

if TYPE_CHECKING:
    from talecraft.process.run_events import RunEvent
    from talecraft.studio.demo import DemoResult


def demo(
    stories: Annotated[int, typer.Option(min=1)] = 12,
    turns: Annotated[int, typer.Option(min=1, help="Passages in each story.")] = 10,
    taste: Annotated[str, typer.Option(help="dialogue, long_sentences or random.")] = "dialogue",
    noise: Annotated[float, typer.Option(min=0.0, help="Of the scores' range.")] = 0.15,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    updates: Annotated[int | None, typer.Option(min=1, help="How many PPO updates.")] = None,
    model: Annotated[str | None, typer.Option(metavar="ID")] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the home in this folder.")
    ] = None,
) -> None:
    """The whole loop in a throw-away home: write, score, train, write.

    The scores come from a simulated writer. Ends with 0 only if an adapter was adopted and has
    written since.
    """
    from talecraft.paths import Home
    from talecraft.studio.demo import DemoSettings, run

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up as after Ctrl+C
    settings = DemoSettings(stories, turns, taste, noise, seed, model, updates)
    with tempfile.TemporaryDirectory(prefix="talecraft-demo-") as folder:
        base = keep.absolute() if keep is not None else Path(folder)
        home = Home(base / "data", base / "config", base / "cache", base / "logs")
        result = run(home, settings, _say)
    _print(result)
    if not result.passed:
        raise typer.Exit(1)


def _say(progress: str | RunEvent) -> None:
    if line := progress if isinstance(progress, str) else describe(progress):
        console.note(line)


def _print(result: DemoResult) -> None:
    if result.outcome is None:
        console.out(f"Run {result.run.id}: {result.run.state_words}. {result.run.error}".rstrip())
    else:
        print_outcome(result.outcome, result.run.state_words, result.run.error)
    for sample in result.samples:
        console.out(f"\nPrompt: {sample.prompt}")
        console.out("\nBefore:\n{}\n\nAfter:\n{}".format(*sample.told))
    console.out(
        f"\n{result.scores} scores; {result.turns_by_adapter} passages written by the new adapter."
    )
