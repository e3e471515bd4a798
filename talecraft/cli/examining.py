"""`talecraft models eval`: the installed models side by side, as a table and a plot."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from talecraft.cli import console, opening
from talecraft.errors import TalecraftError, UsageError


def evaluate(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="All that are installed if none.")
    ] = None,
    turns: Annotated[int, typer.Option(min=1, help="How many turns each writes.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of the first turn.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON a model.")] = False,
) -> None:
    """Measure models: how well they read, keep to their plans, repeat themselves, how quick they
    are.

    All read the same passages and write after the same first lines, as they came, at your sampling.
    A model that fails is told of, and the others are measured all the same.
    """
    from talecraft.studio.examining import MEASURES, bars, examine, installed

    failure: TalecraftError | None = None
    names, found = [], []
    with opening.studio() as studio:
        specs = installed(studio, models or [])
        if not specs:
            raise UsageError("No model is installed.", "Fetch one: talecraft models pull ID")
        for spec in specs:
            line = console.OneLine()

            def hear(done: float, line: console.OneLine = line, name: str = spec.id) -> None:
                line.say(f"{name}: {done:.0%} measured")

            try:
                figures = examine(studio, spec, turns, seed, hear)
            except UsageError:
                raise
            except TalecraftError as error:
                line.end()
                console.note(str(error))
                failure = error
                continue
            line.end()
            names.append(spec.id)
            found.append(figures)
            if as_json:
                console.out_json({"model": spec.id, **msgspec.to_builtins(figures)})
    if found and not as_json:
        head = ("", *names)
        rows: list[tuple[str, ...]] = [
            (one.title, *(one.told(one.value(figures)) for figures in found)) for one in MEASURES
        ]
        rows.append(("on", *(f"{one.device}, {one.precision}" for one in found)))
        console.table(head, rows)
        for measure in MEASURES if len(found) > 1 else ():
            console.out()
            console.out("\n".join(bars(names, found, measure)))
    if failure is not None:
        raise failure
