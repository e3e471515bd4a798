"""A training run in plain words: the plan before it, its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from talecraft.app.keymap import hint
from talecraft.app.marks import mark
from talecraft.app.text import MUTED, said, when
from talecraft.library.runs import TrainingRun
from talecraft.process.run_events import SHOWN, Check, Outcome, Phrase, Sample
from talecraft.story.clean import clean, clean_line

_STATES = {
    "adopted": ("✓ ", "bold $text-success"),
    "rejected": ("✗ ", "bold $text-warning"),
    "refused": ("✗ ", "bold $text-warning"),
    "cancelled": ("□ ", f"bold {MUTED}"),
    "failed": ("✗ ", "bold $text-error"),
    "interrupted": ("✗ ", "bold $text-error"),
}
SAMPLES = 3


class Ended(NamedTuple):
    """A run that is over: which one it is, what became `since` of what it made, and whether its
    model is the one that writes."""

    head: str
    run: TrainingRun
    since: str
    writes: bool


class OutcomeView(Vertical):
    """How the last run ended: the verdict, its checks, the same prompts before and after."""

    def show(self, ended: Sequence[Ended], now: datetime) -> None:
        self.remove_children()
        for one in ended:
            self.mount_all(_outcome(one, now))


def _outcome(told: Ended, now: datetime) -> list[Widget]:
    run = told.run
    outcome = _decoded(run)
    shape, style = _STATES.get(run.state, ("", "bold"))
    word = clean_line(run.state_words).capitalize()
    words = outcome.words if outcome is not None else ""
    ended = when(run.ended_at, now) if run.ended_at else ""
    lines = [
        said((told.head, "bold $text-primary"), (f"  {ended}", MUTED)),
        said((mark(shape) + word, style), ". ", clean_line(words)),
    ]
    if told.since:
        lines.append(said((clean_line(told.since), "$text-warning")))
    if run.error:
        lines.append(said((clean_line(run.error), "$text-error")))
    verdict = Static(Content("\n").join(lines), markup=False)
    if outcome is None:
        return [verdict]
    checks: list[Widget] = [CheckRow(check) for check in outcome.checks]
    if outcome.adapter_id and told.writes:
        compare = (
            f"Press {hint('training.compare', 'v')} to compare it blind with what wrote before:"
            " your verdict counts more than these figures."
        )
        checks.append(Static(said((compare, MUTED)), classes="beneath-checks", markup=False))
    samples = [SampleView(sample) for sample in outcome.samples[:SAMPLES]]
    phrases = phrase_lines(outcome.phrases)
    return [
        verdict,
        *checks,
        *samples,
        *([Static(phrases, classes="phrases", markup=False)] if phrases else []),
    ]


def _decoded(run: TrainingRun) -> Outcome | None:
    try:
        return msgspec.json.decode(run.outcome, type=Outcome)
    except msgspec.MsgspecError:
        return None


def check_line(check: Check, words: str) -> Content:
    """One condition of the gate in `words`, with its mark, as one line."""
    return said(_sign(check), clean_line(words))


def _sign(check: Check) -> tuple[str, str]:
    """Whether a condition held; a figure that is no condition has another mark."""
    if check.bar == SHOWN:
        return mark("  · ", "  Shown only: "), MUTED
    if check.passed:
        return mark("  ✓ ", "  Passed: "), "bold $text-success"
    return mark("  ✗ ", "  Failed: "), "bold $text-error"


class CheckRow(Horizontal):
    """One condition of the gate: its mark, and its words beside it, however many lines of them."""

    def __init__(self, check: Check) -> None:
        super().__init__(classes="check")
        self._check = check

    def compose(self) -> ComposeResult:
        yield Static(said(_sign(self._check)), classes="check-sign", markup=False)
        yield Static(clean_line(self._check.words), classes="check-words", markup=False)


def phrase_lines(phrases: Sequence[Phrase]) -> Content | None:
    """Which turns of phrase rose and fell, with how often they stood before and after."""
    rose = [one for one in phrases if one.rose]
    fell = [one for one in phrases if not one.rose]
    lines = []
    for label, chosen in (("Rose", rose), ("Fell", fell)):
        if chosen:
            to, end = mark(" → ", " times before, "), mark("", " after")
            counts = (f"“{clean_line(p.text)}” {to.join(p.told)}{end}" for p in chosen)
            lines.append(said((f"{label}: ", f"bold {MUTED}"), ", ".join(counts)))
    if not lines:
        return None
    per = " in 1,000 words" if phrases[0].words_before else ""
    head = f"Its phrases{per}, before{mark(' → ', ' and ')}after"
    return Content("\n").join([said((head, "bold $text-primary")), *lines])


class SampleView(Vertical):
    """One prompt, and what was written for it with the same seed before and after."""

    def __init__(self, sample: Sample, before: str = "Before", after: str = "After") -> None:
        super().__init__(classes="sample")
        self._sample = sample
        self._labels = before, after

    def compose(self) -> ComposeResult:
        yield Static(said((clean_line(self._sample.prompt), "italic")), classes="sample-prompt")
        with Horizontal(classes="sample-texts"):
            for label, text in zip(self._labels, self._sample.told, strict=True):
                yield Static(self._text(label, text), classes="sample-text", markup=False)

    @staticmethod
    def _text(label: str, text: str) -> Content:
        return said((f"{label}\n", f"bold {MUTED}"), clean(text).strip())
