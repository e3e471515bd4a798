"""The plot itself. Importing this module imports numpy; only a run that is watched needs it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.color import Color
from textual.reactive import reactive
from textual_plot import HiResMode, NumericAxisFormatter, PlotWidget

MOST_TICKS = 4


class _Exact(NumericAxisFormatter):  # type: ignore[misc]
    """Few ticks, nought among them, labelled with their very value: a quarter is 0.25, not 0.2.

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

    def draw(self, values: Sequence[float], total: int, bound: float | None) -> None:
        """Draw `values` over steps 1 to `total`."""
        self.clear()
        first, end = 1.0, float(max(2, total))
        if bound is not None:
            self._line([first, end], [bound, bound], "foreground")
        steps = [float(step) for step in range(1, len(values) + 1)]
        if len(values) == 1:  # one value is no line: as a short one it can be seen
            steps, values = [first, first + (end - first) / 50], [values[0], values[0]]
        self._line(steps, values, "primary")
        self.set_xlimits(first, end)
        self.set_ylimits(*_limits(values, bound))
        self.set_x_formatter(_Exact())
        self.set_y_formatter(_Exact())

    def _line(self, x: Sequence[float], y: Sequence[float], colour: str) -> None:
        style = Color.parse(self.app.theme_variables[colour]).hex6
        self.plot(x, y, style, HiResMode.QUADRANT)


def _limits(values: Sequence[float], bound: float | None) -> tuple[float, float]:
    """Both ends of the axis: nought, all values and the bound, with some room."""
    every = [*values, *([bound] if bound is not None else []), 0.0]
    low, high = min(every), max(every)
    room = max(0.1, (high - low) * 0.1)
    return low - (room if low < 0 else 0.0), high + room
