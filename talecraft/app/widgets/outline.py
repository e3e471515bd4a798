"""The plan beside the prose, on wide screens: its beats as they are thought."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from talecraft.app.keymap import hint
from talecraft.app.text import MUTED, beats, said


class OutlinePane(VerticalScroll, can_focus=False):
    """The beats of one passage's plan."""

    _shown: tuple[list[str], bool] | None = None

    def compose(self) -> ComposeResult:
        yield Static(
            said(("Plan", "bold"), (f"   {hint('plan.fold', 'Ctrl+T')} folds", MUTED)),
            id="plan-head",
        )
        yield Static(markup=False, id="plan-beats")

    def show(self, outline: str, thinking: bool) -> None:
        """Show this plan; while `thinking` its end stays in sight."""
        found = beats(outline)
        if (found, thinking) == self._shown:
            return  # another layout of the whole screen, thirty times a second, while prose comes
        self._shown = found, thinking
        lines = [said(("• ", "$text-accent"), beat) for beat in found]
        if not found:
            words = "Thinking …" if thinking else "The model plans each passage here first."
            lines = [said((words, MUTED))]
        self.query_one("#plan-beats", Static).update(Content("\n\n").join(lines))
        if thinking:
            self.scroll_end(animate=False)
