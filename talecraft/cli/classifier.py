"""`talecraft classifier`: learn from labels what is found good, to be rewarded by it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from talecraft.cli import console, opening

if TYPE_CHECKING:
    from talecraft.studio.classifiers import Kept

app = typer.Typer(help="Learn from labels what is found good.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="What to call it.")]
Which = Annotated[str, typer.Argument(metavar="NAME", help="Which one.")]


@app.callback()
def _classifier() -> None:
    """Learn from labels what is found good."""


@app.command()
def fit(
    labelled: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="A table (jsonl, csv, tsv, parquet) with a text and a label; without it, your own"
            " stars.",
        ),
    ] = None,
    name: Name = "classifier",
    model: Annotated[str | None, typer.Option(metavar="ID", help="Read by this model.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace one of this name.")] = False,
    as_json: Json = False,
) -> None:
    """Fit a classifier to labelled passages, and say how good it is on a fifth held back.

    Labels are good or bad, positive or negative, 1 or 0, or stars: from four on good, down to two
    bad. A run is then rewarded by it: `talecraft train run --rewards classifier`.
    """
    with opening.studio(model) as studio:
        console.note("Reading the passages ...")
        kept = studio.training.classifiers.fit(studio.model, labelled, name, force)
    _show(kept, as_json)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """The classifiers there are."""
    with opening.studio() as studio:
        found = studio.training.classifiers.all()
    if as_json:
        console.out_json([_json(one) for one in found])
        return
    rows = []
    for one in found:
        made = one.fitted
        told = ("broken", "", "", "")
        if made is not None:
            kinds = f"{made.good} + {made.bad}"
            told = (f"{made.accuracy:.0%}", f"{made.calibration:.2f}", kinds, made.model)
        rows.append((one.name, *told))
    console.table(("name", "right", "calibration error", "good + bad", "model"), rows)


@app.command()
def show(name: Which = "classifier", as_json: Json = False) -> None:
    """How good one is: what it tells rightly, and whether its chances are true."""
    with opening.studio() as studio:
        kept = studio.training.classifiers.find(name)
    _show(kept, as_json)


@app.command()
def delete(name: Which) -> None:
    """Remove one; what was learned by it stays."""
    with opening.studio() as studio:
        kept = studio.training.classifiers.delete(name)
    console.note(f"Classifier {kept.name} was removed.")


def _json(kept: Kept) -> dict[str, object]:
    return {"name": kept.name, "path": str(kept.path), "fitted": msgspec.to_builtins(kept.fitted)}


def _show(kept: Kept, as_json: bool) -> None:
    if as_json:
        console.out_json(_json(kept))
        return
    made = kept.fitted
    if made is None:
        console.out(f"{kept.path} is broken; fit it again.")
        return
    console.out(f"Classifier {kept.name}, of {made.good} good and {made.bad} bad passages")
    console.out(
        f"Right: {made.accuracy:.0%} of {made.held} passages held back (90 % sure:"
        f" {made.low:.0%} to {made.high:.0%})"
    )
    console.out(f"Calibration error: {made.calibration:.3f}")
    for one in made.bins:
        console.out(f"  said {one.said:.0%} good: {one.were:.0%} of {one.count} were")
    console.out(f"It goes by {made.words}.")
