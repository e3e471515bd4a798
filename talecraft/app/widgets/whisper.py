"""A line that says something and fades."""

from __future__ import annotations

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

SECONDS = 5.0
FADE_SECONDS = 1.0


class Whisper(Static):
    """Empty most of the time; its place is kept, so that nothing moves when it speaks."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._timer: Timer | None = None

    def say(self, words: Content) -> None:
        """Show `words` for some seconds."""
        self.hush()
        self.update(words)
        self._timer = self.set_timer(SECONDS, self._fade)

    def hush(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self.styles.text_opacity = 1.0
        self.update("")

    def _fade(self) -> None:
        self.styles.animate("text_opacity", 0.0, duration=FADE_SECONDS)
