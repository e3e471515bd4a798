"""Another text for a span, shown where it would stand; nothing is changed until it is taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.widgets import Static

from talecraft.app.keymap import hint
from talecraft.app.marks import mark
from talecraft.app.text import MUTED, said
from talecraft.story.spans import How, Place
from talecraft.studio.events import Proposal

NEAR = 240  # characters around the span that are shown: so it stands in sight, whatever the window
LEAST_ROWS = 3
_WRITING = "…"


class ProposalView(VerticalScroll, can_focus=True):
    """Lies over the editor while there is something to take or to leave. What goes and what comes
    have their signs, as in a comparison of two branches; colours and styles only help."""

    HELP = "Another text for a span"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,tab", "take", "Take it", id="proposal.take",
                tooltip="Put the proposal into the text; the edit still has to be kept"),
        Binding("enter,tab", "wait", "Wait", show=False, id="proposal.wait",
                tooltip="While the model writes: nothing is taken"),
        Binding("shift+tab", "stay", "Stay", show=False, id="proposal.stay",
                tooltip="Nothing: first take the proposal or leave it"),
        Binding("r", "another", "Another", id="proposal.another",
                tooltip="Show the next proposal, or let the model write more"),
        Binding("e", "other('expand')", "Expand", id="proposal.expand",
                tooltip="Have the span expanded instead"),
        Binding("s", "other('shorten')", "Shorten", id="proposal.shorten",
                tooltip="Have the span shortened instead"),
        Binding("d", "other('describe')", "Describe", id="proposal.describe",
                tooltip="Have what is told in the span described instead"),
        Binding("escape", "leave", "Leave it", id="proposal.leave",
                tooltip="Leave the text as it was"),
    ]  # fmt: skip

    class Asked(Message):
        """More proposals are wanted, of this kind."""

        def __init__(self, how: How) -> None:
            self.how = how
            super().__init__()

    class Taken(Message):
        """`proposal` is to stand in the text; `passed_over` were shown before it."""

        def __init__(self, proposal: Proposal, passed_over: Sequence[Proposal]) -> None:
            self.proposal, self.passed_over = proposal, passed_over
            super().__init__()

    class Left(Message):
        """The text is to stay as it was."""

    def __init__(self) -> None:
        super().__init__(id="proposal")
        self.here = Place("", "", "")
        self.how: How = "rewrite"
        self.waiting = False
        self._proposals: list[Proposal] = []
        self._at = 0
        self._seen: dict[int, Proposal] = {}
        self.display = False

    def compose(self) -> ComposeResult:
        yield Static(id="proposal-text", markup=False)

    # ------------------------------------------------------------------ what is shown
    def open(self, here: Place, how: How, room: Region, rows: int) -> None:
        """Wait for proposals for a span, over the `rows` of the editor within `room`."""
        self.here, self.how = here, how
        self._proposals, self._at, self._seen = [], 0, {}
        self.waiting = self.display = True
        self.styles.min_height = min(room.height, max(LEAST_ROWS, rows))
        self.place(room)
        self._show()
        self.focus()

    def place(self, room: Region) -> None:
        self.styles.offset = room.offset
        self.styles.width = room.width
        self.styles.max_height = max(LEAST_ROWS, room.height)

    def wait(self, how: How) -> None:
        """More are being written, of this kind."""
        self.how, self.waiting = how, True
        self._show()

    def show(self, proposals: Sequence[Proposal]) -> None:
        """What has come, the best first."""
        self.waiting = False
        self._proposals, self._at = list(proposals), 0
        self._show()

    def go_on(self) -> bool:
        """No more came: show what was shown before; False where there was nothing."""
        self.waiting = False
        self._show()
        return bool(self._proposals)

    def close(self) -> None:
        self.display = self.waiting = False
        self._proposals = []

    @property
    def is_open(self) -> bool:
        return bool(self.display)

    @property
    def current(self) -> Proposal | None:
        """What Enter would take."""
        return self._proposals[self._at] if self._proposals and not self.waiting else None

    @property
    def words(self) -> str:
        """What can be done, for the line under the text."""
        between = mark(" · ", ", ")
        left = f"{hint('proposal.leave', 'Esc')} leaves the text as it was"
        if self.waiting:
            return f"The model is writing{between}{left}"
        which = f"{self._at + 1} of {len(self._proposals)}"
        taken = f"{hint('proposal.take', 'Enter')} takes it"
        return between.join((which, taken, f"{hint('proposal.another', 'r')} another", left))

    def _show(self) -> None:
        here, proposal = self.here, self.current
        before, after = here.before, here.after
        if len(before) > NEAR:
            before = "… " + before[-NEAR:].partition(" ")[2]
        if len(after) > NEAR:
            after = after[:NEAR].rpartition(" ")[0] + " …"
        text = proposal.text if proposal is not None else _WRITING
        if proposal is not None:
            self._seen[proposal.turn.id] = proposal
        parts: list[tuple[str, str]] = [(before, "")]
        new = text.strip()
        leading, trailing = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        if self.how == "describe":
            parts.append((here.span, ""))
            new = new.removeprefix(here.span).lstrip()
            leading = " "
        elif here.span:
            parts.append((f"[-{here.span}-]", f"strike {MUTED}"))
        parts += [(leading, ""), (f"{{+{new}+}}", "bold underline"), (trailing, "")]
        shown = said(*parts, after)
        self.query_one("#proposal-text", Static).update(shown)
        self.call_after_refresh(self._to_the_change)
        self.refresh_bindings()

    def _to_the_change(self) -> None:
        """Scroll, where the window is too low for all of it, so that the end of what comes is in
        sight."""
        if not self.is_open:
            return
        shown: Content = self.query_one("#proposal-text", Static).content  # type: ignore[assignment]
        until = shown.plain.find("+}")
        rows = len(shown[:until].wrap(max(1, self.scrollable_content_region.width)))
        self.scroll_to(y=max(0, rows + 1 - self.size.height), animate=False)

    # ------------------------------------------------------------------ what can be done
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "take" | "another":
                return self.is_open and self.current is not None
            case "other":
                spans = self.is_open and bool(self.here.span) and not self.waiting
                return spans and parameters[0] != self.how
            case "wait":
                return self.is_open and self.waiting
            case "leave" | "stay":
                return self.is_open
        return super().check_action(action, parameters)

    def action_take(self) -> None:
        proposal = self.current
        if proposal is not None:
            others = [one for one in self._seen.values() if one.turn.id != proposal.turn.id]
            self.post_message(self.Taken(proposal, others))

    def action_stay(self) -> None:
        """What lies under it is not to be typed in."""

    def action_wait(self) -> None:
        """Neither Enter nor Tab leads away from here meanwhile."""

    def action_another(self) -> None:
        if self._at + 1 < len(self._proposals):
            self._at += 1
            self._show()
        else:
            self.post_message(self.Asked(self.how))

    def action_other(self, how: How) -> None:
        self.post_message(self.Asked(how))

    def action_leave(self) -> None:
        self.post_message(self.Left())
