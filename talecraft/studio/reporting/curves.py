"""Which curves a run is drawn by, as numbers and as words: pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal, NamedTuple

from talecraft.process.run_events import Step
from talecraft.studio.figures import AnyStep, Figure, course, part_words
from talecraft.studio.reporting.told import Told

# How a line is drawn: a figure's course, its moving average, single turns, what it is steered to,
# and where the run ends.
Look = Literal["line", "average", "dots", "bound", "stop"]
TOGETHER = (("repetition", "finished"), ("loss", "held-out"))  # of one unit: in one picture
WIDE = ("reward", "parts", "distance", "loss")
SPAN = 4  # steps of a moving average where no single turns are told


class Line(NamedTuple):
    """Values `y` over the steps `x`, which may be parts of steps."""

    name: str
    x: list[float]
    y: list[float]
    look: Look = "line"


class Curve(NamedTuple):
    """One picture. `title` and what it `means` are for a writer, the `technical` name with its unit
    for an engineer; `axis` is the name beside the axis, `words` say what the lines show."""

    id: str
    title: str
    technical: str
    axis: str
    means: str
    words: str
    lines: list[Line]
    steps: str = "step"
    from_nought: bool = True
    percent: bool = False

    @property
    def wide(self) -> bool:
        return self.id in WIDE


def curves(told: Told) -> list[Curve]:
    """All curves of a run, in the order of its figures; the parts of the reward follow it."""
    found: list[Curve] = []
    left = [*told.kind.page, *told.kind.paper]
    while left:
        group = next((ids for ids in TOGETHER if left[0].id in ids), (left[0].id,))
        found.append(_curve(told, [one for one in left if one.id in group]))
        if left[0].id == "reward":
            found += _parts(told)
        left = [one for one in left if one.id not in group]
    return found


def _curve(told: Told, figures: Sequence[Figure]) -> Curve:
    first = figures[0]
    lines = [_line(one, told.steps) for one in figures]
    alone = len(figures) == 1
    words = [
        f"{'Last' if alone else one.name}: {_course(one, line.y)}."
        for one, line in zip(figures, lines, strict=True)
    ]
    for look, level, name in (
        _Level("bound", first.bound(told.last), first.bound_name.strip(", ")),
        _Level("stop", first.stop(told.last), first.stop_name),
    ):
        if level is not None:
            words.append(_over(lines[0], level, name, told.kind.steps))
            lines.append(Line(f"{name}: {level:g}", [], [level], look))
    if first.id == "reward":
        averaged, more = _averaged(told, first)
        lines[0] = lines[0]._replace(name=f"mean of each {told.kind.steps}")
        lines, words = [*lines, *averaged], [*words, *more]
    return Curve(
        first.id,
        " · ".join(one.name for one in figures),
        " · ".join(one.technical for one in figures),
        "share" if first.percent and not alone else first.technical,
        "; ".join(one.means(told.last) for one in figures),
        " ".join(words),
        lines,
        told.kind.steps,
        all(one.from_nought for one in figures),
        first.percent,
    )


class _Level(NamedTuple):
    look: Look
    value: float | None
    name: str


def _line(figure: Figure, steps: Sequence[AnyStep]) -> Line:
    """A figure over the steps that it was measured in."""
    measured = figure.told_by(steps)
    at = [float(step.step) for step in measured]
    return Line(figure.name, at, [figure.of(step) for step in measured])


def _over(line: Line, level: float, name: str, steps: str) -> str:
    """When a figure first went over a level."""
    first = next((x for x, y in zip(line.x, line.y, strict=True) if y > level), None)
    when = "never" if first is None else f"first at {steps} {first:g}"
    return f"Over {name} ({level:g}): {when}."


def _course(figure: Figure, values: Sequence[float]) -> str:
    return f"{figure.shown(values[-1])}, {figure.course(values)}"


def _averaged(told: Told, reward: Figure) -> tuple[list[Line], list[str]]:
    """Every drawn turn's reward as a dot, and the moving average over them in their order; over
    the steps where no turns are told, or but one of them were."""
    at = [float(step.step) for step in told.steps]
    values, span, what = [reward.of(step) for step in told.steps], SPAN, told.kind.steps
    lines, words = [], []
    if told.turns:
        at, values = turns(told)
        span, what = round(median(len(one.turns) for one in told.drawn)), "turn"
        lines = [Line("single turns", at, values, "dots")]
        words = [f"{len(values):,} single turns: {min(values):+.2f} to {max(values):+.2f}."]
        if (cut := values.count(max(values))) > 2:
            words.append(f"{cut} of them have the highest value there is: more is cut off.")
    if len(values) < 2:
        return lines, words
    averaged = moving_average(values, span)
    name = f"moving average over {span} {what}{'s' * (span != 1)}"
    return (
        [Line(name, at, averaged, "average"), *lines],
        [f"{name.capitalize()}: {_course(reward, averaged)}.", *words],
    )


def turns(told: Told) -> tuple[list[float], list[float]]:
    """Every drawn turn's place and reward: those of step s lie evenly from s - 1/2 to s + 1/2."""
    at = [
        one.step - 0.5 + (number + 0.5) / len(one.turns)
        for one in told.drawn
        for number in range(len(one.turns))
    ]
    return at, [turn.total for one in told.drawn for turn in one.turns]


def moving_average(values: Sequence[float], span: int) -> list[float]:
    """The exponential moving average of `values`, each weighing 1 - 2 / (span + 1) times the next
    one; the weights sum to 1 from the first value on, so that it begins without a bias."""
    keep = 1 - 2 / (span + 1)
    averaged, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        averaged.append(total / weight)
    return averaged


def _parts(told: Told) -> list[Curve]:
    """What the reward is the sum of, where the steps tell it."""
    steps = [step for step in told.steps if isinstance(step, Step)]
    names = list(dict.fromkeys(name for step in steps for name in step.parts))
    if not names:
        return []
    at = [float(step.step) for step in steps]
    lines, words = [], []
    for name in names:
        values = [step.parts.get(name, 0.0) for step in steps]
        lines.append(Line(part_words(name), at, values))
        words.append(f"{part_words(name).capitalize()}: {values[-1]:+.2f},")
        words.append(f"{course(f'{values[0]:+.2f}', values)}.")
    return [
        Curve(
            "parts", "What pleased (parts of the reward)",
            "mean weighted contribution of each part, SD of the reference", "contribution, SD",
            "what each part adds to the reward, its weight included", " ".join(words), lines,
            told.kind.steps,
        )
    ]  # fmt: skip
