"""`talecraft stories`: what there is, one of them as text, as a tree, and as a file."""

from __future__ import annotations

from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer

from talecraft.cli import console, opening, shapes
from talecraft.story.clean import clean_line

if TYPE_CHECKING:
    from talecraft.story.feedback import Feedback
    from talecraft.story.turns import Turn
    from talecraft.studio.branching import Place

app = typer.Typer(help="List, show, compare and export stories.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Id = Annotated[int, typer.Argument(metavar="ID")]
Turn1 = Annotated[int, typer.Argument(metavar="TURN")]
Turn2 = Annotated[int, typer.Argument(metavar="OTHER")]
_FIRST_WORDS = 60  # characters


@app.command("list")
def list_(
    trash: Annotated[bool, typer.Option("--trash", help="Those in the trash.")] = False,
    as_json: Json = False,
) -> None:
    """All stories, the newest work first."""
    from talecraft.studio import reading

    with opening.studio() as studio:
        shelf = reading.shelf(studio.library, trash)
    if as_json:
        console.out_json(
            [
                shapes.story(one.story) | {"passages": one.passages, "words": one.words}
                for one in shelf
            ]
        )
        return
    console.table(
        ("id", "turns", "words", "changed", "title"),
        [
            (one.story.id, one.passages, one.words, one.changed_at[:10], one.story.title)
            for one in shelf
        ],
    )


@app.command()
def show(
    story_id: Id,
    as_json: Annotated[
        bool, typer.Option("--json", help="All turns, other branches too, as JSON.")
    ] = False,
) -> None:
    """One story: its premise and its open branch, with the ids that scores are given to."""
    with opening.studio() as studio:
        story = studio.library.stories.get(story_id)
        tree = studio.library.stories.tree(story_id)
        if as_json:
            turns = [
                shapes.turn(turn)
                | {"feedback": [shapes.opinion(one) for one in studio.writing.opinions(turn.id)]}
                for turn in tree
            ]
            console.out_json(shapes.story(story) | {"turns": turns})
            return
        console.out(f"{story.title}\n\n{story.premise}")
        for turn in tree.path(story.leaf_id):
            console.out(f"\n{_heading(turn, studio.writing.opinions(turn.id))}")
            if turn.outline:
                console.out("".join(f"  | {line}\n" for line in turn.outline.splitlines()))
            console.out(turn.prose)


def _heading(turn: Turn, opinions: list[Feedback]) -> str:
    made = turn.generation
    by = turn.author if made is None else f"{made.model_id}, adapter {made.adapter_id or 'none'}"
    said = ", ".join(
        f"{'plan ' * (one.aspect == 'outline')}{one.kind} {one.value:g}"
        for one in opinions
        if one.value is not None
    )
    return f"[turn {turn.id}: {by}{f'; {said}' if said else ''}]"


@app.command()
def tree(
    story_id: Id,
    trash: Annotated[bool, typer.Option("--trash", help="What was thrown away, too.")] = False,
    as_json: Json = False,
) -> None:
    """Every passage of every branch; ● is read now, lines part where branches do."""
    with opening.studio() as studio:
        places = studio.branching.map(story_id)
    places = [one for one in places if trash or not one.pruned]
    if as_json:
        console.out_json([shapes.place(one) for one in places])
        return
    console.table(
        ("turn", "by", "version", "score", "notes", "passage"),
        [
            (
                one.turn.id, one.turn.author, f"{one.version}/{one.versions}", _grade(one),
                ", ".join(_notes(one)), _drawn(one),
            )
            for one in places
        ],
    )  # fmt: skip


def _grade(place: Place) -> str:
    score = place.score
    if score is None:
        return ""
    return str(score.stars) if score.weight == 1 else "+" if score.stars > 3 else "-"


def _notes(place: Place) -> list[str]:
    mark = place.bookmark
    notes = [
        "" if mark is None else f"bookmark {mark}".rstrip(),
        "edited" if place.turn.revision else "",
        "in the trash" if place.pruned else "",
    ]
    return [note for note in notes if note]


def _drawn(place: Place) -> str:
    lines = "│ " * (place.depth - place.begins) + "├─" * place.begins
    node = "✗" if place.pruned else "●" if place.open else "○"
    text = place.turn.prose.strip() or place.turn.outline
    return f"{lines}{node} {shorten(clean_line(text), _FIRST_WORDS, placeholder=' …')}"


@app.command()
def diff(
    first: Turn1,
    second: Turn2,
    as_json: Json = False,
) -> None:
    """How the branches through two passages differ, word by word: [-first-] {+second+}."""
    from talecraft.story import difference

    with opening.studio() as studio:
        parting = studio.branching.parting(first, second)
    pieces = [] if parting is None else difference.words(parting.first, parting.second)
    lost, won = difference.counts(pieces)
    if as_json:
        shape = {"same": parting is None, "shared": parting.shared if parting else None}
        shape |= {"removed": lost, "added": won}
        console.out_json(shape | {"pieces": [[one.sign, list(one.words)] for one in pieces]})
        return
    if parting is None:
        console.note("Both are on the same branch.")
        return
    console.out(difference.text(pieces))
    common = f"{parting.shared} passage{'s' * (parting.shared != 1)}"
    console.note(f"After {common} in common: {lost} words removed, {won} added.")


@app.command()
def export(
    story_id: Id,
    form: Annotated[str, typer.Option("--format", "-f", metavar="txt|md")] = "txt",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; without it, stdout.")
    ] = None,
    outlines: Annotated[
        bool, typer.Option("--outlines", help="Each plan before its prose.")
    ] = False,
) -> None:
    """The open branch as plain text or Markdown."""
    from talecraft.studio import exporting

    with opening.studio() as studio:
        if output is None:
            console.out(exporting.text(studio.library, story_id, form, outlines).rstrip("\n"))
            return
        path = exporting.export(studio.library, studio.home, story_id, form, output, outlines)
    console.note(f"Written to {path}.")
