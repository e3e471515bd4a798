"""The figures of a run's steps: each with its name, what it means, and its curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from textual.content import Content

from talecraft.app import marks
from talecraft.app.marks import plain
from talecraft.app.text import MUTED, said
from talecraft.app.widgets.figures import spark
from talecraft.process.run_events import PatternStep, Step
from talecraft.story import rewards
from talecraft.story.clean import clean_line

SPARK = 10


class Figure(NamedTuple):
    """One figure of a step: its name in words, its value, and what it means."""

    id: str
    name: str
    of: Callable[[Any], float]  # of a Step, or a PatternStep
    shown: Callable[[float], str]
    means: Callable[[Any], str]
    bound: Callable[[Any], float | None] = lambda step: None
    bound_name: str = ""
    from_nought: bool = True  # the curve's axis; a loss far from nought would be a level line


def _percent(value: float) -> str:
    return f"{value:.0%}"


FIGURES = (
    Figure("reward", "Pleasing (reward)", lambda s: s.reward, lambda v: f"{v:+.2f}",
           lambda s: "more is better; 0 is as it wrote"),
    Figure("distance", "Change (KL)", lambda s: s.kl, lambda v: f"{v:.2f}",
           lambda s: f"from how it wrote; aim {s.kl_target:g}, end {2 * s.kl_target:g}",
           lambda s: s.kl_target, ", its aim"),
    Figure("entropy", "Freedom (entropy)", lambda s: s.entropy, lambda v: f"{v:.2f}",
           lambda s: "how freely it chooses its words"),
    Figure("clipped", "Reined in (clip)", lambda s: s.clip_fraction, lambda v: f"{v:.1%}",
           lambda s: "changes cut off as too large"),
    Figure("value", "Misjudged (value)", lambda s: s.value_loss, lambda v: f"{v:.2f}",
           lambda s: "how far its forecasts were off"),
    Figure("length", "Length", lambda s: s.length, lambda v: f"{v:.0f} words",
           lambda s: "of a passage"),
    Figure("repetition", "Repetition", lambda s: s.repetition, _percent,
           lambda s: "word pairs that come again"),
    Figure("finished", "Ended", lambda s: s.finished, _percent,
           lambda s: "passages that it ended itself"),
)  # fmt: skip
PATTERN = (
    Figure("loss", "Surprise (loss)", lambda s: s.loss, lambda v: f"{v:.3f}",
           lambda s: "at the tales; less is better", from_nought=False),
    Figure("held-out", "Unseen (loss)", lambda s: s.held_out, lambda v: f"{v:.3f}",
           lambda s: "the same, of tales held back", from_nought=False),
    Figure("rate", "Stride (rate)", lambda s: s.rate, lambda v: f"{v:.1e}",
           lambda s: "how far a step goes"),
    Figure("one-shot", "With an example", lambda s: s.one_shot, _percent,
           lambda s: "of its texts; later ones have none"),
)  # fmt: skip
# The curves that even a small window shows, and those that are never drawn.
ALWAYS = ("reward", "distance", "loss", "held-out")
NEVER = ("rate", "one-shot")


def figures_of(steps: Sequence[Step | PatternStep]) -> tuple[Figure, ...]:
    """What these steps are measured by."""
    return PATTERN if steps and isinstance(steps[-1], PatternStep) else FIGURES


def figure_words(steps: Sequence[Any]) -> Content:
    """Every figure of the last step: its name, its value, its course, and what it means."""
    last = steps[-1]
    lines = []
    for figure in figures_of(steps):
        values = [figure.of(step) for step in steps]
        if plain():
            told = f"{figure.name}: {figure.shown(values[-1])}, {course(figure, values)}"
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


def course(figure: Figure, values: Sequence[float]) -> str:
    """In words what the curve of `values` shows."""
    return marks.course(figure.shown(values[0]), values)


def _told_parts(steps: Sequence[Step]) -> list[Content]:
    """What the reward is the sum of, a part to a line, in words."""
    lines = []
    for name, value in steps[-1].parts.items():
        values = [step.parts.get(name, 0.0) for step in steps]
        words = clean_line(rewards.words(name))
        lines.append(
            said(f"of that, {words}: {value:+.2f}, {marks.course(f'{values[0]:+.2f}', values)}")
        )
    return lines


def _parts(steps: Sequence[Step]) -> list[Content]:
    """What the reward is the sum of, two parts to a line."""
    cells: list[Content] = []
    for name, value in steps[-1].parts.items():
        course = spark([step.parts.get(name, 0.0) for step in steps], SPARK)
        words = clean_line(rewards.words(name))
        words = f"  {words:<15}{value:>+7.2f}" if len(cells) % 2 else f"  {words:<16}{value:>+9.2f}"
        cells.append(said(words, (f"  {course:<{SPARK}}", "$text-primary")))
    return [Content("").join(cells[at : at + 2]) for at in range(0, len(cells), 2)]
