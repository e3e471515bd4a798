"""What each room really imports, seen from outside: the twin of import-linter's contracts.

A static graph cannot see what is imported late; a fresh interpreter can.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "torch", "transformers", "trl", "peft", "bitsandbytes", "accelerate", "safetensors",
    "sentence_transformers", "talecraft.engine", "talecraft.learning",
}  # fmt: skip


def modules_after(code: str) -> set[str]:
    """The names in sys.modules of a new interpreter that ran `code`."""
    program = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def all_modules(package: str) -> str:
    """Code that imports everything in a package."""
    return (
        f"import pkgutil, importlib, {package}\n"
        f"for found in pkgutil.walk_packages({package}.__path__, '{package}.'):\n"
        "    importlib.import_module(found.name)"
    )


@pytest.mark.parametrize(
    "package",
    [
        "talecraft.story", "talecraft.config", "talecraft.library", "talecraft.process",
        "talecraft.studio", "talecraft.cli", "talecraft.app", "talecraft.hub",
    ],
)  # fmt: skip
def test_no_room_of_the_writing_side_brings_torch_or_its_family(package: str) -> None:
    assert modules_after(all_modules(package)) & HEAVY == set()


def test_the_child_that_reads_texts_brings_no_torch_either() -> None:
    assert modules_after(all_modules("talecraft.corpus")) & HEAVY == set()


def test_only_the_child_that_fetches_brings_a_hubs_client() -> None:
    for package in ("talecraft.studio", "talecraft.cli", "talecraft.app"):
        assert modules_after(all_modules(package)) & {"huggingface_hub", "httpx2"} == set()


def test_pictures_are_drawn_only_where_a_report_is_written() -> None:
    for package in ("talecraft.studio", "talecraft.cli", "talecraft.app"):
        assert modules_after(all_modules(package)) & {"matplotlib", "PIL"} == set()


def test_the_story_is_pure() -> None:
    found = modules_after(all_modules("talecraft.story"))
    assert found & {
        "sqlite3", "asyncio", "subprocess", "socket", "textual", "typer", "rich", "platformdirs",
        "talecraft.paths", "talecraft.config", "talecraft.library", "talecraft.process",
    } == set()  # fmt: skip


@pytest.mark.parametrize(
    "package",
    [
        "talecraft.config",
        "talecraft.library",
        "talecraft.process",
        "talecraft.studio",
        "talecraft.cli",
    ],
)
def test_only_the_app_draws(package: str) -> None:
    assert modules_after(all_modules(package)) & {"textual", "textual_plot"} == set()


def test_config_library_and_process_stand_beside_each_other() -> None:
    above = {"talecraft.studio", "talecraft.cli", "talecraft.app", "typer"}
    assert modules_after(all_modules("talecraft.library")) & {
        *above, "talecraft.process", "talecraft.config",
    } == set()  # fmt: skip
    assert modules_after(all_modules("talecraft.process")) & {
        *above, "talecraft.library", "talecraft.config",
    } == set()  # fmt: skip
    assert modules_after(all_modules("talecraft.config")) & {
        *above, "talecraft.library", "talecraft.process",
    } == set()  # fmt: skip


def test_help_brings_neither_the_page_nor_the_library() -> None:
    code = (
        "import io, contextlib\nfrom talecraft.cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    assert run(['--help'], lambda model, plain: 0, lambda: ([], [])) == 0"
    )
    assert modules_after(code) & {
        *HEAVY, "textual", "rich", "sqlite3", "asyncio", "numpy", "talecraft.studio",
        "talecraft.library", "talecraft.app",
    } == set()  # fmt: skip


def test_the_entry_point_imports_nothing_until_it_is_called() -> None:
    found = modules_after("import talecraft.__main__")
    assert {name for name in found if name.startswith("talecraft")} == {
        "talecraft", "talecraft.__main__",
    }  # fmt: skip


def test_opening_the_page_does_not_wait_for_the_command_line() -> None:
    code = (
        "import talecraft.__main__ as entry\nsys.argv = ['talecraft']\n"
        "class Tty:\n    isatty = lambda self: True\n    flush = lambda self: None\n"
        "real, sys.stdin, sys.stdout = sys.stdout, Tty(), Tty()\n"
        "opened = []\nentry._open_page = lambda model, plain: opened.append(model)\n"
        "try:\n    entry.main()\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        "sys.stdout = real\nassert opened == [None]"
    )
    assert modules_after(code) & {"typer", "pydantic", "talecraft.cli.main", *HEAVY} == set()


def test_importing_everything_creates_nothing(own_home: Path, tmp_path: Path) -> None:
    for package in ("talecraft.studio", "talecraft.cli", "talecraft.app"):
        modules_after(all_modules(package))
    assert not own_home.exists()
    assert list(tmp_path.iterdir()) == []
