"""Training in figures: as words always, as plots where there is room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from talecraft.app.marks import plain
from talecraft.app.text import MUTED, count, said
from talecraft.process.run_events import TasteLearned
from talecraft.story.clean import clean_line

if TYPE_CHECKING:
    from talecraft.app.widgets.plots import Plot

SPARKS = "▁▂▃▄▅▆▇█"


def histogram(counts: Sequence[int], width: int = 24) -> Content:
    """The scores by grade, best first, as lines with their counts; a plain page has these alone."""
    if plain():
        return said(
            "\n".join(
                f"{count(grade, 'star')}: {number}"
                for grade, number in reversed(list(enumerate(counts, 1)))
            )
        )
    most = max([*counts, 1])
    rows = [
        said(
            (f"{'★' * grade:<5} ", "$text-accent"),
            ("━" * math.ceil(number / most * width), "$primary"),
            f" {number}",
        )
        for grade, number in reversed(list(enumerate(counts, 1)))
    ]
    return Content("\n").join(rows)


def progress(share: float, width: int) -> str:
    """A line of `width` cells, filled to `share`: told by shape, not colour. Or the share alone."""
    if plain():
        return f"{share:.0%}"
    filled = round(max(0.0, min(1.0, share)) * width)
    return "━" * filled + "┄" * (width - filled)


def taste_words(taste: TasteLearned) -> Content:
    """How well the scores of unseen passages are foretold."""
    return said(
        (clean_line(taste.words), ""),
        (
            f"  (of {count(taste.pairs, 'unseen pair')}; 90 % sure: {taste.low:.0%} to"
            f" {taste.high:.0%})",
            MUTED,
        ),
        f" {clean_line(taste.tried)}" if taste.tried else "",
    )


def spark(values: Sequence[float], width: int) -> str:
    """The course of `values` in at most `width` cells: a glance, told by height."""
    if len(values) > width:  # the newest always, older ones evenly
        step = (len(values) - 1) / (width - 1)
        values = [values[round(i * step)] for i in range(width)]
    low, high = min(values), max(values)
    if low == high:
        return SPARKS[0] * len(values)
    top = len(SPARKS) - 1
    return "".join(SPARKS[round((value - low) / (high - low) * top)] for value in values)


class Drawn(NamedTuple):
    """Values at `steps`, of `total`; `bound` is a level line. The axis begins at nought, or where
    the values do."""

    steps: Sequence[int]
    values: Sequence[float]
    total: int
    bound: float | None = None
    from_nought: bool = True


class Curve(Vertical):
    """One figure over the steps, with its bound as a level line. The plot is drawn when first
    there is something to draw."""

    def __init__(self, title: str, name: str) -> None:
        super().__init__(id=name, classes="curve")
        self._title = title
        self._plot: Plot | None = None
        self._data: Drawn | None = None

    def compose(self) -> ComposeResult:
        yield Static(said((self._title, "bold")), classes="curve-title")

    def on_mount(self) -> None:
        """Lines are drawn in a theme's colours: in another they are drawn anew."""
        self.app.theme_changed_signal.subscribe(self, lambda theme: self._draw())

    def show(self, curve: Drawn) -> None:
        """Draw it, unless it stands there already."""
        if curve == self._data or not curve.values:
            return
        self._data = curve
        if self._plot is None:
            self._make()
        else:
            self._draw()

    def _make(self) -> None:
        # Here, and not at the top: numpy is not wanted before the first run is watched.
        from talecraft.app.widgets.plots import Plot

        self._plot = Plot(allow_pan_and_zoom=False)
        self.mount(self._plot)
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        if self._plot is None or self._data is None:
            return
        if self._plot.is_mounted:
            self._plot.draw(self._data)
        elif self._plot.is_attached:  # it has not built its own parts yet
            self.call_after_refresh(self._draw)
