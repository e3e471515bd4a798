"""`talecraft models`: the catalogue, an entry of it, one more; fetching, removing, measuring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from talecraft.cli import console, examining, fetching, opening

if TYPE_CHECKING:
    from talecraft.config.models import ModelSpec
    from talecraft.studio import Studio
    from talecraft.studio.fit import Fit

app = typer.Typer(
    help="List the models, add, fetch, remove and measure them.", no_args_is_help=True
)
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
    """All that is known of one model, and what memory it needs in each precision."""
    from talecraft.studio import memory

    with opening.studio() as studio:
        spec = studio.catalogue.get(model)
        shown = _shape(studio, spec)
        if shown["installed"]:
            opening.measured(studio)
        needs = studio.fitting().of(spec)
        free = studio.free_memory
        where = studio.machine.device
    if as_json:
        told = {"needs": msgspec.to_builtins(needs), "free_mb": free, "device": where}
        console.out_json(shown | told)
        return
    for key, value in shown.items():
        text = ", ".join(value) if isinstance(value, list) else value
        unit = " GB" if key.startswith("memory_") else ""
        console.out(f"{key.replace('_', ' ')}: {text}{unit}")
    rest = f", {memory.size(free)} free" if free is not None else ""
    if not needs:
        console.out(f"Memory it needs on {where}{rest}: in each precision when its files are here.")
    else:
        console.out(f"Memory it needs on {where}{rest}; '*' is what it would have:")
        console.table(
            ("", "precision", "to write", "to train", "both"),
            [("*" if one.chosen else "", one.quantisation, *_amounts(one, free)) for one in needs],
        )


def _amounts(one: Fit, free: float | None) -> list[str]:
    """What it needs, and whether that is there."""
    from talecraft.studio import memory

    return [
        memory.size(mb) + (" (does not fit)" if free is not None and mb > free else "")
        for mb in (one.write, one.train, one.both)
    ]


@app.command()
def quantise(
    model: Annotated[str, typer.Argument(metavar="ID")],
    quantisation: Annotated[
        str,
        typer.Argument(
            metavar="QUANTISATION", help="nf4, int8, bf16, fp32; none: as suits this machine."
        ),
    ],
) -> None:
    """Load a model in this precision from now on; your models.toml says so."""
    from talecraft.config import adding, precision

    with opening.studio() as studio:
        chosen = precision.known(quantisation)
        adding.quantise(studio.home, studio.catalogue.declared(model), chosen)
        console.note(f"{model} is {chosen} from the next start on ({studio.home.models_file}).")


@app.command()
def add(
    where: Annotated[
        str, typer.Argument(metavar="REPO|FOLDER", help="owner/name at the hub, or a folder.")
    ],
    id_: Annotated[str, typer.Option("--id", metavar="ID", help="What to call it here.")] = "",
    title: Annotated[str, typer.Option(help="What it is called on the page.")] = "",
    revision: Annotated[
        str, typer.Option(help="A branch, tag or commit; of a folder, your name of its weights.")
    ] = "",
    quantisation: Annotated[
        str,
        typer.Option(
            help="nf4, int8, bf16, fp32, or none: as suits this machine. Left out, nf4 from three"
            " billion weights on."
        ),
    ] = "",
    style: Annotated[
        str, typer.Option(help="How it is prompted; left out, chat where it has a chat template.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Add any causal language model of transformers to your models.toml; its configuration is read.

    Nothing else of a repository is fetched yet: `talecraft models pull` does that.
    """
    from talecraft.studio.adding import Wish
    from talecraft.studio.adding import add as add_to_catalogue

    with opening.studio() as studio:
        wish = Wish(id_, title, revision, quantisation, style)
        spec = fetching.with_token(
            lambda token: add_to_catalogue(studio.home, studio.catalogue, where, wish, token)
        )
        shown = _shape(studio, spec)
        console.note(
            f"{spec.id} is in {studio.home.models_file}: {spec.parameters}, {spec.context_length}"
            f" tokens, style {spec.style}, quantisation {spec.quantisation}."
        )
        if not shown["installed"]:
            console.note(f"Fetch it: talecraft models pull {spec.id}")
    if as_json:
        console.out_json(shown)


app.command()(fetching.pull)
app.command("rm")(fetching.remove)
app.command("eval")(examining.evaluate)


def _shape(studio: Studio, spec: ModelSpec) -> dict[str, Any]:
    active = studio.library.adapters.active(spec.id)
    shape: dict[str, Any] = msgspec.to_builtins(spec)
    return shape | {
        "in_use": spec.id == studio.model.id,
        "installed": studio.catalogue.installed(spec, studio.home),
        "folder": str(studio.catalogue.folder(spec, studio.home)),
        "adapter": active.id if active else None,
    }
