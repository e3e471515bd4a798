"""`talecraft presets`: sets of sampling numbers, for a story each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from talecraft.cli import console, opening

if TYPE_CHECKING:
    from talecraft.config.presets import Preset

app = typer.Typer(help="Ways of drawing words, by name.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `presets list` has it.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Every preset, and what it sets; '*' marks your own."""
    with opening.studio() as studio:
        presets = studio.drawing.presets
        if as_json:
            console.out_json([_shape(one) for one in presets.values()])
            return
        console.table(
            ("", "preset", "sets", "about"),
            [
                ("*" * presets.is_own(name), name, one.words, one.about)
                for name, one in presets.items()
            ],
        )


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """What one preset sets."""
    with opening.studio() as studio:
        found = studio.drawing.presets.find(name)
    if as_json:
        console.out_json(_shape(found))
        return
    if found.about:
        console.out(found.about)
    for key, value in found.values.items():
        console.out(f"{key} = {value}")


@app.command()
def use(
    story: Annotated[int, typer.Argument(metavar="STORY", help="The story's number.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="'' draws as the settings say.")],
) -> None:
    """Draw words in a story by a preset from its next passage on."""
    with opening.studio() as studio:
        studio.drawing.use(story, name)
    how = f"by the preset {name}" if name else "as the settings say"
    console.note(f"In story {story} words are drawn {how}.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Else the file's own.")] = "",
    as_json: Json = False,
) -> None:
    """Take a preset in from SillyTavern, KoboldAI (JSON) or text-generation-webui (YAML)."""
    with opening.studio() as studio:
        preset, left = studio.drawing.take_in(file, name)
    if as_json:
        console.out_json(_shape(preset) | {"left_out": list(left)})
        return
    console.out(f"{preset.id}: {preset.words}")
    if left:
        console.note(f"Left out, as there is no such sampler here: {', '.join(left)}.")


@app.command()
def delete(name: Name) -> None:
    """Delete one of your own; stories that have it draw as the settings say."""
    with opening.studio() as studio:
        studio.drawing.presets.drop(name)
    console.note(f"The preset {name} is deleted.")


def _shape(preset: Preset) -> dict[str, Any]:
    shape: dict[str, Any] = msgspec.to_builtins(preset)
    return shape
