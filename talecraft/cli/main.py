"""The typer application.

Commands import what they need when they run: `talecraft --help` loads neither the library nor
the page.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from talecraft import __version__
from talecraft.cli import (
    adapters,
    classifier,
    config,
    console,
    corpus,
    encoder,
    feedback,
    models,
    notes,
    pattern,
    presets,
    stories,
    style,
    system,
    train,
)
from talecraft.cli.bindings import Front, ListKeys, keys
from talecraft.cli.compare import compare
from talecraft.cli.demo import demo
from talecraft.cli.engine import engine
from talecraft.cli.page import OpenPage, guarded, open_on
from talecraft.cli.report import report
from talecraft.cli.study import study
from talecraft.cli.taste import taste
from talecraft.cli.write import write
from talecraft.errors import UsageError

EPILOG = """Exit codes: 0 done; 1 failed; 2 wrong use, wrong configuration or no terminal;
3 busy, try again later; 4 does not fit in memory or on disk; 5 gated or not authorised;
130 interrupted. Data goes to stdout, everything else to stderr."""

app = typer.Typer(
    name="talecraft",
    help="Co-write stories with a language model on your own machine, and teach it your taste."
    "\n\nWithout a command the page opens.",
    epilog=EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(write)
app.add_typer(stories.app, name="stories")
app.command()(taste)
app.command()(compare)
app.add_typer(feedback.app, name="feedback")
app.add_typer(models.app, name="models")
app.add_typer(train.app, name="train")
app.add_typer(pattern.app, name="pattern")
app.add_typer(corpus.app, name="corpus")
app.add_typer(classifier.app, name="classifier")
app.add_typer(style.app, name="style")
app.add_typer(encoder.app, name="encoder")
app.command()(report)
app.command()(study)
app.add_typer(adapters.app, name="adapters")
app.add_typer(config.app, name="config")
app.add_typer(notes.app, name="notes")
app.add_typer(presets.app, name="presets")
app.command()(keys)
app.command()(engine)
app.command()(demo)
app.command()(system.doctor)
app.command()(system.paths)


def _version(wanted: bool) -> None:
    if wanted:
        console.out(f"talecraft {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def page(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Option(metavar="ID", help="Open the page on this model.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Say in words what the page draws (screen readers).")
    ] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="Draw the page without colours, as NO_COLOR does.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is not None:
        if model is not None:
            raise UsageError(
                "--model before a command belongs to the page.",
                f"Put it after: talecraft {context.invoked_subcommand} --model {model}.",
            )
        if plain or no_color:
            option = "--plain" if plain else "--no-color"
            raise UsageError(
                f"{option} belongs to the page, which opens without a command.", "Leave it out."
            )
        return
    front: Front = context.obj
    raise typer.Exit(open_on(model, front.open_page, plain, not no_color))


def run(arguments: Sequence[str], open_page: OpenPage, list_keys: ListKeys) -> int:
    """Do what `arguments` say; returns the exit code. No error leaves as a traceback."""

    def command() -> object:
        try:
            return app(
                args=list(arguments),
                prog_name="talecraft",
                standalone_mode=False,
                obj=Front(open_page, list_keys),
            )
        except TyperException as error:
            return _misused(error)
        except typer.Abort:
            raise KeyboardInterrupt from None

    return guarded(command)


def _misused(error: TyperException) -> int:
    """Typer's own errors in the form of ours."""
    if error.__class__.__name__ == "NoArgsIsHelpError":  # typer does not export it
        print(error.format_message(), file=sys.stderr)
        return error.exit_code
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "talecraft"
    message = error.format_message()
    end = "" if message.endswith((".", "?")) else "."
    console.note(f"{message}{end} See `{path} --help`.")
    return error.exit_code
