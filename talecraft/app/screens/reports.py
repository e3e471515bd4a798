"""A training run on paper: its report is written while the page goes on."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from talecraft.app.messages import ReportWritten
from talecraft.app.screens.base import TalecraftScreen
from talecraft.errors import LibraryError, TalecraftError
from talecraft.library.runs import TrainingRun


class ReportsRuns(TalecraftScreen):
    """A screen that writes the report of the run it shows."""

    def __init__(self) -> None:
        super().__init__()
        self._reporting = False

    def runs_shown(self) -> Sequence[TrainingRun]:
        """What may be reported, the first before the others."""
        return ()

    def why_no_report(self) -> str:
        """Why none can be written now; empty where one can."""
        if self._reporting:
            return "The report is being written."
        return "" if self.runs_shown() else "There is no run to report yet."

    def action_report(self) -> None:
        """In a thread that quitting need not wait for."""
        studio, runs = self.talecraft.studio, self.runs_shown()

        def write() -> None:
            # Here, and not at the top: nothing of it is wanted before the first report.
            from talecraft.studio.reporting import writing

            try:
                told = writing.newest(studio.library, studio.home, runs)
                self.post_message(ReportWritten(writing.write(studio.home, told).page))
            except TalecraftError as error:
                self.post_message(ReportWritten(None, error))
            except Exception:  # told, so that it can be asked for again
                failed = LibraryError("The report could not be written.", "Try `talecraft report`.")
                self.post_message(ReportWritten(None, failed))

        self._reporting = True
        self.refresh_bindings()
        threading.Thread(target=write, name="report", daemon=True).start()

    def on_report_written(self, message: ReportWritten) -> None:
        self._reporting = False
        self.refresh_bindings()
        if message.error is not None:
            self.talecraft.tell(message.error)
        else:
            self.talecraft.say(f"{message.page}. Any browser opens it.", "The report is written")
