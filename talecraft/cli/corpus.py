"""`talecraft corpus`: texts made into data to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from talecraft.cli import console, opening

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

    with _working("passages") as hear:
        place, made = corpus.idf(home(), source, output, fewest, force, hear)
    if as_json:
        console.out_json({"path": str(place), **msgspec.to_builtins(made)})
        return
    console.out(f"{place}  {made.words:,} words, counted in {made.passages:,} passages")
    if made.rare:
        console.note(f"{made.rare:,} words in fewer than {fewest} passages were left out.")


@app.command()
def chunk(
    sources: Annotated[
        list[Path], typer.Argument(metavar="FILE|FOLDER...", help="Books: txt or md.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the chunks go, as jsonl.")
    ],
    tokens: Annotated[int, typer.Option(min=20, max=100_000, help="About so many a chunk.")] = 300,
    author: Annotated[
        str, typer.Option(metavar="NAME", help="Whose they are; else as the books say.")
    ] = "",
    model: Annotated[
        str | None, typer.Option(metavar="ID", help="Tokens are counted as this model does.")
    ] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Cut books into chunks, each with a score that says how good a specimen of prose it is.

    What is no story is cut out: Project Gutenberg's frame, contents, prefaces, headings, notes and
    captions. No chunk reaches over a chapter's end. Title and author are taken from the header or
    the first lines.
    """
    from talecraft.process.corpus import LEAST_SCORE
    from talecraft.studio import corpus

    with opening.studio(model) as studio:
        folder = studio.catalogue.folder(studio.model, studio.home)
    with _working("chunks") as hear:
        place, made = corpus.chunk(sources, output, tokens, author, folder, force, hear)
    if as_json:
        console.out_json({"path": str(place), **msgspec.to_builtins(made)})
        return
    console.table(
        ("author", "book", "chapters", "chunks", "words", "cut"),
        [(*msgspec.structs.astuple(one)[:5], _share(one.cut, one.words)) for one in made.books],
    )
    cut = sum(made.cut.values())
    console.note(
        f"{made.chunks:,} chunks of {len(made.books)} book{'s' * (len(made.books) != 1)},"
        f" {made.tokens:,} tokens, in {place}; {_share(cut, made.words)} of the words were cut."
    )
    console.note(
        f"{made.below:,} chunks ({made.below / made.chunks:.1%}) score below {LEAST_SCORE}."
    )
    if made.skipped:
        console.note(f"No story in {', '.join(made.skipped)}.")
    if any(not one.author for one in made.books):
        console.note("Some books name no author: --author says whose they are.")


@app.command()
def pairs(
    sources: Annotated[
        list[Path], typer.Argument(metavar="CHUNKS...", help="Files that `corpus chunk` wrote.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where the pairs go, as jsonl.")
    ],
    author: Annotated[
        str, typer.Option(metavar="NAME", help="Only pairs with this one's chunks in them.")
    ] = "",
    rewritten: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The same content in another manner: lines of rewritten, and text or number.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=2, max=2_000_000, help="About so many pairs.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="The same gives the same pairs.")] = 0,
    least: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out chunks with a lower score.")
    ] = 0.5,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Pair chunks by how alike their manner is, to train an encoder of sentences on.

    Two chunks of one author, of different books where there are, score 1; of two authors 0; a chunk
    and its content in another manner (--rewritten) 0.2. Whole books are held back, or chapters of
    who wrote one book, and each pair says in which part it is.
    """
    from talecraft.studio import corpus

    with _working("pairs") as hear:
        place, made = corpus.pairs(
            sources, output, author, rewritten, count, seed, least, force, hear
        )
    if as_json:
        console.out_json({"path": str(place), **msgspec.to_builtins(made)})
        return
    kinds = sorted({name.rpartition(", ")[0] for name in made.pairs})
    console.table(
        ("kind", "train", "held"),
        [
            (kind, *(made.pairs.get(f"{kind}, {part}", 0) for part in ("train", "held")))
            for kind in kinds
        ],
    )
    total = sum(made.pairs.values())
    console.note(
        f"{total:,} pairs of {made.chunks:,} chunks by {made.authors} authors, in {place}."
    )
    console.note(f"{made.across:,} of those by one author are of two books.")
    if total < 0.9 * count:
        console.note(f"There are no more: {count:,} were asked for.")
    if made.left_out:
        told = ", ".join(f"{count:,} ({why})" for why, count in made.left_out.items())
        console.note(f"Left out: {told}.")


def _share(cut: int, kept: int) -> str:
    return f"{cut / max(1, cut + kept):.1%}"


@contextmanager
def _working(of: str) -> Iterator[Callable[[Working], None]]:
    """Says on stderr how far it is."""
    line = console.OneLine()

    def say(far: Working) -> None:
        if of == "pairs":
            line.say(f"{far.done:,} of {far.of:,} pairs written")
        else:
            files = f"{far.done} of {far.of} file{'s' * (far.of != 1)} read"
            line.say(f"{files}, {far.made:,} {of}")

    try:
        yield say
    finally:
        line.end()
