"""What a run practised: the passages of one update, and what each part of the reward gave them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from talecraft.app.marks import mark
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.text import MUTED, beats, count, said
from talecraft.process.run_events import Drawn, Practised
from talecraft.story.clean import clean_line
from talecraft.studio.figures import part_words


class PractisedScreen(TalecraftScreen):
    """The updates of a run whose passages are kept, by their number; the newest is shown first."""

    PAGE = True
    HELP = "What was practised"
    AUTO_FOCUS = "#practised"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right", "go(1)", "Next update",
                tooltip="The passages of the next update", id="practised.next"),
        Binding("N,left", "go(-1)", "Update before",
                tooltip="The passages of the update before", id="practised.before"),
        Binding("escape", "leave", "Training",
                tooltip="Back to the training screen", id="app.back"),
        Binding("d", "leave", "Training",
                tooltip="Back to the training screen", id="training.practised"),
    ]  # fmt: skip

    def __init__(self, updates: Mapping[int, Drawn]) -> None:
        super().__init__()
        self._updates = [updates[number] for number in sorted(updates)]
        self._at = len(self._updates) - 1

    def body(self) -> ComposeResult:
        with VerticalScroll(id="practised", can_focus=True):
            yield Static(id="practised-text", markup=False)

    def on_mount(self) -> None:
        self._show()

    def _show(self) -> None:
        self.query_one("#practised-text", Static).update(told(self._updates[self._at]))
        self.query_one("#practised", VerticalScroll).scroll_home(animate=False)

    def action_go(self, step: int) -> None:
        if not 0 <= self._at + step < len(self._updates):
            self.talecraft.say("There is no other update on that side.", "What was practised")
            return
        self._at += step
        self._show()

    def action_leave(self) -> None:
        self.app.pop_screen()


def told(drawn: Drawn) -> Content:
    """The passages of an update, the best first."""
    turns = sorted(drawn.turns, key=lambda one: -one.total)
    learned = sum(one.kept for one in turns)
    lines = [
        said((f"What was practised, update {drawn.step}", "bold $text-primary")),
        said(
            (
                f"{count(len(turns), 'passage')}, the best first; learned from {learned}."
                " A reward of 0 is as it wrote before; what each part gave stands beside it.",
                MUTED,
            )
        ),
        Content(""),
    ]
    for turn in turns:
        lines += [*_turn(turn), Content("")]
    return Content("\n").join(lines)


def _turn(turn: Practised) -> list[Content]:
    parts = mark(" · ", ", ").join(
        f"{part_words(name)} {value:+.2f}" for name, value in turn.parts.items()
    )
    apart = "" if turn.kept else mark(" · ", ", ") + "not learned from"
    lines = [
        said(
            (f"{turn.total:+.2f}", "bold"),
            (f"   {parts}{mark(' · ', ', ')}{turn.kl:.1f} nats{apart}", MUTED),
        )
    ]
    lines.append(said((f"{mark('… ')}{clean_line(turn.prompt)[-100:]}", MUTED)))
    lines += [said((f"{mark('• ', '- ')}{beat}", "$text-primary")) for beat in beats(turn.outline)]
    return [*lines, said(turn.prose)]
