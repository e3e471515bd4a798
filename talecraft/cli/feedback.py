"""`talecraft feedback`: read the log, add to it one by one or a file at a time, take it out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import msgspec
import typer

from talecraft.cli import console, opening, shapes
from talecraft.errors import UsageError
from talecraft.story.clean import bounded

if TYPE_CHECKING:
    from talecraft.story.feedback import Feedback
    from talecraft.studio import Studio

app = typer.Typer(help="List, add and export scores.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
THUMBS = {"up": 1.0, "down": -1.0}
_TITLE = 28  # characters of a story's title in a table


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a file of scores: `stars` 1 to 5, or `thumb` 1 or -1."""

    turn: int
    stars: float | None = None
    thumb: float | None = None
    note: str = ""


@app.command("list")
def list_(
    every: Annotated[
        bool, typer.Option("--all", help="The whole log, withdrawn and old too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What stands now, in the order it was said."""
    with opening.studio() as studio:
        lines = _lines(studio, every)
        if as_json:
            console.out_json([shapes.opinion(line) for line in lines])
            return
        stories = studio.library.stories
        of = {turn.id: turn.story_id for turn in stories.turns([line.turn_id for line in lines])}
        titles = {
            one.id: bounded(f"{one.id} {one.title}", _TITLE)
            for one in stories.every()
            if one.kind == "story"
        }
    console.table(
        ("id", "story", "turn", "kind", "value", "at", "note"),
        [
            (
                line.id,
                titles.get(of[line.turn_id], "(a taste round)"),
                line.turn_id,
                line.kind + _of(line),
                "withdrawn" if line.value is None else f"{line.value:g}",
                line.created_at[:16],
                line.note,
            )
            for line in lines
        ],
    )


@app.command()
def add(
    turn: Annotated[int | None, typer.Argument(metavar="TURN", help="The turn's id.")] = None,
    stars: Annotated[float | None, typer.Option(metavar="1-5")] = None,
    thumb: Annotated[str | None, typer.Option(metavar="up|down")] = None,
    note: Annotated[str, typer.Option(help="Why, in your own words.")] = "",
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help='Many at once (\'-\': stdin), a line each: {"turn": 12, "stars": 4} or'
            ' {"turn": 12, "thumb": -1}. All are added or none.',
        ),
    ] = None,
) -> None:
    """Score the model's passages."""
    if source is not None:
        if turn is not None or stars is not None or thumb is not None:
            raise UsageError("--from brings its own scores.", "Drop TURN, --stars and --thumb.")
        with opening.studio() as studio:
            added = studio.writing.rate_many(_parse(studio, source))
    else:
        if turn is None:
            raise UsageError("Which turn?", "Give its id, or many with --from FILE.")
        if thumb is not None and thumb not in THUMBS:
            raise UsageError(f"'{thumb}' is no thumb.", "It is up or down.")
        line = _feedback(Line(turn, stars, THUMBS[thumb] if thumb else None, note))
        with opening.studio() as studio:
            added = studio.writing.rate_many([line])
    console.note(f"{len(added)} {'score' if len(added) == 1 else 'scores'} added.")


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="'-': stdin.")],
) -> None:
    """Take in what `export --as rows` has written: stories, passages and opinions, all or none.

    Or opinions of texts from elsewhere, as TRL's trainers read them (JSON lines): prompt, chosen
    and rejected; prompt, completion and label; prompt, completion and score. A run learns from
    them as from your own; `feedback brought` lists them.
    """
    from talecraft.studio import bringing, carrying

    name = "standard input" if file == "-" else file
    with opening.studio() as studio:
        # By line ends alone: a text may hold what else ends a line.
        rows = console.read(file).encode().split(b"\n")
        if rows[0].lstrip().startswith(b'{"type"'):
            came = carrying.bring_in(studio.library, rows, name)
            words = f"{came.stories} stories, {came.turns} passages, {came.opinions} opinions came."
        else:
            batch = bringing.bring_in(studio.library, rows, name, studio.model_ref().style)
            words = f"{batch.opinions} opinions came, as batch {batch.id}."
    console.note(words)


@app.command()
def brought(
    withdraw: Annotated[
        int | None, typer.Option(metavar="BATCH", help="What came with it counts no more.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """The opinions that came from elsewhere, a batch a file."""
    with opening.studio() as studio:
        batches = studio.library.brought.batches()
        if withdraw is not None:
            if withdraw not in {one.id for one in batches}:
                raise UsageError(
                    f"There is no batch {withdraw}.", "See `talecraft feedback brought`."
                )
            studio.library.brought.withdraw(withdraw)
            console.note(f"Batch {withdraw} counts no more.")
            return
    if as_json:
        console.out_json(msgspec.to_builtins(batches))
        return
    console.table(
        ("batch", "opinions", "came", "from", ""),
        [
            (
                str(one.id), str(one.opinions), one.created_at[:16].replace("T", " "), one.name,
                "withdrawn" if one.withdrawn else "",
            )
            for one in batches
        ],
    )  # fmt: skip


@app.command()
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; without it, stdout.")
    ] = None,
    shape: Annotated[
        str,
        typer.Option(
            "--as",
            metavar="SHAPE",
            help="log: all that was ever said; rows: with stories and passages, for `import`."
            " What stands, as TRL reads it: preference (DPO), unpaired (KTO), completion (scored).",
        ),
    ] = "log",
    model: Annotated[
        str | None, typer.Option(metavar="ID", help="Whose passages, in TRL's shapes.")
    ] = None,
) -> None:
    """Opinions, one JSON object a line: the whole log, or what stands for other trainers."""
    from talecraft.studio import carrying
    from talecraft.studio.sharing import Shape, shared

    known = ("log", "rows", *get_args(Shape))
    if shape not in known:
        raise UsageError(f"There is no shape '{shape}'.", f"Use {', '.join(known)}.")
    left = 0
    with opening.studio(model) as studio:
        if shape == "log":
            shown = [shapes.opinion(line) for line in _lines(studio, every=True)]
        elif shape == "rows":
            shown = [msgspec.json.decode(line) for line in carrying.lines(studio.library)]
        else:
            ref = studio.model_ref()
            found = shared(studio.library, ref.key, ref.style, cast("Shape", shape))
            shown, left = found.rows, found.left_out
    if left:
        console.note(f"{left} opinions have no place in this shape, or are of another model.")
    if output is None:
        for one in shown:
            console.out_json(one)
        return
    from talecraft.paths import private_write

    private_write(output, b"".join(msgspec.json.encode(one) + b"\n" for one in shown))
    console.note(f"{len(shown)} lines are written to {output}.")


def _of(line: Feedback) -> str:
    """What of the passage was meant, where it is not all of it."""
    from talecraft.story.feedback import of_a_span

    if of_a_span(line):
        return " of words"
    return {"outline": " of the plan", "prose": " of the prose"}.get(line.aspect, "")


def _lines(studio: Studio, every: bool) -> list[Feedback]:
    from talecraft.story import feedback

    log = studio.library.feedback.all()
    return log if every else feedback.current(log)


def _parse(studio: Studio, source: str) -> list[Feedback]:
    """Every line of `source`, each proved to be one that can be added."""
    name = "standard input" if source == "-" else source
    found = []
    for number, raw in enumerate(console.read(source).splitlines(), 1):
        if not raw.strip():
            continue
        try:
            line = _feedback(msgspec.json.decode(raw, type=Line))
            studio.writing.check(line)
        except msgspec.MsgspecError as error:
            raise UsageError(f"{name}:{number}: {error}.", "Nothing was added.") from error
        except UsageError as error:
            raise UsageError(
                f"{name}:{number}: {error.message}", f"{error.hint} Nothing was added."
            ) from error
        found.append(line)
    if not found:
        raise UsageError(f"There is no score in {name}.", "Write one JSON object a line.")
    return found


def _feedback(line: Line) -> Feedback:
    from talecraft.story.feedback import Feedback

    if (line.stars is None) == (line.thumb is None):
        raise UsageError("A score is either stars or a thumb.", "Give one of the two.")
    if line.stars is not None:
        return Feedback(0, line.turn, "stars", line.stars, note=line.note)
    return Feedback(0, line.turn, "thumb", line.thumb, note=line.note)
