"""Teaching the pattern from tales: asked for, planned, offered, started."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from talecraft.app.keymap import hint
from talecraft.app.messages import PatternPlanned
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.screens.dialogs import AskName, Confirm
from talecraft.app.text import error_line
from talecraft.app.widgets.tales import plan_lines
from talecraft.errors import EngineError, TalecraftError
from talecraft.story.clean import clean_line

if TYPE_CHECKING:
    from talecraft.studio.pattern import PatternPlan


class LearnFromTales(TalecraftScreen):
    """A screen that asks for tales, plans with them, and offers the run."""

    def __init__(self) -> None:
        super().__init__()
        self._reading = False  # a file of tales, to plan with

    def action_learn(self) -> None:
        """Ask for tales, read what they hold, and start a run when that is agreed to."""
        there = self.talecraft.studio.pattern.there

        def path(given: str) -> Path:
            return Path(given.strip().strip("'\""))  # as files are dropped

        def refusal(given: str) -> str:
            try:
                there(path(given))
            except TalecraftError as error:
                return error_line(error)
            return ""

        def read(given: str | None) -> None:
            if given is not None:
                self._read_tales(path(given))

        self.app.push_screen(
            AskName(
                "From which file or folder of tales?",
                "",
                hint="Parquet, JSON lines or CSV with prompt and story, or stories alone. Enter"
                f" reads it, {hint('dialog.cancel', 'Esc')} leaves it.",
                refusal=refusal,
            ),
            read,
        )

    def _read_tales(self, data: Path) -> None:
        """In a thread that quitting need not wait for."""
        pattern, model = self.talecraft.studio.pattern, self.talecraft.studio.model

        def ask() -> None:
            try:
                self.post_message(PatternPlanned(pattern.plan(model, data)))
            except TalecraftError as error:
                self.post_message(PatternPlanned(None, error))
            except Exception:  # told, so that it can be asked for again
                unread = EngineError("The tales could not be read.", "Try another file.")
                self.post_message(PatternPlanned(None, unread))

        self._reading = True
        self.refresh_bindings()
        self.talecraft.say(
            "That takes some seconds; of a large table, minutes.", "Reading the tales"
        )
        threading.Thread(target=ask, name="survey", daemon=True).start()

    def on_pattern_planned(self, message: PatternPlanned) -> None:
        self._reading = False
        self.refresh_bindings()
        plan = message.plan
        if message.error is not None:
            self.talecraft.tell(message.error)
        elif plan is not None and plan.refusal:
            self.talecraft.say(plan.refusal, "It would not start", "warning")
        elif plan is not None and self.talecraft.run_watch is None:
            self._offer(plan)

    def _offer(self, plan: PatternPlan) -> None:
        studio = self.talecraft.studio

        def start(yes: bool | None) -> None:
            if yes:
                self.talecraft.launch(lambda model: studio.pattern.start(model, plan))

        title = clean_line(studio.model.title)
        question = Confirm(f"Teach {title} the pattern?", "\n".join(plan_lines(plan)), "Start")
        self.app.push_screen(question, start)
