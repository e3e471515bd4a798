"""`talecraft encoder`: sentence encoders, which compare words and manners: pull, list, rm."""

from __future__ import annotations

from typing import Annotated

import typer

from talecraft.cli import console, fetching, opening
from talecraft.cli.planned import Json

app = typer.Typer(help="Fetch encoders that compare words and manners.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Its repository, as owner/name.")]


@app.callback()
def _encoder() -> None:
    """Fetch encoders that compare words and manners."""


@app.command()
def pull(name: Name = "", as_json: Json = False) -> None:
    """Fetch a sentence encoder, going on where a fetch was cut off.

    Without a name it is sentence-transformers/all-MiniLM-L6-v2, which is in use as soon as it is
    here, another one when `training.encoder` names it. Only safetensors, tokenizer and
    configuration are taken, each checked.
    """
    from talecraft.process.style import USUAL
    from talecraft.studio.memory import size

    name = name or USUAL
    with opening.studio() as studio:
        done = fetching.told(lambda hear, token: studio.training.encoders.pull(name, hear, token))
        place = next(str(one.path) for one in studio.training.encoders.all() if one.name == name)
    how = "is here already" if done.already else "is here"
    console.note(f"{name} {how} ({size(done.size / 1e6)}, commit {done.commit}).")
    if name != USUAL:
        console.note(f"To compare words by it: talecraft config set training.encoder {name}")
    if as_json:
        console.out_json(
            {"name": name, "commit": done.commit, "size": done.size, "already": done.already,
             "folder": place}
        )  # fmt: skip


@app.command("list")
def list_(as_json: Json = False) -> None:
    """The encoders there are."""
    from talecraft.studio.memory import size

    with opening.studio() as studio:
        found = studio.training.encoders.all()
    if as_json:
        console.out_json(
            [
                {"name": one.name, "commit": one.commit, "size": one.size, "folder": str(one.path)}
                for one in found
            ]
        )
        return
    rows = [(one.name, size(one.size / 1e6), one.commit[:12]) for one in found]
    console.table(("name", "size", "commit"), rows)


@app.command("rm")
def remove(name: Name) -> None:
    """Delete one; what was learned by it stays."""
    from talecraft.studio.memory import size

    with opening.studio() as studio:
        freed = studio.training.encoders.remove(name)
    console.note(f"{size(freed / 1e6)} are free again.")
