"""`talecraft adapters`: what was learned, which of it writes, and the way back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talecraft.cli import console, opening, shapes
from talecraft.errors import UsageError

if TYPE_CHECKING:
    from talecraft.library.adapters import Adapter
    from talecraft.studio import Studio
    from talecraft.studio.adapters import Branch, Origin

app = typer.Typer(
    help="List adapters, use one, go back, name and delete them.", no_args_is_help=True
)
Model = Annotated[str | None, typer.Option(metavar="ID", help="Of this model.")]
Which = Annotated[
    str, typer.Argument(metavar="ADAPTER", help="Its name, its id or how that begins.")
]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
MARKS = {"active": "●", "retired": "○", "candidate": "○", "rejected": "✗"}
DELETED = "·"


@app.command("list")
def list_(model: Model = None, as_json: Json = False) -> None:
    """The tree of every model: each adapter took over from the one above it in its own column."""
    with opening.studio(model, settle=True) as studio:
        ids = dict.fromkeys(one.model_id for one in studio.library.adapters.list(model))
        trees = {one: studio.adapters.tree(one) for one in ids}
        branches = [branch for tree in trees.values() for branch in tree]
        written = {
            one.adapter.id: studio.library.stories.generated_by(one.adapter.id) for one in branches
        }
    if as_json:
        console.out_json(
            [
                shapes.adapter(one.adapter) | {"depth": one.depth, "turns": written[one.adapter.id]}
                for one in branches
            ]
        )
        return
    rows: list[tuple[object, ...]] = []
    for model_id, tree in trees.items():
        bare = not any(one.adapter.state == "active" for one in tree)
        root = MARKS["active" if bare else "retired"]
        rows.append((f"{root} {model_id} as it came", "", "active" if bare else "", "", "", ""))
        rows += [_row(one, written[one.adapter.id]) for one in tree]
    console.table(("adapter", "id", "state", "turns", "made", "note"), rows)


def _row(branch: Branch, written: int) -> tuple[object, ...]:
    one = branch.adapter
    gone = one.deleted_at is not None
    return (
        f"{branch.rails}{DELETED if gone else MARKS[one.state]} {one.name}".rstrip(),
        one.id,
        "deleted" if gone else one.state,
        written,
        one.created_at[:16],
        one.note,
    )


@app.command()
def show(adapter: Which, model: Model = None, as_json: Json = False) -> None:
    """What an adapter was learned from, how it was judged, and what it writes."""
    with opening.studio(model, settle=True) as studio:
        found = studio.library.adapters.get(adapter, studio.model.id)
        origin = studio.adapters.origin(found)
    if as_json:
        console.out_json(_origin_shape(origin))
        return
    _print_origin(origin)


@app.command()
def use(
    adapter: Annotated[
        str,
        typer.Argument(metavar="ADAPTER|none", help="Its name, its id or how that begins."),
    ],
    model: Model = None,
) -> None:
    """Write with this adapter from now on; with 'none', with the bare model."""
    with opening.studio(model, settle=True) as studio:
        _say(studio.use_adapter(None if adapter == "none" else adapter), studio.model.id)


@app.command()
def rollback(model: Model = None) -> None:
    """Go back to what wrote before the active adapter was adopted, as far as it is still there."""
    with opening.studio(model, settle=True) as studio:
        left = studio.library.adapters.active(studio.model.id)
        back = studio.roll_back()
        if left is not None and left.parent_id != (back.id if back is not None else None):
            console.note("What wrote just before it has been deleted; this is the one before that.")
        _say(back, studio.model.id)


@app.command()
def name(adapter: Which, name: str, model: Model = None) -> None:
    """Give an adapter a name, to call it by from now on; '' takes it away."""
    with opening.studio(model, settle=True) as studio:
        named = studio.adapters.name(adapter, name, studio.model.id)
    if named.name:
        console.note(f"Adapter {named.id} is called '{named.name}'.")
    else:
        console.note(f"Adapter {named.id} has no name.")


@app.command()
def note(adapter: Which, text: str, model: Model = None) -> None:
    """Remember something about an adapter; '' forgets it."""
    with opening.studio(model, settle=True) as studio:
        noted = studio.adapters.note(adapter, text, studio.model.id)
    console.note(f"The note on {noted.label} is {'kept' if noted.note else 'gone'}.")


@app.command()
def delete(
    adapter: Which,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    model: Model = None,
) -> None:
    """Remove an adapter's files for good; what it wrote, and what came after it, stays."""
    with opening.studio(model, settle=True) as studio:
        found = studio.adapters.living(adapter, studio.model.id)
        if not yes and not _agreed(studio, found):
            console.note("Nothing was deleted.")
            raise typer.Exit(1)
        studio.adapters.delete(found.id)
    console.note(f"Adapter {found.label} is deleted.")


@app.command()
def export(
    adapter: Annotated[
        str,
        typer.Argument(
            metavar="ADAPTER|none", help="Its name, its id or how that begins; the bare model."
        ),
    ],
    target: Annotated[
        Path | None,
        typer.Argument(metavar="PLACE", help="A new file or folder; among the exports if absent."),
    ] = None,
    form: Annotated[
        str, typer.Option("--as", metavar="FORM", help="peft, merged, gguf or gguf-adapter.")
    ] = "peft",
    model: Model = None,
    as_json: Json = False,
) -> None:
    """Hand an adapter on to other programs.

    peft: the adapter's folder. merged: the whole model in safetensors. gguf: the whole model for
    llama.cpp. gguf-adapter: the adapter alone, for llama.cpp's --lora over the model's own gguf
    (`export none --as gguf`).
    """
    from talecraft.studio.adapter_export import export as export_
    from talecraft.studio.memory import size

    line = console.OneLine()
    with opening.studio(model, settle=True) as studio:
        try:
            place, made = export_(
                studio, adapter, form, target, lambda done: line.say(f"{done:.0%} written")
            )
        finally:
            line.end()
    if as_json:
        console.out_json(
            {"path": str(place), "form": form, "bytes": made.size, "precision": made.precision}
        )
    else:
        console.out(f"{place}  {size(made.size / 1e6)}, {made.precision}")


def _agreed(studio: Studio, adapter: Adapter) -> bool:
    """Ask on a terminal. Raises UsageError where there is nobody to ask."""
    if not sys.stdin.isatty():
        raise UsageError("Deleting an adapter cannot be undone.", "If you mean it, add --yes.")
    written = studio.library.stories.generated_by(adapter.id)
    console.note(
        f"Adapter {adapter.label} ({adapter.id}) has written {_passages(written)}. Its files cannot"
        " be brought back."
    )
    return typer.confirm("Delete it?", default=False, err=True)


def _say(adapter: Adapter | None, model_id: str) -> None:
    if adapter is None:
        console.note(f"{model_id} now writes without an adapter.")
    else:
        called = f"{adapter.name} ({adapter.id})" if adapter.name else adapter.id
        console.note(f"{adapter.model_id} now writes with adapter {called}.")
    console.note("A page that is open elsewhere takes it up when it is next started.")


def _origin_shape(origin: Origin) -> dict[str, object]:
    import msgspec

    return {
        **shapes.adapter(origin.adapter),
        "turns": origin.passages,
        "origin": shapes.run(origin.run) if origin.run is not None else None,
        "taste": msgspec.to_builtins(origin.taste),
        "evaluation": msgspec.to_builtins(origin.outcome),
    }


def _print_origin(origin: Origin) -> None:
    from talecraft.cli.train import print_checks

    one = origin.adapter
    console.out(f"{one.name or 'Adapter'} {one.id}".strip())
    state = f"deleted {one.deleted_at[:10]}" if one.deleted_at is not None else one.state
    console.out(f"State: {state}. Model: {one.model_key}. Made: {one.created_at[:16]}")
    if one.note:
        console.out(f"Note: {one.note}")
    written = _passages(origin.passages)
    before = origin.parent.label if origin.parent is not None else f"{one.model_id} as it came"
    console.out(f"Took over from: {before}. Has written {written}.")
    if one.is_root and one.state == "rejected":
        console.out("It was to learn the pattern from tales, and was not adopted.")
    elif one.is_root:
        console.out("A root: it has learned the pattern, and later training begins at it.")
    elif one.root_id is not None:
        console.out(f"Root: it began at pattern adapter {one.root_id}.")
    if (run := origin.run) is not None:
        console.out(f"Run: {run.id} ({run.method}, seed {run.seed})")
    if (taste := origin.taste) is not None:
        stories = "1 story" if taste.stories == 1 else f"{taste.stories} stories"
        console.out(
            f"Learned from: {taste.opinions} opinions in {stories}; orders"
            f" {taste.concordance:.0%} of {taste.pairs} unseen pairs rightly"
            f" ({taste.low:.0%} to {taste.high:.0%})."
        )
        console.out(taste.words)
    if (outcome := origin.outcome) is None:
        console.out("How it was judged is not recorded.")
        return
    console.out(f"Verdict: {outcome.words}")
    print_checks(outcome.checks)
    for number, sample in enumerate(outcome.samples, 1):
        console.out(f"\nSample {number}: {sample.prompt}")
        for when, text in zip(("before", "after "), sample.told, strict=True):
            console.out(f"  {when} | {_indented(text)}")


def _indented(text: str) -> str:
    return "\n         | ".join(text.strip().splitlines()).replace("| \n", "|\n")


def _passages(number: int) -> str:
    return "nothing yet" if not number else "1 passage" if number == 1 else f"{number} passages"
