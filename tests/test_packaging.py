"""What is shipped is there, and is found, from a wheel as from a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from talecraft.config import models

TOP = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Talecraft as a wheel, built without a network."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=TOP,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_everything_that_is_read_at_run_time_is_inside(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        "talecraft/models.toml",
        "talecraft/assets/reference.jsonl",
        "talecraft/assets/idf.json",
        "talecraft/__main__.py",
        "talecraft/engine/__main__.py",
        "talecraft/studio/reporting/page.css",
    }
    shipped = TOP / "talecraft" / "assets" / "llama-ember"
    wanted |= {f"talecraft/assets/llama-ember/{file.name}" for file in shipped.iterdir()}
    assert wanted <= names
    assert "talecraft/assets/llama-ember/model.safetensors" in names
    styles = {
        f"talecraft/app/styles/{f.name}" for f in (TOP / "talecraft/app/styles").glob("*.tcss")
    }
    assert styles <= names
    assert not any(name.startswith(("tests/", "recipes/")) for name in names)
    assert any(name.endswith("entry_points.txt") for name in names)


def test_the_licences_are_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.endswith("licenses/NOTICE") for name in names)


def test_an_installed_wheel_finds_its_models(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    program = (
        "import talecraft, talecraft.config.models as m, talecraft.config.assets as a\n"
        "from talecraft.paths import home\n"
        "catalogue = m.load(home())\n"
        "print(talecraft.__file__)\nprint(m.shipped_file())\n"
        "print(catalogue.installed(catalogue.default, home()))\n"
        "print(len(a.reference('prompt')) >= 50)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(site)},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [
        str(site / "talecraft" / "__init__.py"),
        str(site / "talecraft" / "models.toml"),
        "True",
        "True",
    ]


def test_an_editable_install_finds_the_one_at_the_top() -> None:
    assert models.shipped_file() == TOP / "models.toml"
    assert not (TOP / "talecraft" / "models.toml").exists()


def test_the_command_is_installed() -> None:
    command = Path(sys.executable).with_name("talecraft")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("talecraft ")
