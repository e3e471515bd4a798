"""The command line in this process, over the tiny engine and the tiny run."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import NamedTuple

import pytest

import talecraft.studio
from talecraft.app.main import list_keys
from talecraft.cli.main import run
from talecraft.process import classifier, look, machine, run_client, style, survey
from talecraft.studio import Studio, demo
from tests.support import tiny
from tests.support.hub_fixtures import hub as hub


class Result(NamedTuple):
    """`error` is stderr without narration: what a failed command says."""

    code: int
    out: str
    err: str


Talecraft = Callable[..., Result]


@pytest.fixture
def pages() -> list[str | None]:
    """The models that a page was opened on."""
    return []


@pytest.fixture
def talecraft_(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pages: list[str | None]
) -> Talecraft:
    """Run a command with `stdin`; returns its exit code, stdout and stderr."""
    monkeypatch.setattr(run_client, "COMMAND", tiny.RUN)
    monkeypatch.setattr(look, "COMMAND", tiny.LOOK)
    monkeypatch.setattr(survey, "COMMAND", tiny.SURVEY)
    monkeypatch.setattr(classifier, "COMMAND", tiny.FITTING)
    monkeypatch.setattr(style, "COMMAND", tiny.STYLING)
    monkeypatch.setattr(machine, "COMMAND", tiny.PROBE)
    with_tiny = functools.partial(Studio, engine_command=tiny.ENGINE)
    monkeypatch.setattr(talecraft.studio, "Studio", with_tiny)
    monkeypatch.setattr(demo, "run", functools.partial(demo.run, engine_command=tiny.ENGINE))

    def open_page(model: str | None, plain: bool) -> int:
        pages.append(model)
        return 0

    def call(*arguments: str, stdin: str | bytes = "") -> Result:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
        capsys.readouterr()
        code = run(arguments, open_page, list_keys)
        return Result(code, *capsys.readouterr())

    return call
