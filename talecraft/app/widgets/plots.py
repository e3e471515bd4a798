"""The plot itself. Importing this module imports numpy; only a run that is watched needs it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.color import Color
from textual.reactive import reactive
from textual_plot import HiResMode, NumericAxisFormatter, PlotWidget

if TYPE_CHECKING:
    from talecraft.app.widgets.figures import Drawn

MOST_TICKS = 4


class _Exact(NumericAxisFormatter):  # type: ignore[misc]
    """Few ticks, nought among them where it is there, labelled with their very value: a quarter is
    0.25, not 0.2.

    The plot is a few rows high; two labels on one row would be written over each other.
    """

    def get_ticks(self, min_: float, max_: float, max_ticks: int = MOST_TICKS) -> list[float]:
        ticks = super().get_ticks(min_, max_, max_ticks)
        nought = min(range(len(ticks)), key=lambda i: abs(ticks[i]), default=0)
        step = math.ceil(len(ticks) / MOST_TICKS)
        return [tick for i, tick in enumerate(ticks) if (i - nought) % step == 0]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        return [f"{round(tick, 6) + 0.0:g}" for tick in ticks]


class Plot(PlotWidget, can_focus=False):  # type: ignore[misc, call-arg]
    """Values over steps, and a bound as a level line, in the theme's colours."""

    BINDINGS: ClassVar[list[BindingType]] = []
    margin_top = reactive(1)
    margin_bottom = reactive(2)
    margin_left = reactive(7)

    def draw(self, curve: Drawn) -> None:
        self.clear()
        first, end = 1.0, float(max(2, curve.total))
        if curve.bound is not None:
            self._line([first, end], [curve.bound, curve.bound], "foreground")
        steps, values = [float(step) for step in curve.steps], curve.values
        if len(values) == 1:  # one value is no line: as a short one it can be seen
            steps, values = [steps[0], steps[0] + (end - first) / 50], [values[0], values[0]]
        self._line(steps, values, "primary")
        self.set_xlimits(first, end)
        self.set_ylimits(*_limits(curve))
        self.set_x_formatter(_Exact())
        self.set_y_formatter(_Exact())

    def _line(self, x: Sequence[float], y: Sequence[float], colour: str) -> None:
        style = Color.parse(self.app.theme_variables[colour]).hex6
        self.plot(x, y, style, HiResMode.QUADRANT)


def _limits(curve: Drawn) -> tuple[float, float]:
    """Both ends of the axis: all values, the bound and nought where they count, with some room."""
    every = [*curve.values]
    every += [curve.bound] if curve.bound is not None else []
    every += [0.0] if curve.from_nought else []
    low, high = min(every), max(every)
    room = max(0.1, (high - low) * 0.1)
    return low - (0.0 if low == 0 and curve.from_nought else room), high + room
