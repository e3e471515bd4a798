"""Curves as PNGs, by matplotlib, which is imported when a report is written and never before.

The page embeds PNGs, each in light and dark, and no SVG: what lies beside the page as a file is
the picture that it shows; the page can then forbid itself all styles but its own, while
matplotlib's SVG styles every element; and thousands of single turns are no larger than ten.
"""

from __future__ import annotations

import io
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from talecraft.paths import private_folder
from talecraft.story.clean import clean_line
from talecraft.studio.reporting.curves import Curve, Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 200
COLOURS = 64
WIDE, NARROW = (7.6, 3.1), (3.7, 2.5)  # inches
LONGEST_NAME = 48  # characters in a legend
MARKED = 40  # values: of fewer each is marked
MANY = 1500  # single turns: more of them are drawn more finely
ROOM = 0.06  # of the axis, above what is drawn
_one_at_a_time = threading.Lock()  # matplotlib's settings are the process's


class Palette(NamedTuple):
    """Colours of a picture. Those of the lines can be told apart by all kinds of eyes, and lines
    of different kinds also by their dashes."""

    paper: str
    ink: str
    grid: str
    lines: tuple[str, ...]
    stop: str


LIGHT = Palette(
    "#ffffff", "#4a463e", "#e8e4da", ("#2f6db3", "#c8641b", "#23855a", "#8757a8", "#8a7a1f"),
    "#b3261e",
)  # fmt: skip
DARK = Palette(
    "#1d2026", "#c9c5bb", "#343841", ("#7fb2ee", "#f0a060", "#6cc69a", "#c79be0", "#d3c35f"),
    "#ff8a80",
)  # fmt: skip


class Plotter:
    """Draws curves. `cache` is the folder in which matplotlib may keep what it knows of fonts,
    unless MPLCONFIGDIR names another. Raises LibraryError where it cannot be made."""

    def __init__(self, cache: Path) -> None:
        if not os.environ.get("MPLCONFIGDIR"):
            os.environ["MPLCONFIGDIR"] = str(private_folder(cache / "matplotlib"))
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it tells of its search for fonts
        with _one_at_a_time:
            import matplotlib

        self._matplotlib = matplotlib

    @property
    def version(self) -> str:
        return str(self._matplotlib.__version__)

    def png(self, curve: Curve, dark: bool = False) -> bytes:
        """One curve as a picture of at most 1520 x 620 points."""
        colours = DARK if dark else LIGHT

        def draw(figure: Any) -> None:
            _draw(figure.add_subplot(), curve, colours)

        return self.picture(WIDE if curve.wide else NARROW, draw, colours)

    def picture(
        self, size: tuple[float, float], draw: Callable[[Any], None], colours: Palette = LIGHT
    ) -> bytes:
        """What `draw` puts into a figure of this `size` (inches), as a PNG."""
        with _one_at_a_time, self._matplotlib.rc_context():
            self._matplotlib.rcdefaults()  # nobody's own style
            self._matplotlib.rcParams.update(_style(colours))
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure

            figure = Figure(size, DPI, layout="constrained")
            FigureCanvasAgg(figure)
            draw(figure)
            target = io.BytesIO()
            figure.savefig(target, format="png")
        return _lean(target)


def _lean(picture: io.BytesIO) -> bytes:
    """The same with few colours, in a third of the room."""
    from PIL import Image

    target = io.BytesIO()
    with Image.open(picture) as whole:
        few = whole.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(target, "png", optimize=True)
    return target.getvalue()


def _style(colours: Palette) -> dict[str, Any]:
    return {
        "font.family": "DejaVu Sans",  # comes with matplotlib
        "font.size": 8.0,
        "text.parse_math": False,  # names are names
        "text.color": colours.ink,
        "axes.facecolor": colours.paper,
        "figure.facecolor": colours.paper,
        "savefig.facecolor": colours.paper,
        "axes.edgecolor": colours.grid,
        "axes.labelcolor": colours.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": colours.grid,
        "grid.linewidth": 0.6,
        "xtick.color": colours.grid,
        "ytick.color": colours.grid,
        "xtick.labelcolor": colours.ink,
        "ytick.labelcolor": colours.ink,
        "legend.frameon": False,
        "legend.fontsize": 7.5,
        "legend.handlelength": 1.8,
    }


def _draw(axes: Axes, curve: Curve, colours: Palette) -> None:
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    courses = [line for line in curve.lines if line.look == "line"]
    for number, line in enumerate(courses):
        axes.plot(
            line.x, line.y, color=colours.lines[number % len(colours.lines)], linewidth=1.4,
            marker="o" if len(line.x) <= MARKED else "", markersize=3, zorder=4,
            label=_plain(line.name),
        )  # fmt: skip
    for line in curve.lines:
        _extra(axes, line, colours)
    axes.margins(x=0.02)
    axes.set_xlabel(curve.steps)
    axes.set_ylabel(_plain(curve.axis))
    axes.xaxis.set_major_locator(
        MaxNLocator(nbins=10 if curve.wide else 6, steps=[1, 2, 5, 10], integer=True)
    )
    axes.yaxis.set_major_locator(MaxNLocator(nbins=8 if curve.wide else 5, steps=[1, 2, 5, 10]))
    low, high = axes.get_ylim()
    if curve.from_nought:
        low, high = min(0.0, low), max(0.0, high)
    axes.set_ylim(low, high + ROOM * (high - low))
    if curve.percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if high > 0.1 else 1))
    if len(curve.lines) > 1:
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4 if curve.wide else 2,
            borderaxespad=0.2, columnspacing=1.4,
        )  # fmt: skip


def _extra(axes: Axes, line: Line, colours: Palette) -> None:
    """What is drawn beside a figure's course."""
    name = _plain(line.name)
    match line.look:
        case "dots":
            alpha = 0.2 if len(line.x) > MANY else 0.38
            axes.plot(
                line.x, line.y, ".", color=colours.ink, alpha=alpha, markersize=4.2,
                markeredgewidth=0, zorder=2, label=name,
            )  # fmt: skip
        case "average":
            width = 1.5 if len(line.x) > MANY else 2.2
            axes.plot(line.x, line.y, color=colours.lines[1], linewidth=width, zorder=3, label=name)
        case "bound":
            axes.axhline(line.y[0], color=colours.ink, linewidth=1.0, linestyle="--", label=name)
        case "stop":
            axes.axhline(line.y[0], color=colours.stop, linewidth=1.2, linestyle=":", label=name)


def _plain(name: str) -> str:
    """A name in letters that the font has, a part's comes from a run's events; one that begins
    with _ would be left out of the legend."""
    return clean_line(name).encode("ascii", "replace").decode().lstrip("_")[:LONGEST_NAME]
