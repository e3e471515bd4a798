"""`talecraft adapters`: what was learned, which of it writes, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from talecraft.cli import console, opening, shapes

if TYPE_CHECKING:
    from talecraft.library.adapters import Adapter

app = typer.Typer(help="List adapters, use one, go back.", no_args_is_help=True)
Model = Annotated[str | None, typer.Option(metavar="ID", help="Of this model.")]


@app.command("list")
def list_(
    model: Model = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Every adapter, the oldest first."""
    with opening.studio(model, settle=True) as studio:
        found = studio.library.adapters.list(model)
        written = {one.id: studio.library.stories.generated_by(one.id) for one in found}
    if as_json:
        console.out_json([shapes.adapter(one) | {"turns": written[one.id]} for one in found])
        return
    console.table(
        ("id", "model", "state", "turns", "made", "run"),
        [
            (one.id, one.model_id, one.state, written[one.id], one.created_at[:16], one.run_id)
            for one in found
        ],
    )


@app.command()
def use(
    adapter: Annotated[str, typer.Argument(metavar="ID|none", help="Its id or how it begins.")],
    model: Model = None,
) -> None:
    """Write with this adapter from now on; with 'none', with the bare model."""
    with opening.studio(model, settle=True) as studio:
        _say(studio.use_adapter(None if adapter == "none" else adapter), studio.model.id)


@app.command()
def rollback(model: Model = None) -> None:
    """Go back to what wrote before the active adapter was adopted."""
    with opening.studio(model, settle=True) as studio:
        _say(studio.roll_back(), studio.model.id)


def _say(adapter: Adapter | None, model_id: str) -> None:
    if adapter is None:
        console.note(f"{model_id} now writes without an adapter.")
    else:
        console.note(f"{adapter.model_id} now writes with adapter {adapter.id}.")
    console.note("A page that is open elsewhere takes it up when it is next started.")
