"""A training run while it goes: what it does, every figure in words, curves where there is room."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.content import Content
from textual.widgets import Static

from talecraft.app.run_watch import RunWatch
from talecraft.app.text import MUTED, duration, said
from talecraft.app.widgets.figures import Curve, progress, spark, taste_words
from talecraft.app.widgets.verdicts import SampleView
from talecraft.process.run_events import Example, Step
from talecraft.story.clean import clean_line

SPARK = 10
PARTS = {
    "taste": "your taste",
    "finished": "ended",
    "repetition": "unrepeated",
    "length": "length",
}


class Figure(NamedTuple):
    """One figure of a step: its name in words, its value, and what it means."""

    id: str
    name: str
    of: Callable[[Step], float]
    shown: Callable[[float], str]
    means: Callable[[Step], str]
    bound: Callable[[Step], float | None] = lambda step: None
    bound_name: str = ""


def _percent(value: float) -> str:
    return f"{value:.0%}"


FIGURES = (
    Figure("reward", "Reward", lambda s: s.reward, lambda v: f"{v:+.2f}",
           lambda s: "beside its first; more is better"),
    Figure("distance", "Distance (KL)", lambda s: s.kl, lambda v: f"{v:.2f}",
           lambda s: f"held near {s.kl_target:g} nats, stopped at {2 * s.kl_target:g}",
           lambda s: s.kl_target, ", target"),
    Figure("entropy", "Freedom (entropy)", lambda s: s.entropy, lambda v: f"{v:.2f}",
           lambda s: "how freely it chooses its words"),
    Figure("clipped", "Held back (clip)", lambda s: s.clip_fraction, lambda v: f"{v:.1%}",
           lambda s: "choices kept from leaping"),
    Figure("value", "Misjudged (value)", lambda s: s.value_loss, lambda v: f"{v:.2f}",
           lambda s: "how far off its forecasts are"),
    Figure("length", "Length", lambda s: s.length, lambda v: f"{v:.0f} words",
           lambda s: "of a passage"),
    Figure("repetition", "Repetition", lambda s: s.repetition, _percent,
           lambda s: "word pairs that come again"),
    Figure("finished", "Ended", lambda s: s.finished, _percent,
           lambda s: "passages that it ended itself"),
)  # fmt: skip
ALWAYS = ("reward", "distance")  # the curves that even a small window shows


class Running(Vertical):
    """Everything a live run has said. `show` is called when it has said more."""

    def __init__(self) -> None:
        super().__init__(id="run")
        self._example: Example | None = None
        self._opened = False

    def compose(self) -> ComposeResult:
        yield Static(id="running", classes="section", markup=False)
        with Grid(id="curves"):
            for figure in FIGURES:
                curve = Curve(figure.name + figure.bound_name, figure.id)
                curve.set_class(figure.id not in ALWAYS, "-further")
                yield curve
        yield Static(id="figures", markup=False)
        yield Vertical(id="example")

    def show(self, watch: RunWatch, width: int) -> None:
        """Show what `watch` has heard, in lines of at most `width` cells."""
        steps = watch.steps
        self.query_one("#running", Static).update(running_words(watch, min(60, width)))
        for name in ("#curves", "#figures"):
            self.query_one(name).display = bool(steps)
        if steps:
            self.query_one("#figures", Static).update(figure_words(steps))
            for figure in FIGURES:
                curve = self.query_one(f"#{figure.id}", Curve)
                if curve.display:
                    values = [figure.of(step) for step in steps]
                    curve.show(values, steps[-1].total, figure.bound(steps[-1]))
        self._show_example(watch.example)
        self._opened = True

    def _show_example(self, example: Example | None) -> None:
        place = self.query_one("#example", Vertical)
        place.display = example is not None
        if example is None or example == self._example:
            return
        self._example = example
        place.remove_children()
        place.mount(
            Static(said(("An example", "bold $text-primary"))),
            SampleView(example.sample, "As it writes now", f"After update {example.step}"),
        )
        if self._opened:  # it has just come, and was asked for
            place.call_after_refresh(place.scroll_visible)


def running_words(watch: RunWatch, width: int) -> Content:
    """Its phase with a progress line, the taste it learned, how far it is."""
    phase = watch.phase
    mark, words = ("▶ ", "$text-success"), clean_line(phase.words) if phase else "Starting"
    if watch.stopping:
        words = "Stopping at the next step"
    elif watch.paused:
        mark = ("‖ ", "$text-warning")
        words = "Paused. Press c to go on." if watch.waiting else "Pausing at the next step"
    elif watch.waiting == "writing":
        mark, words = ("‖ ", "$text-warning"), "Waiting while a passage is written"
    share = phase.progress if phase is not None else 0.0
    if watch.steps and watch.outcome is None:
        share = max(share, watch.steps[-1].step / max(1, watch.steps[-1].total))
    lines = [
        said(mark, (words, "bold")),
        said((progress(share, width - 6), "$text-primary"), f" {share:4.0%}"),
    ]
    if watch.taste is not None:
        lines.append(taste_words(watch.taste))
    if watch.steps:
        lines.append(step_words(watch.steps[-1]))
    if watch.example_asked:
        lines.append(said(("An example comes after the next update.", MUTED)))
    lasting = (
        "It keeps its place, also when Talecraft is closed."
        if watch.paused
        else "You can write on, or leave: the run goes on by itself."
    )
    lines.append(said((lasting, MUTED)))
    return Content("\n").join(lines)


def step_words(step: Step) -> Content:
    """How far it is, and what stopped it, if something did."""
    left = f"about {duration(step.eta)} left" if step.eta > 0 else "nearly done"
    note = clean_line(step.note)
    return said(
        (f"Step {step.step} of {step.total}", "bold"), f" · {left}",
        (f"\n{note}" if note else "", "$text-warning"),
    )  # fmt: skip


def figure_words(steps: list[Step]) -> Content:
    """Every figure of the last step: its name, its value, its course, and what it means."""
    last = steps[-1]
    lines = []
    for figure in FIGURES:
        values = [figure.of(step) for step in steps]
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


def _parts(steps: list[Step]) -> list[Content]:
    """What the reward is the sum of, two parts to a line."""
    cells: list[Content] = []
    for name, value in steps[-1].parts.items():
        course = spark([step.parts.get(name, 0.0) for step in steps], SPARK)
        words = PARTS.get(name) or clean_line(name)
        words = f"  {words:<11}{value:>+7.2f}" if len(cells) % 2 else f"  {words:<16}{value:>+9.2f}"
        cells.append(said(words, (f"  {course:<{SPARK}}", "$text-primary")))
    return [Content("").join(cells[at : at + 2]) for at in range(0, len(cells), 2)]
