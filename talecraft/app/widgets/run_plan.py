"""Before a training run: what it would learn from, in plain words."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from talecraft.app.keymap import hint
from talecraft.app.marks import mark
from talecraft.app.text import MUTED, count, said
from talecraft.app.widgets.figures import histogram, taste_words
from talecraft.library.runs import TrainingRun
from talecraft.process.run_events import TasteLearned
from talecraft.story import rewards
from talecraft.story.clean import clean_line
from talecraft.story.methods import WORDS as METHODS
from talecraft.studio.figures import duration
from talecraft.studio.memory import size
from talecraft.studio.plan import TrainingPlan


class RunPlan(Static):
    """What a run would learn from, what is known of the writer's taste so far, what it takes."""

    def __init__(self) -> None:
        super().__init__(id="training-plan", classes="section", markup=False)
        self._plan: TrainingPlan | None = None
        self._title = ""
        self._resumable: TrainingRun | None = None
        self._taste: TasteLearned | None = None
        self._looking = False

    def show(self, plan: TrainingPlan, title: str, resumable: TrainingRun | None) -> None:
        if self._plan is None or plan.evidence != self._plan.evidence:
            self._taste = None
        self._plan, self._title, self._resumable = plan, title, resumable
        self._draw()

    def looking(self) -> None:
        """What is known of the taste is being read."""
        self._looking = True
        self._draw()

    def show_taste(self, taste: TasteLearned | None) -> None:
        self._taste, self._looking = taste, False
        self._draw()

    @property
    def knows_taste(self) -> bool:
        return self._taste is not None

    @property
    def reading(self) -> bool:
        """Is it not known yet whether a run would be refused?"""
        return self._looking and self._taste is None

    @property
    def refusal(self) -> str:
        """Why a run would not start, or would end before it changes anything; else nothing."""
        return _refusal(self._plan, self._taste) if self._plan is not None else ""

    def _draw(self) -> None:
        if self._plan is not None:
            self.update(
                plan_words(self._plan, self._title, self._resumable, self._taste, self.reading)
            )


def plan_words(
    plan: TrainingPlan,
    title: str,
    resumable: TrainingRun | None,
    taste: TasteLearned | None = None,
    reading: bool = False,
) -> Content:
    """What a run would learn from, how long it takes, and whether it would start, or go on. With
    `reading` the taste is still being read: it may yet speak against a run."""
    about = "measured on the last run" if plan.measured else "estimated"
    lines = _opinions(plan, title) if plan.by_taste else _parts_alone(title)
    how = f"{METHODS[plan.method]}; rewarded: {rewards.told(plan.rewards)}"
    how += f" ({hint('app.settings', 'F5')} changes it)."
    lines += [said((how, MUTED)), Content("")]
    if resumable:
        lines.append(
            said(
                (f"Press {hint('training.go_on', 'c')} to go on. ", "bold"),
                f"The last run was {resumable.state_words}; it goes on after its last finished",
                " step, with the scores of then.",
            )
        )
    lines += [
        said((mark("! ", "Careful: "), "bold $text-warning"), clean_line(warning))
        for warning in plan.warnings
    ]
    if taste is not None:
        lines += [taste_words(taste), Content("")]
    refusal = _refusal(plan, taste)
    if refusal:
        lines.append(said(("Not yet. ", "bold $text-warning"), clean_line(refusal)))
        if plan.fits:
            lines.append(
                said(
                    (f"Press {hint('training.taste', 't')} for a taste round: ", "bold"),
                    "24 choices between two short passages, about three minutes. Or score passages"
                    " while you write.",
                )
            )
        else:
            lines.append(said(("Close other programs, or free some space.", MUTED)))
    else:
        start = hint("training.start", "s")
        lines.append(
            said(
                ("I am reading your opinions … ", "bold")
                if reading
                else (f"Press {start} to start. ", "bold"),
                f"After that {start} starts a run. " if reading else "",
                f"It takes about {duration(plan.minutes * 60)} ({about}), goes on when you leave,"
                " and changes nothing unless it proves better.",
            )
        )
        if plan.trial_words:
            lines.append(said((plan.trial_words, MUTED)))
        lines.append(said((_room_words(plan), MUTED)))
    return Content("\n").join(lines)


def _refusal(plan: TrainingPlan, taste: TasteLearned | None) -> str:
    """Why a run would not start, or would change nothing for certain; a reward model that is tried
    may know what the head does not."""
    if plan.refusal or taste is None or plan.trial_minutes:
        return plan.refusal
    return taste.refusal


def _opinions(plan: TrainingPlan, title: str) -> list[Content]:
    """What the writer said so far."""
    lines = [
        said(("What a run would learn from", "bold $text-primary")),
        said(
            f"{', '.join(counted(plan))} of passages by {clean_line(title)},",
            f" in {plan.places}",
        ),
    ]
    if plan.lighter:
        lines.append(said((plan.lighter_words, MUTED)))
    if plan.unusable:
        judged = count(plan.unusable, "passage")
        what = "it" if plan.unusable == 1 else "them"
        left_out = f"{judged} that you judged left out: another model wrote {what}."
        lines.append(said((left_out, MUTED)))
    return [*lines, Content(""), histogram(plan.histogram)]


def _parts_alone(title: str) -> list[Content]:
    """Your settings reward no taste: what that means."""
    return [
        said(("What a run would practise", "bold $text-primary")),
        said(
            f"Your settings do not reward your taste: {clean_line(title)} practises what else is"
            " rewarded, and no score of yours is needed."
        ),
    ]


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
    words = f"It needs about {size(plan.memory_mb)} of memory{free}, what writes beside it"
    words += f" {size(plan.engine_mb)}, and {size(plan.disk_mb)} on the disk{free_disk}."
    if not plan.together:
        words += (
            " There is no room for what writes beside it: that sleeps while the run works. You can"
            " still write; each passage wakes it, and the run waits meanwhile."
        )
    return words
