"""A study of stability as pictures: where it diverged, and how far each run went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from talecraft.process.run_events import KL_HARD_STOP
from talecraft.studio.reporting.drawing import LIGHT, Plotter
from talecraft.studio.study import Cell, Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELL = (2.6, 1.7)  # inches
MAP = (1.1, 0.8)


def divergence(study: Study, plotter: Plotter) -> bytes:
    """Which share of the seeds diverged, by learning rate and KL target, as a PNG."""
    plan = study.plan
    size = (2.2 + MAP[0] * len(plan.targets), 1.4 + MAP[1] * len(plan.rates))

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        shares = [
            [study.share_diverged(rate, target) for target in plan.targets] for rate in plan.rates
        ]
        numbers = [[float("nan") if one is None else one for one in row] for row in shares]
        axes.imshow(numbers, cmap="YlOrRd", vmin=0, vmax=1, aspect="auto")
        axes.grid(visible=False)
        axes.set_xticks(range(len(plan.targets)), [f"{one:g}" for one in plan.targets])
        axes.set_yticks(range(len(plan.rates)), [f"{one:g}" for one in plan.rates])
        axes.set_xlabel("KL target (nats)")
        axes.set_ylabel("learning rate")
        axes.set_title("seeds that diverged", fontsize=8)
        for row, line in enumerate(shares):
            for column, share in enumerate(line):
                told = "–" if share is None else f"{share:.0%}"
                colour = "white" if share is not None and share > 0.6 else LIGHT.ink
                axes.text(column, row, told, ha="center", va="center", color=colour)

    return plotter.picture(size, draw)


def courses(study: Study, plotter: Plotter) -> bytes:
    """The distance from the root by update, a line a seed, a field a rate and target, as a PNG.
    Dashed: the target; dotted: where a run is stopped."""
    plan = study.plan
    size = (CELL[0] * len(plan.targets) + 0.4, CELL[1] * len(plan.rates) + 0.3)

    def draw(figure: Any) -> None:
        fields = figure.subplots(
            len(plan.rates), len(plan.targets), squeeze=False, sharex=True, sharey="col"
        )
        for row, rate in enumerate(plan.rates):
            for column, target in enumerate(plan.targets):
                here = [
                    one
                    for one in study.cells
                    if (one.learning_rate, one.kl_target) == (rate, target)
                ]
                _field(fields[row][column], here, rate, target)
        for axes in fields[-1]:
            axes.set_xlabel("update")
        for line in fields:
            line[0].set_ylabel("KL (nats)")

    return plotter.picture(size, draw)


def _field(axes: Axes, cells: list[Cell], rate: float, target: float) -> None:
    axes.set_title(f"rate {rate:g}, target {target:g}", fontsize=7)
    for number, cell in enumerate(cells):
        updates = range(1, len(cell.distances) + 1)
        axes.plot(
            updates, cell.distances, color=LIGHT.lines[number % len(LIGHT.lines)], linewidth=1.1
        )
        if cell.diverged and cell.distances:
            axes.plot(len(cell.distances), cell.distances[-1], "x", color=LIGHT.stop, markersize=6)
    axes.axhline(target, color=LIGHT.ink, linewidth=0.9, linestyle="--")
    axes.axhline(KL_HARD_STOP * target, color=LIGHT.stop, linewidth=0.9, linestyle=":")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
