"""`talecraft report`: a training run on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from talecraft.cli import console, opening


def report(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Without it, the newest one that told a step."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER",
            help="A new folder, or that of its earlier report; among the exports if absent.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:  # fmt: skip
    """Write a training run down: one HTML page that holds everything, and its plots as PNGs.

    Curves, passages before and after, what was practised, the closing test and a receipt. Also of
    a run that is still going, was stopped or killed.
    """
    from talecraft.studio.reporting import writing

    with opening.studio(settle=True) as studio:
        of = studio.library, studio.home
        told = writing.find(*of, run_id) if run_id is not None else writing.newest(*of)
        written = writing.write(studio.home, told, output)
    if as_json:
        console.out_json(
            {
                "run": written.run,
                "path": str(written.page),
                "pictures": [str(one) for one in written.pictures],
                "steps": written.steps,
                "turns": written.turns,
            }
        )
    else:
        console.out(str(written.page))
