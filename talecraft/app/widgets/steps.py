"""The figures of a run's steps on the page: each with its name, its value and its course."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.content import Content

from talecraft.app.marks import plain
from talecraft.app.text import MUTED, said
from talecraft.app.widgets.figures import spark
from talecraft.process.run_events import Step
from talecraft.studio.figures import course, figures_of, part_words

SPARK = 10
# The curves that even a small window shows, and those that are never drawn.
ALWAYS = ("reward", "distance", "loss", "held-out")
NEVER = ("rate", "one-shot")


def figure_words(steps: Sequence[Any]) -> Content:
    """Every figure of the last step that it was measured in: its name, its value, its course, and
    what it means."""
    last = steps[-1]
    lines = []
    for figure in figures_of(steps):
        values = [figure.of(step) for step in figure.told_by(steps)]
        if plain():
            told = f"{figure.name}: {figure.shown(values[-1])}, {figure.course(values)}"
            lines.append(said(told, (f"; {figure.means(last)}", MUTED)))
            if figure.id == "reward":
                lines += _told_parts(steps)
            continue
        lines.append(
            said(
                f"{figure.name:<18}",
                (f"{figure.shown(values[-1]):>9}", "bold"),
                (f"  {spark(values, SPARK):<{SPARK}}  ", "$text-primary"),
                (figure.means(last), MUTED),
            )
        )
        if figure.id == "reward":
            lines += _parts(steps)
    return Content("\n").join(lines)


def _told_parts(steps: Sequence[Step]) -> list[Content]:
    """What the reward is the sum of, a part to a line, in words."""
    lines = []
    for name, value in steps[-1].parts.items():
        values = [step.parts.get(name, 0.0) for step in steps]
        words = part_words(name)
        lines.append(said(f"of that, {words}: {value:+.2f}, {course(f'{values[0]:+.2f}', values)}"))
    return lines


def _parts(steps: Sequence[Step]) -> list[Content]:
    """What the reward is the sum of, two parts to a line."""
    cells: list[Content] = []
    for name, value in steps[-1].parts.items():
        curve = spark([step.parts.get(name, 0.0) for step in steps], SPARK)
        words = part_words(name)
        words = f"  {words:<15}{value:>+7.2f}" if len(cells) % 2 else f"  {words:<16}{value:>+9.2f}"
        cells.append(said(words, (f"  {curve:<{SPARK}}", "$text-primary")))
    return [Content("").join(cells[at : at + 2]) for at in range(0, len(cells), 2)]
