"""The plan of one passage: its beats as they are thought, which of them the prose took up, and
what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from talecraft.app.keymap import grade_keys, hint
from talecraft.app.marks import mark
from talecraft.app.text import MUTED, beats, count, said, stars
from talecraft.app.widgets.letters import Letters
from talecraft.story.feedback import Score

KEPT, LEFT = "✓", "•"


class Shown(NamedTuple):
    """What the pane shows. `kept` says of each beat whether the prose took it up (None where there
    is no prose yet), `edited` that the writer has changed the plan and nothing is written from it
    yet."""

    beats: list[str]
    kept: list[bool] | None = None
    thinking: bool = False
    edited: bool = False
    score: Score | None = None


class OutlinePane(VerticalScroll, Letters, can_focus=True):
    """The beats of one passage's plan."""

    HELP = "The plan (Tab from the manuscript)"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.write_from_plan", "Write from it",
                tooltip="Write the passage from this plan, as another version where there is one",
                id="plan.write"),
        Binding("e", "screen.edit_plan", "Edit",
                tooltip="Edit the plan, a beat a line", id="plan.edit"),
        Binding("r", "screen.redraw_plan", "Another plan",
                tooltip="Draw another plan alone; the prose waits for your nod", id="plan.redraw"),
        Binding("s", "screen.skeleton", "Skeleton", show=False, id="plan.skeleton",
                tooltip="The story's skeleton: the plans of all passages, to jump by"),
        Binding("u", "screen.take_back_plan", "Take back", show=False,
                tooltip="Take back the plan's score, or the edit that nothing was written from",
                id="score.take_back"),
        Binding("ctrl+z", "screen.undo_in_plan", "Undo", show=False,
                tooltip="Take back the plan's score that was just given, else the last change",
                id="story.undo"),
        *(
            Binding(str(n), f"screen.rate_plan({n})", "Score", show=False,
                    tooltip="Score the plan by itself, 1 to 5", id=f"score.{n}")
            for n in range(1, 6)
        ),
        Binding("plus", "screen.like_plan(1)", "Like", show=False,
                tooltip="Like the plan", id="score.like"),
        Binding("minus", "screen.like_plan(-1)", "Dislike", show=False,
                tooltip="Dislike the plan", id="score.dislike"),
    ]  # fmt: skip

    _shown: Shown | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="plan-head", markup=False)
        yield Static(id="plan-beats", markup=False)
        yield Static(id="plan-keys", markup=False)

    def show(self, shown: Shown) -> None:
        """Show this plan; while it is thought its end stays in sight."""
        if shown == self._shown:
            return  # another layout of the whole screen, thirty times a second, while prose comes
        self._shown = shown
        self._draw()
        if shown.thinking:
            self.scroll_end(animate=False)

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self._draw()

    def _draw(self) -> None:
        shown = self._shown
        if shown is None or not self.is_mounted:
            return
        self.query_one("#plan-head", Static).update(_head(shown))
        kept = shown.kept or [False] * len(shown.beats)
        lines = [
            said(
                (mark(f"{KEPT if taken else LEFT} ", "- "), "$text-accent"),
                beat,
                mark("", " (taken up)" if taken else ""),
            )
            for beat, taken in zip(shown.beats, kept, strict=True)
        ]
        if not shown.beats:
            words = "Thinking …" if shown.thinking else "The model plans each passage here first."
            lines = [said((words, MUTED))]
        self.query_one("#plan-beats", Static).update(Content("\n\n").join(lines))
        write = f"{hint('plan.write', 'Enter')} writes from it"
        back = [f"{hint('score.take_back', 'u')} takes it back"] if shown.score is not None else []
        words = _keys(write, more=back) if self.has_focus else (write if shown.edited else "")
        self.query_one("#plan-keys", Static).update(said((words, MUTED)))


def _keys(first: str, more: Sequence[str]) -> str:
    keys = (
        f"{hint('plan.edit', 'e')} edits",
        f"{hint('plan.redraw', 'r')} draws another",
        f"{grade_keys()} score it",
    )
    return mark(" · ", ", ").join((first, *keys, *more))


def _head(shown: Shown) -> Content:
    parts: list[Content | str | tuple[str, str]] = [("Plan", "bold")]
    if shown.edited:
        parts.append(("   edited by you", "$text-accent"))
    elif shown.kept is not None and shown.beats:
        kept = sum(shown.kept)
        parts.append((f"   {kept} of {count(len(shown.kept), 'beat')} taken up", MUTED))
    else:
        parts.append((f"   {hint('plan.fold', 'Ctrl+T')} folds", MUTED))
    if shown.score is not None:
        parts.append((f"\n{stars(shown.score)}", "$text-accent"))
    return said(*parts)


def shown_plan(outline: str, prose: str = "", **more: object) -> Shown:
    """The plan of a passage; with its `prose`, which beats that took up."""
    from talecraft.story.words import kept  # a stemmer, which the first frame need not wait for

    found = beats(outline)
    taken = [bool(kept(beat, prose)) for beat in found] if prose else None
    return Shown(found, taken, **more)  # type: ignore[arg-type]
