"""Where a curve is drawn: at its own steps, on an axis that shows its values."""

from __future__ import annotations

from textual.app import App, ComposeResult

from talecraft.app.widgets.figures import Drawn
from talecraft.app.widgets.plots import Plot, _limits


def test_the_axis_begins_at_nought_or_where_the_values_do() -> None:
    assert _limits(Drawn([1, 2], [4.0, 5.0], 2)) == (0.0, 5.5)
    assert _limits(Drawn([1, 2], [4.0, 5.0], 2, from_nought=False)) == (3.9, 5.1)
    assert _limits(Drawn([1, 2], [-1.0, 1.0], 2)) == (-1.2, 1.2)
    assert _limits(Drawn([1], [1.0], 2, bound=6.0)) == (0.0, 6.6)


async def test_a_run_that_tells_of_every_fifth_step_is_drawn_at_these() -> None:
    lines: list[list[float]] = []

    class Watched(Plot):
        def _line(self, x: list[float], y: list[float], colour: str) -> None:
            lines.append(list(x))

    class Page(App[None]):
        def compose(self) -> ComposeResult:
            yield Watched()

    async with Page().run_test() as pilot:
        pilot.app.query_one(Watched).draw(Drawn([5, 10, 15], [3.0, 2.0, 1.0], 1000))
    assert lines == [[5.0, 10.0, 15.0]]
