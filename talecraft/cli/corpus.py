"""`talecraft corpus`: texts made into data to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from talecraft.cli import console

if TYPE_CHECKING:
    from collections.abc import Callable

    from talecraft.process.corpus import Working

app = typer.Typer(help="Make texts into data to learn from.", no_args_is_help=True)

Force = Annotated[bool, typer.Option("--force", help="Replace the file where it is there.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.callback()
def _corpus() -> None:
    """Make texts into data to learn from."""


@app.command()
def idf(
    source: Annotated[
        Path, typer.Argument(metavar="FILE|FOLDER", help="txt, md, jsonl, csv, tsv or parquet.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Without it: your own table."),
    ] = None,
    fewest: Annotated[
        int, typer.Option(min=1, help="Leave out words in fewer passages than this.")
    ] = 2,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Count how common each word is: in how many passages of your texts it stands.

    Without -o the table becomes your own and is used instead of the shipped one; `talecraft paths`
    says where it is, and removing it brings the shipped one back.
    """
    from talecraft.paths import home
    from talecraft.studio import corpus

    with _working() as hear:
        place, made = corpus.idf(home(), source, output, fewest, force, hear)
    if as_json:
        console.out_json({"path": str(place), **msgspec.to_builtins(made)})
        return
    console.out(f"{place}  {made.words:,} words, counted in {made.passages:,} passages")
    if made.rare:
        console.note(f"{made.rare:,} words in fewer than {fewest} passages were left out.")


@contextmanager
def _working() -> Iterator[Callable[[Working], None]]:
    """Says on stderr how far the reading is."""
    line = console.OneLine()
    try:
        yield lambda far: line.say(
            f"{far.files} of {far.of} file{'s' * (far.of != 1)} read, {far.passages:,} passages"
        )
    finally:
        line.end()
