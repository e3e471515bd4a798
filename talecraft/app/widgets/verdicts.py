"""A training run in plain words: the plan before it, its outcome."""

from __future__ import annotations

from datetime import datetime

import msgspec
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from talecraft.app.text import MUTED, count, duration, said, when
from talecraft.app.widgets.figures import histogram
from talecraft.library.runs import TrainingRun
from talecraft.process.run_events import Check, Outcome, Sample
from talecraft.story.clean import clean, clean_line
from talecraft.studio.memory import size
from talecraft.studio.plan import TrainingPlan

_STATES = {
    "adopted": ("✓ Adopted", "bold $text-success"),
    "rejected": ("✗ Not adopted", "bold $text-warning"),
    "refused": ("✗ Refused", "bold $text-warning"),
    "cancelled": ("□ Stopped", f"bold {MUTED}"),
    "failed": ("✗ Failed", "bold $text-error"),
    "interrupted": ("✗ Interrupted", "bold $text-error"),
}
SAMPLES = 3


def plan_words(plan: TrainingPlan, title: str, resumable: bool) -> Content:
    """What a run would learn from, how long it takes, and whether it would start, or go on."""
    about = "measured on the last run" if plan.measured else "estimated"
    lines = [
        said(("What a run would learn from", "bold $text-primary")),
        said(
            f"{', '.join(counted(plan))} in {count(plan.stories, 'story', 'stories')}",
            f" of passages by {clean_line(title)}",
        ),
    ]
    if plan.unusable:
        what = "is" if plan.unusable == 1 else "are"
        lines.append(
            said(
                (
                    f"{count(plan.unusable, 'other opinion')} {what} left out:"
                    " another model wrote those passages.",
                    MUTED,
                )
            )
        )
    lines += [Content(""), histogram(plan.histogram), Content("")]
    if resumable:
        lines.append(
            said(
                ("Press c to go on. ", "bold"),
                "The last run was cut off; it goes on after its last finished step, with the"
                " scores of then.",
            )
        )
    lines += [said(("! ", "bold $text-warning"), clean_line(warning)) for warning in plan.warnings]
    if plan.refusal:
        lines.append(said(("Not yet. ", "bold $text-warning"), clean_line(plan.refusal)))
        hint = "Score passages while you write; 20 are a beginning."
        lines.append(
            said((hint if plan.fits else "Close other programs, or free some space.", MUTED))
        )
    else:
        lines.append(
            said(
                ("Press s to start. ", "bold"),
                f"It takes about {duration(plan.minutes * 60)} ({about}), goes on when you leave,"
                " and changes nothing unless it proves better.",
            )
        )
        lines.append(said((_room_words(plan), MUTED)))
    return Content("\n").join(lines)


def counted(plan: TrainingPlan) -> list[str]:
    """How much there is of each kind of opinion; scores always, the others where there are any."""
    others = (
        (plan.choices, "choice", "choices"),
        (plan.edits, "edit", "edits"),
        (plan.discards, "thrown away", "thrown away"),
    )
    return [count(plan.scores, "score"), *(count(*one) for one in others if one[0])]


def _room_words(plan: TrainingPlan) -> str:
    """What it needs of memory and disk, against what is free."""
    free, free_disk = (
        f" ({size(mb)} free)" if mb is not None else "" for mb in (plan.free_mb, plan.free_disk_mb)
    )
    words = f"It needs about {size(plan.memory_mb)} of memory{free} and {size(plan.disk_mb)}"
    words += f" on the disk{free_disk}."
    if not plan.together:
        words += (
            " There is no room for what writes beside it: that sleeps while the run works. You can"
            " still write; each passage wakes it, and the run waits meanwhile."
        )
    return words


class OutcomeView(Vertical):
    """How the last run ended: the verdict, its checks, the same prompts before and after."""

    def show(self, run: TrainingRun | None, now: datetime) -> None:
        """Show `run`, or that there was none."""
        self.remove_children()
        self.mount_all(_outcome(run, now) if run is not None else [])


def _outcome(run: TrainingRun, now: datetime) -> list[Widget]:
    outcome = _decoded(run)
    word, style = _STATES.get(run.state, (clean_line(run.state), "bold"))
    ended = when(run.ended_at, now) if run.ended_at else ""
    lines = [
        said(("The last run", "bold $text-primary"), (f"  {ended}", MUTED)),
        said((word, style), ". ", clean_line(outcome.words if outcome is not None else "")),
    ]
    if run.error:
        lines.append(said((clean_line(run.error), "$text-error")))
    checks = (
        [check_line(check, check.words) for check in outcome.checks] if outcome is not None else []
    )
    head = Static(Content("\n").join([*lines, *checks]), markup=False)
    samples = outcome.samples[:SAMPLES] if outcome is not None else []
    return [head, *(SampleView(sample) for sample in samples)]


def _decoded(run: TrainingRun) -> Outcome | None:
    try:
        return msgspec.json.decode(run.outcome, type=Outcome)
    except msgspec.MsgspecError:
        return None


def check_line(check: Check, words: str) -> Content:
    """One condition of the gate in `words`, with a mark for whether it held."""
    mark = ("  ✓ ", "bold $text-success") if check.passed else ("  ✗ ", "bold $text-error")
    return said(mark, clean_line(words))


class SampleView(Vertical):
    """One prompt, and what was written for it with the same seed before and after."""

    def __init__(self, sample: Sample, before: str = "Before", after: str = "After") -> None:
        super().__init__(classes="sample")
        self._sample = sample
        self._labels = before, after

    def compose(self) -> ComposeResult:
        yield Static(said((clean_line(self._sample.prompt), "italic")), classes="sample-prompt")
        with Horizontal(classes="sample-texts"):
            for label, text in zip(
                self._labels, (self._sample.before, self._sample.after), strict=True
            ):
                yield Static(self._text(label, text), classes="sample-text", markup=False)

    @staticmethod
    def _text(label: str, text: str) -> Content:
        return said((f"{label}\n", f"bold {MUTED}"), clean(text).strip())
