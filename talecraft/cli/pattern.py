"""`talecraft pattern`: teach a model the prompt / think / story pattern from tales."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from talecraft.cli import console, opening
from talecraft.errors import UsageError

if TYPE_CHECKING:
    from talecraft.studio.pattern import PatternPlan

app = typer.Typer(help="Teach a model to plan and then tell, from tales.", no_args_is_help=True)


@app.callback()
def _pattern() -> None:
    """Teach a model to plan and then tell, from tales."""


@app.command()
def learn(
    data: Annotated[
        Path,
        typer.Option(
            metavar="FILE|FOLDER",
            help="Prompts, outlines and stories: parquet, jsonl, csv, or stories alone.",
        ),
    ],
    model: Annotated[str | None, typer.Option(metavar="ID", help="Of this model.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, max=100, help="Times through all tales.")
    ] = None,
    most: Annotated[
        int | None, typer.Option(min=0, help="Of more stories so many are drawn; 0 takes all.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be learned, and start nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Learn the pattern from tales and, where it proves better, begin all later training there.

    Columns: prompt (or premise, wp_source), outline (or think, plan; extracted where there is
    none) and story (or text, wp_target). The run goes on by itself: Ctrl+C only ends the following.
    """
    from talecraft.cli.train import follow, report

    with opening.studio(model, settle=True) as studio:
        console.note("Reading the tales ...")
        plan = studio.pattern.plan(studio.model, data, epochs, most)
        if dry_run:
            _show(plan, studio.model.title, as_json)
            return
        if not as_json:
            for line in lines(plan, studio.model.title):
                console.note(line)
        if not plan.refusal and not yes and not agreed():
            console.note("Nothing was started.")
            raise typer.Exit(1)
        started = studio.pattern.start(studio.model, plan, seed)
        console.note(f"Training run {started.id} is going.")
        ended = started if detach else follow(studio, started.id)
    report(ended, detach, as_json)


def _show(plan: PatternPlan, title: str, as_json: bool) -> None:
    if as_json:
        console.out_json(msgspec.to_builtins(plan))
        return
    for line in lines(plan, title):
        console.out(line)
    if plan.refusal:
        console.out(f"It would not start. {plan.refusal}")


def lines(plan: PatternPlan, title: str) -> list[str]:
    """The plan in words, a line for each thing."""
    from talecraft.studio.memory import size

    found = plan.found
    told = [
        f"Model: {title}",
        f"Tales: {found.tales} with {found.turns} passages; {found.held_out} held back to judge by",
        f"Work: {plan.epochs} times through {found.tokens} tokens, {plan.steps} steps",
        f"Time: about {plan.minutes:.1f} minutes (estimated)",
    ]
    if plan.left_out:
        told.insert(2, plan.left_out)
    for what, needed, free in (
        ("Memory", plan.memory_mb, plan.free_mb),
        ("Disk", plan.disk_mb, plan.free_disk_mb),
    ):
        rest = f", {size(free)} free" if free is not None else ""
        told.append(f"{what}: about {size(needed)}{rest}")
    if not plan.together:
        told.append("The engine sleeps while the run works: there is no memory for both.")
    if plan.takeover:
        told.append(plan.takeover)
    return told


def agreed() -> bool:
    """Ask on a terminal. Raises UsageError where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise UsageError("A run takes its time and is asked for.", "If you mean it, add --yes.")
    return typer.confirm("Start it?", default=True, err=True)
