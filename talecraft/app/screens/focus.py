"""Focus mode: the text's column, the composer, and nothing else."""

from __future__ import annotations

from typing import ClassVar, Literal

from textual.binding import Binding, BindingType

from talecraft.app.keymap import hint
from talecraft.app.screens.passages import PassageActions
from talecraft.app.text import MUTED, said, stars
from talecraft.app.widgets.whisper import Whisper


class FocusMode(PassageActions):
    """The part of the writing screen that leaves everything but the text away.

    The app remembers it from story to story. What would be told under the text is whispered.
    """

    HELP = "Focus mode"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f9", "focus_mode", "Focus", show=False,
                tooltip="Only the text and the composer, or everything again", id="page.focus"),
    ]  # fmt: skip

    @property
    def alone(self) -> bool:
        return self.talecraft.focus_mode

    def on_mount(self) -> None:
        self._show_alone()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "show_all":
            writing = self.talecraft.live is not None
            return self.alone and not writing and self.focused is self.composer
        return super().check_action(action, parameters)

    def action_focus_mode(self) -> None:
        self.talecraft.focus_mode = not self.alone
        self._show_alone()
        self.reload()

    def action_show_all(self) -> None:
        self.action_focus_mode()

    def _show_alone(self) -> None:
        if self.alone != self.has_class("-alone"):
            self.set_class(self.alone, "-alone")
            self.manuscript.set_alone(self.alone)
            whisper = self.query_one(Whisper)
            if self.alone:
                key = hint("page.focus", "F9")
                whisper.say(said((f"{key} shows everything again", MUTED)))
            else:
                whisper.hush()

    def _rate(self, kind: Literal["stars", "thumb"], value: int) -> None:
        super()._rate(kind, value)
        turn = self._scored_turn
        score = self.page.scores.get(turn.id) if turn is not None else None
        if self.alone and score is not None:
            self.query_one(Whisper).say(said((stars(score), "$text-accent")))
