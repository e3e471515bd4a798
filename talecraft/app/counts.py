"""The words of this session and of today, as the status line tells them; the goal, told once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from talecraft.app.marks import mark
from talecraft.app.text import count
from talecraft.story.counts import Words
from talecraft.studio.progress import Progress

_CELLS = 5


class WordCount:
    """`goal` gives the words a day that are aimed at, 0 for none."""

    def __init__(
        self, progress: Progress, now: Callable[[], datetime], goal: Callable[[], int]
    ) -> None:
        self._progress = progress
        self._now = now
        self._goal = goal
        self.session = Words()
        self.today = Words()
        self._told: tuple[date, int] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Count again. A goal that is already reached is not news."""
        self._count()
        if self._reached:
            self._told = self._aim

    def grown(self) -> str:
        """Count again; the quiet word for a goal that has just been reached, else nothing."""
        self._count()
        if not self._reached or self._told == self._aim:
            return ""
        self._told = self._aim
        return f"{count(self.today.yours, 'word')} of your own today. That was your goal."

    def _count(self) -> None:
        self.session = self._progress.session()
        self.today = self._progress.today(self._now()) if self._goal() else Words()

    @property
    def _aim(self) -> tuple[date, int]:
        return self._now().date(), self._goal()

    @property
    def _reached(self) -> bool:
        return 0 < self._goal() <= self.today.yours

    def words(self, wide: bool, crowded: bool) -> list[str]:
        """Parts for the status line, shorter where it is not `wide`, shortest where `crowded`."""
        parts = []
        yours, together = self.session.yours, self.session.together
        if together and wide:
            parts.append(f"+{yours:,} yours, +{together:,} together")
        elif together and not crowded:
            parts.append(f"+{yours:,} yours")
        if goal := self._goal():
            full = min(_CELLS, self.today.yours * _CELLS // goal)
            drawn = "✓" if self._reached else "▰" * full + "▱" * (_CELLS - full)
            sign = mark(f"{drawn} ", "goal reached, " if self._reached else "goal: ")
            parts.append(f"{sign}{self.today.yours:,} of {goal:,}{' today' if wide else ''}")
        return parts

    @property
    def story(self) -> str:
        """Session and day in words, for the dialog that sets the goal."""
        today = self._progress.today(self._now())
        return (
            f"In all your stories, today: {today.yours:,} yours, {today.together:,} together."
            f" Since the start: {self.session.yours:,} yours, {self.session.together:,} together."
        )
