"""`talecraft models pull` and `rm`: the files of a model, from its hub and away again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from talecraft.cli import console, opening
from talecraft.errors import UsageError

if TYPE_CHECKING:
    from talecraft.process.fetch_messages import Found
    from talecraft.studio.fetching import Hear, Progress, Pulled

T = TypeVar("T")
Which = Annotated[str, typer.Argument(metavar="ID", help="As `models list` names it.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def pull(model: Which, as_json: Json = False) -> None:
    """Fetch a model from its hub, going on where a fetch was cut off; Ctrl+C keeps what came.

    Only safetensors, tokenizer and configuration are taken, each checked. A gated model asks for
    a token once, on a terminal; huggingface_hub keeps it. Elsewhere set HF_TOKEN.
    """
    with opening.studio() as studio:
        spec = studio.catalogue.get(model)
        done = told(lambda hear, token: studio.fetching.pull(model, hear, token))
        shown = {
            "id": model,
            "commit": done.commit,
            "size": done.size,
            "already": done.already,
            "folder": str(studio.catalogue.folder(spec, studio.home)),
        }
    from talecraft.studio.memory import size

    which = f", commit {done.commit}" if done.commit else ", put there by hand"
    if done.already:
        console.note(f"{spec.title} is here already ({size(done.size / 1e6)}{which}).")
        console.note(f"To fetch what is newest: talecraft models rm {model}, then pull again.")
    else:
        console.note(f"{spec.title} is here ({size(done.size / 1e6)}{which}).")
    if as_json:
        console.out_json(shown)


def remove(
    model: Which,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a model's files; its entry, your stories and its adapters stay.

    Of a model in a folder of yours the files stay, and its entry is taken out of models.toml.
    """
    from talecraft.studio.memory import size

    with opening.studio() as studio:
        if studio.catalogue.declared(model).source == "local":
            title = studio.catalogue.get(model).title
            lost = f"The entry of {title} leaves {studio.home.models_file}; its files stay."
            _agree(lost, yes)
            folder = studio.fetching.forget(model)
            shipped = any(spec.id == model for spec in studio.catalogue)
            now = "is as it came with Talecraft again" if shipped else "is listed no more"
            console.note(f"{model} {now}; its files stay in {folder}.")
            if as_json:
                console.out_json({"id": model, "freed": 0})
            return
        freed = studio.fetching.removable(model)
        title, words = studio.catalogue.get(model).title, size(freed / 1e6)
        lost = f"{title} takes {words}. It must be fetched again to write."
        _agree(lost, yes)
        freed = studio.fetching.remove(model)
    console.note(f"{size(freed / 1e6)} are free again.")
    if as_json:
        console.out_json({"id": model, "freed": freed})


def told(fetch: Callable[[Hear, str], Pulled | None]) -> Pulled:
    """What is fetched, a line saying how far it is. Raises what `fetch` raises."""
    line = _Line()
    try:
        done = with_token(lambda token: fetch(line.hear, token))
    except KeyboardInterrupt:
        line.end()
        console.note("Stopped. What came is kept; the same command goes on there.")
        raise
    finally:
        line.end()
    assert done is not None  # nobody but Ctrl+C stops it
    return done


def with_token(fetch: Callable[[str], T]) -> T:
    """What `fetch` gives; where a hub asks for a token it is asked for, once, on a terminal.

    Raises what `fetch` raises. The token is not shown as it is typed.
    """
    from talecraft.studio.fetch_words import TokenWanted

    try:
        return fetch("")
    except TokenWanted as wanted:
        if not sys.stdin.isatty():
            raise
        console.note(str(wanted))
        token = typer.prompt(
            "Token (not shown; Enter for none)", "", True, err=True, show_default=False
        )
        if not token.strip():
            raise
        return fetch(token.strip())


def _agree(lost: str, yes: bool) -> None:
    """Ask on a terminal, unless it was said already; a no ends the command. Raises UsageError where
    there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(lost, "If you mean it, add --yes.")
    console.note(lost)
    if not typer.confirm("Remove it?", default=False, err=True):
        console.note("Nothing was removed.")
        raise typer.Exit(1)


class _Line:
    """How far it is, and first what there is to fetch."""

    def __init__(self) -> None:
        self._line = console.OneLine()

    def hear(self, event: Found | Progress) -> None:
        from talecraft.studio.fetching import Progress
        from talecraft.studio.memory import size

        if isinstance(event, Progress):
            self._line.say(event.words)
            return
        left = f"; {size(event.left / 1e6)} are still to come" if event.left < event.size else ""
        console.note(f"{event.files} files, {size(event.size / 1e6)}{left}. Commit {event.commit}.")

    def end(self) -> None:
        self._line.end()
