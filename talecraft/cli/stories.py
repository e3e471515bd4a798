"""`talecraft stories`: what there is, one of them as text, and as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talecraft.cli import console, opening, shapes

if TYPE_CHECKING:
    from talecraft.story.feedback import Feedback
    from talecraft.story.turns import Turn

app = typer.Typer(help="List, show and export stories.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Id = Annotated[int, typer.Argument(metavar="ID")]


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
    said = ", ".join(f"{one.kind} {one.value:g}" for one in opinions if one.value is not None)
    return f"[turn {turn.id}: {by}{f'; {said}' if said else ''}]"


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
