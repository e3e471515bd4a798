"""`talecraft paths` and `talecraft doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from talecraft.cli import console

if TYPE_CHECKING:
    from talecraft.studio import Studio
    from talecraft.studio.waiting import Inbox

Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def paths(as_json: Json = False) -> None:
    """Where everything is kept. TALECRAFT_HOME moves it all."""
    from talecraft.config.models import shipped_file
    from talecraft.paths import home

    here = home()
    found = {
        "library": here.library,
        "exports": here.exports,
        "runs": here.runs,
        "adapters": here.adapters,
        "idf": here.idf,
        "settings": here.settings_file,
        "models": here.models_file,
        "shipped_models": shipped_file(),
        "downloads": here.models,
        "encoders": here.encoders,
        "logs": here.logs,
    }
    if as_json:
        console.out_json({name: str(path) for name, path in found.items()})
    else:
        console.table(("what", "where"), found.items())


def doctor(
    model: Annotated[str | None, typer.Option(metavar="ID", help="Load this model.")] = None,
    as_json: Json = False,
) -> None:
    """Is everything in order? The engine is really started."""
    from talecraft.paths import home
    from talecraft.studio import Studio
    from talecraft.studio.doctor import examine

    def open_studio(inbox: Inbox) -> Studio:
        return Studio(inbox.put, model=model)

    findings = []
    for finding in examine(home(), open_studio):
        findings.append(finding)
        if not as_json:
            console.out(f"{finding.state:<5} {finding.matter:<13} {finding.words}")
    if as_json:
        console.out_json(msgspec.to_builtins(findings))
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)
