"""Pictures: real PNGs that show their numbers, whatever the names beside them are."""

from __future__ import annotations

import io
import logging
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from talecraft.studio.reporting.curves import Curve, Line
from talecraft.studio.reporting.drawing import Plotter

BLUE = (0x2F, 0x6D, 0xB3)  # of the first line, on white


@pytest.fixture(scope="module")
def plotter(tmp_path_factory: pytest.TempPathFactory) -> Plotter:
    return Plotter(tmp_path_factory.mktemp("cache"))


def curve(values: list[float], name: str = "reward", id_: str = "reward") -> Curve:
    at = [float(number) for number in range(1, len(values) + 1)]
    return Curve(id_, "Pleasing", "reward", "reward", "", "", [Line(name, at, values)])


def pixels(png: bytes) -> Image.Image:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.size == (width, height)
    return image.convert("RGB")


def test_a_picture_shows_its_numbers(plotter: Plotter) -> None:
    rising = pixels(plotter.png(curve([0.0, 1.0, 2.0])))
    assert rising == pixels(plotter.png(curve([0.0, 1.0, 2.0])))
    assert rising != pixels(plotter.png(curve([0.0, 2.0, 1.0])))


def test_a_line_goes_where_its_numbers_do(plotter: Plotter) -> None:
    """The height of the blue line in the first and the last third of the picture."""

    def heights(values: list[float]) -> tuple[float, float]:
        image = np.asarray(pixels(plotter.png(curve(values)))).astype(int)
        ys, xs = np.nonzero(np.abs(image - BLUE).sum(2) < 30)
        third = image.shape[1] / 3
        return float(ys[xs < third].mean()), float(ys[xs > 2 * third].mean())

    left, right = heights([0.0, 1.0, 2.0, 3.0])
    assert right < left - 100, "rising"
    left, right = heights([3.0, 2.0, 1.0, 0.0])
    assert right > left + 100, "falling"


def test_light_and_dark_pictures_have_their_own_paper(plotter: Plotter) -> None:
    assert pixels(plotter.png(curve([1.0, 2.0]))).getpixel((1, 1)) == (255, 255, 255)
    assert max(pixels(plotter.png(curve([1.0, 2.0]), dark=True)).getpixel((1, 1))) < 64


def test_every_look_is_drawn(plotter: Plotter) -> None:
    bare = curve([1.0, 2.0])
    seen = [pixels(plotter.png(bare)).tobytes()]
    for line in (
        Line("dots", [1.0, 1.5], [1.2, 1.8], "dots"),
        Line("average", [1.0, 2.0], [1.2, 1.4], "average"),
        Line("aim", [], [1.5], "bound"),
        Line("end", [], [1.5], "stop"),
    ):
        seen.append(pixels(plotter.png(bare._replace(lines=[*bare.lines, line]))).tobytes())
    assert len(set(seen)) == len(seen)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "name",
    ["$\\frac{1}$", "$x", "漢字", "\x1b[2J", "_hidden", "\ud83d", "x" * 500, "%s {}", "\n\n"],
)
def test_names_are_names(
    plotter: Plotter, name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.WARNING):
        two = curve([1.0, 2.0])._replace(lines=[Line(name, [1.0], [1.0]), Line("b", [1.0], [2.0])])
        pixels(plotter.png(two._replace(axis=name)))
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [1e-12, 2e-12], [1e9, -1e9]])
def test_few_and_odd_numbers_are_drawn(plotter: Plotter, values: list[float]) -> None:
    pixels(plotter.png(curve(values)))
    pixels(plotter.png(curve(values)._replace(percent=True, from_nought=False)))


def test_what_matplotlib_keeps_is_kept_in_talecrafts_cache(tmp_path: Path) -> None:
    """In a process of its own, with a home of its own: nothing is written there, or to stderr."""
    code = (
        "import sys; from pathlib import Path\n"
        "from talecraft.studio.reporting.curves import Curve, Line\n"
        "from talecraft.studio.reporting.drawing import Plotter\n"
        "curve = Curve('reward', '', '', '', '', '', [Line('a', [1.0], [1.0])])\n"
        "Plotter(Path(sys.argv[1])).png(curve)"
    )
    env = {key: value for key, value in os.environ.items() if key != "MPLCONFIGDIR"}
    user = tmp_path / "user"
    user.mkdir()
    env |= {"HOME": str(user), "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "cache")],
        env=env, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")
    assert list(user.iterdir()) == []
    kept = tmp_path / "cache" / "matplotlib"
    assert any(kept.iterdir())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
