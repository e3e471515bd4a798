"""`talecraft pattern`: teach a model the prompt / think / story pattern from tales."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from talecraft.cli import console, opening, planned
from talecraft.cli.planned import Detach, DryRun, Json, Yes

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
    dry_run: DryRun = False,
    yes: Yes = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Learn the pattern from tales and, where it proves better, begin all later training there.

    Columns: prompt (or premise, wp_source), outline (or think, plan; extracted where there is
    none) and story (or text, wp_target). The run goes on by itself: Ctrl+C only ends the following.
    """
    from talecraft.cli.train import report

    with opening.studio(model, settle=True) as studio:
        console.note("Reading the tales ...")
        plan = studio.pattern.plan(studio.model, data, epochs, most)
        told = lines(plan, studio.model.title)
        if dry_run and as_json:
            console.out_json(msgspec.to_builtins(plan))
            return
        if dry_run:
            planned.show(told, plan.refusal)
            return
        ended = planned.start(
            studio, lambda: studio.pattern.start(studio.model, plan, seed), told,
            not plan.refusal and not yes, detach, as_json,
        )  # fmt: skip
    report(ended, detach, as_json)


def lines(plan: PatternPlan, title: str) -> list[str]:
    """The plan in words, a line for each thing."""
    from talecraft.studio.memory import ASLEEP, size

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
        told.append(ASLEEP)
    if plan.takeover:
        told.append(plan.takeover)
    return told
