"""`talecraft models`: the catalogue, and one entry of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from talecraft.cli import console, opening

if TYPE_CHECKING:
    from talecraft.config.models import ModelSpec
    from talecraft.studio import Studio

app = typer.Typer(help="List the models and look at one.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every model of models.toml; '*' marks the one in use."""
    with opening.studio() as studio:
        shown = [_shape(studio, spec) for spec in studio.catalogue]
    if as_json:
        console.out_json(shown)
        return
    console.table(
        ("", "id", "size", "window", "installed", "write GB", "train GB", "title"),
        [
            (
                "*" if one["in_use"] else "",
                one["id"],
                one["parameters"],
                one["context_length"],
                "yes" if one["installed"] else "no",
                one["memory_to_write"],
                one["memory_to_train"],
                one["title"],
            )
            for one in shown
        ],
    )


@app.command()
def info(model: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """All that is known of one model."""
    with opening.studio() as studio:
        shown = _shape(studio, studio.catalogue.get(model))
    if as_json:
        console.out_json(shown)
        return
    for key, value in shown.items():
        text = ", ".join(value) if isinstance(value, list) else value
        console.out(f"{key.replace('_', ' ')}: {text}")


def _shape(studio: Studio, spec: ModelSpec) -> dict[str, Any]:
    active = studio.library.adapters.active(spec.id)
    shape: dict[str, Any] = msgspec.to_builtins(spec)
    return shape | {
        "in_use": spec.id == studio.model.id,
        "installed": studio.catalogue.installed(spec, studio.home),
        "folder": str(studio.catalogue.folder(spec, studio.home)),
        "adapter": active.id if active else None,
    }
