"""A training run while it goes: what it does, every figure in words, curves where there is room."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Grid, Vertical
from textual.content import Content
from textual.widgets import Static

from talecraft.app.keymap import hint
from talecraft.app.marks import mark, plain
from talecraft.app.run_watch import RunWatch
from talecraft.app.text import MUTED, said
from talecraft.app.widgets.figures import Curve, Drawn, progress, taste_words
from talecraft.app.widgets.steps import ALWAYS, NEVER, figure_words
from talecraft.app.widgets.verdicts import SampleView
from talecraft.process.run_events import Example, Step
from talecraft.story.clean import clean_line
from talecraft.studio.figures import FIGURES, PATTERN, duration, figures_of


class Running(Vertical):
    """Everything a live run has said. `show` is called when it has said more."""

    def __init__(self) -> None:
        super().__init__(id="run")
        self._example: Example | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="running", classes="section", markup=False)
        for name, figures in (("curves", FIGURES), ("pattern-curves", PATTERN)):
            with Grid(id=name):
                for figure in figures:
                    if figure.id not in NEVER:
                        curve = Curve(figure.name + figure.bound_name, figure.id)
                        curve.set_class(figure.id not in ALWAYS, "-further")
                        yield curve
        yield Static(id="figures", markup=False)
        yield Vertical(id="example")

    def show(self, watch: RunWatch, width: int) -> bool:
        """Show what `watch` has heard, in lines of at most `width` cells; True where an example is
        new among it."""
        steps = watch.steps
        self.query_one("#running", Static).update(running_words(watch, min(60, width)))
        figures = figures_of(steps)
        self.query_one("#figures").display = bool(steps)
        drawn = bool(steps) and not plain()  # else the words tell their course too
        self.query_one("#curves").display = drawn and figures is FIGURES
        self.query_one("#pattern-curves").display = drawn and figures is PATTERN
        if steps:
            self.query_one("#figures", Static).update(figure_words(steps))
        if drawn:
            for figure in (one for one in figures if one.id not in NEVER):
                curve = self.query_one(f"#{figure.id}", Curve)
                if curve.display:
                    told_by = figure.told_by(steps)
                    curve.show(
                        Drawn(
                            [step.step for step in told_by],
                            [figure.of(step) for step in told_by],
                            steps[-1].total,
                            figure.bound(steps[-1]),
                            figure.from_nought,
                        )
                    )
        return self._show_example(watch.example)

    def _show_example(self, example: Example | None) -> bool:
        """Under the figures; is it a new one?"""
        place = self.query_one("#example", Vertical)
        place.display = example is not None
        if example is None or example == self._example:
            return False
        self._example = example
        place.remove_children()
        place.mount(
            Static(said(("An example", "bold $text-primary"))),
            SampleView(example.sample, "As it writes now", f"After step {example.step}"),
        )
        return True


def running_words(watch: RunWatch, width: int) -> Content:
    """Its phase with a progress line, the taste it learned, how far it is."""
    phase = watch.phase
    sign, words = ("▶ ", "$text-success"), clean_line(phase.words) if phase else "Starting"
    if watch.stopping:
        words = "Stopping at the next step"
    elif watch.paused:
        sign, go_on = ("‖ ", "$text-warning"), hint("training.go_on", "c")
        words = f"Paused. Press {go_on} to go on." if watch.waiting else "Pausing at the next step"
    elif watch.waiting == "writing":
        sign, words = ("‖ ", "$text-warning"), "Waiting while a passage is written"
    elif phase is not None and phase.progress and not watch.steps:
        words = f"{words}, {phase.progress:.0%}"
    share = watch.share
    lines = [
        said((mark(sign[0]), sign[1]), (words, "bold")),
        said((progress(share, width - 6), "$text-primary"), mark(f" {share:4.0%}", " is done.")),
    ]
    if watch.taste is not None:
        lines.append(taste_words(watch.taste))
    if watch.tales is not None:
        lines.append(said(clean_line(watch.tales.words)))
    if watch.steps:
        lines.append(step_words(watch))
    last = "You can write on, or leave: the run goes on by itself."
    if watch.example_asked:  # in the place of another line: nothing below it is moved
        last = "An example comes after the next step, under the figures."
    elif watch.paused:
        last = "It keeps its place, also when Talecraft is closed."
    lines.append(said((last, MUTED)))
    return Content("\n").join(lines)


def step_words(watch: RunWatch) -> Content:
    """How far it is, and what stopped it, if something did."""
    step, time = watch.steps[-1], duration(watch.seconds_left)
    told = isinstance(step, Step)  # of a run of PPO it is known how long its test takes
    if watch.steps_left:
        left = (
            f"about {time} left, {'the closing test included' if told else 'then a closing test'}"
        )
    else:
        left = f"the closing test takes about {time}" if told else "the closing test is going on"
    note = clean_line(step.note)
    return said(
        (f"Step {step.step} of {step.total}", "bold"), f" · {left}",
        (f"\n{note}" if note else "", "$text-warning"),
    )  # fmt: skip
