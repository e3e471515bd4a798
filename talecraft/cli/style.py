"""`talecraft style`: an author's manner: an encoder that tells it, a run that learns it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from talecraft.cli import console, opening, planned
from talecraft.cli.planned import Detach, DryRun, Json, Yes

if TYPE_CHECKING:
    from talecraft.process.run_events import MannerLearned
    from talecraft.process.style import Epoch
    from talecraft.studio import Studio
    from talecraft.studio.styles import Kept

app = typer.Typer(help="Learn an author's manner.", no_args_is_help=True)
Model = Annotated[str | None, typer.Option(metavar="ID", help="Of this model.")]
Which = Annotated[str, typer.Argument(metavar="NAME", help="Which one.")]


@app.callback()
def _style() -> None:
    """Learn an author's manner."""


@app.command()
def fit(
    pairs: Annotated[
        Path, typer.Argument(metavar="PAIRS", help="A file that `talecraft corpus pairs` wrote.")
    ],
    encoder: Annotated[
        str,
        typer.Option(
            metavar="FOLDER",
            help="A sentence encoder to tune, or the name of one that was fetched; without it"
            " all-MiniLM-L6-v2 where it is here, else, or where it is none, one made of the model.",
        ),
    ] = "",
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call it.")] = "style",
    epochs: Annotated[
        int, typer.Option(min=0, max=1000, help="Times through the pairs, at most; 0: as usual.")
    ] = 0,
    model: Model = None,
    force: Annotated[bool, typer.Option("--force", help="Replace one of this name.")] = False,
    as_json: Json = False,
) -> None:
    """Fit an encoder that tells manners apart, and say how well it does on pairs held back.

    Nothing is fetched here. Half of the held pairs choose the epoch, the other half tells.
    """
    line = console.OneLine()

    def hear(far: Epoch) -> None:
        line.say(
            f"{far.number} of {far.of} times through the pairs: loss {far.loss:.3f}, correlation"
            f" {far.correlation:.3f}"
        )

    with opening.studio(model) as studio:
        console.note("Reading the pairs ...")
        try:
            kept = studio.training.styles.fit(
                studio.model, pairs, encoder, name, epochs, force, hear
            )
        finally:
            line.end()
    _show(kept, as_json)


@app.command()
def learn(
    author: Annotated[str, typer.Option(metavar="NAME", help="Whose manner.")],
    texts: Annotated[
        list[Path],
        typer.Option(metavar="FILE|FOLDER", help="Chunks (`corpus chunk`), or books: txt, md."),
    ],
    style: Annotated[
        str, typer.Option(metavar="NAME", help="Which style tells how near it comes.")
    ] = "style",
    epochs: Annotated[
        int | None, typer.Option(min=1, max=100, help="Times through the chunks (SFT).")
    ] = None,
    updates: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Updates by reward (GRPO).")
    ] = None,
    rewards: Annotated[
        str | None,
        typer.Option(metavar="NAME[=WEIGHT],...", help="What GRPO is rewarded by, style with it."),
    ] = None,
    most: Annotated[
        int, typer.Option(min=20, max=100_000, help="Of more chunks so many are drawn.")
    ] = 600,
    model: Model = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Learn to write in an author's manner: from their chunks, then by how near it comes.

    Whole books are held back to judge by, or chapters where there is one book. It is adopted only
    where either stage surely came nearer to these. Ctrl+C only ends the following.
    """
    from talecraft.cli.train import report
    from talecraft.story.rewards import parse
    from talecraft.studio.manners import lines

    asked = parse(rewards) if rewards is not None else None
    line = console.OneLine()
    with opening.studio(model, settle=True) as studio:
        console.note("Reading the texts ...")
        try:
            plan = studio.manners.plan(
                studio.model, author, texts, style, epochs, updates, asked, most,
                lambda far: line.say(f"{far.done:,} of {far.of:,} chunks planned"),
            )  # fmt: skip
        finally:
            line.end()
        told = lines(plan, studio.model.title)
        if dry_run and as_json:
            console.out_json(msgspec.to_builtins(plan) | {"manner": len(plan.manner)})
            return
        if dry_run:
            planned.show(told, plan.refusal)
            return
        ended = planned.start(
            studio, lambda: studio.manners.start(studio.model, plan, seed), told,
            not plan.refusal and not yes, detach, as_json,
        )  # fmt: skip
    report(ended, detach, as_json)


@app.command("report")
def report_(
    run_id: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Without it, the newest one that learned a manner."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The picture; among the exports if"
                     " absent."),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """How near an author's manner a run came: before, after SFT and after GRPO.

    A table, and a picture of it as a PNG. `talecraft report` writes the whole run down.
    """
    from talecraft.studio.reporting import manner, writing

    with opening.studio(settle=True) as studio:
        run, told = _learned(studio, run_id)
        place = writing.picture(studio.home, told, run, output)
    if as_json:
        console.out_json({"run": run, "path": str(place), **msgspec.to_builtins(told)})
        return
    console.note(f"{manner.title(told)}.")
    console.table(manner.HEAD, manner.rows(told))
    for name, gain in manner.gains(told):
        console.out(f"{name}: {manner.gain_words(gain)}")
    console.out(str(place))


def _learned(studio: Studio, run_id: str | None) -> tuple[str, MannerLearned]:
    """The newest run, or this one, that says what it learned of a manner. Raises UsageError."""
    from talecraft.errors import UsageError
    from talecraft.process.run_events import MannerLearned

    runs = [studio.library.runs.get(run_id)] if run_id else studio.library.runs.list()
    for run in runs:
        for event in reversed(studio.training.tail(run.id).read() if run.method == "style" else []):
            if isinstance(event, MannerLearned):
                return run.id, event
    what = f"Run {run_id} has" if run_id else "No run has"
    raise UsageError(f"{what} learned a manner to its end.", "Learn one: `talecraft style learn`.")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """The styles there are."""
    with opening.studio() as studio:
        found = studio.training.styles.all()
    if as_json:
        console.out_json([_json(one) for one in found])
        return
    rows = []
    for one in found:
        made = one.tuned
        told = ("broken", "", "")
        if made is not None:
            told = (f"{made.after.value:.3f}", f"{made.pairs:,}", made.began)
        rows.append((one.name, *told))
    console.table(("name", "correlation", "pairs", "made of"), rows)


@app.command()
def show(name: Which = "style", as_json: Json = False) -> None:
    """What one was fitted to, and how well it tells manners apart."""
    with opening.studio() as studio:
        kept = studio.training.styles.find(name)
    _show(kept, as_json)


@app.command()
def delete(name: Which) -> None:
    """Remove one; what was learned by it stays."""
    with opening.studio() as studio:
        kept = studio.training.styles.delete(name)
    console.note(f"Style {kept.name} was removed.")


def _json(kept: Kept) -> dict[str, object]:
    return {"name": kept.name, "path": str(kept.path), "tuned": msgspec.to_builtins(kept.tuned)}


def _show(kept: Kept, as_json: bool) -> None:
    if as_json:
        console.out_json(_json(kept))
        return
    made = kept.tuned
    if made is None:
        console.out(f"{kept.path} is broken; fit it again.")
        return
    console.out(f"Style {kept.name}, made of {made.began}, fitted to {made.pairs:,} pairs")
    console.out(f"Correlation on {made.held:,} held pairs (Spearman): {made.after.told}")
    console.out(f"Before: {made.before.told}")
    if made.after.low <= made.before.value:
        console.out("It is not surely better than before: more pairs, of more books, would help.")
    console.out(f"Epoch {made.best} of {made.epochs} was kept, by {made.chosen_by:,} other pairs.")
    if made.model:
        console.out(f"It reads with {made.model}.")
