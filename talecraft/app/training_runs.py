"""Training runs as the app follows them: started, looked at while they go, taken in at the end."""

from __future__ import annotations

from collections.abc import Callable

from textual import work

from talecraft.app import messages
from talecraft.app.keymap import hint
from talecraft.app.manners import Manners
from talecraft.app.navigation import Navigation
from talecraft.app.run_watch import RunWatch, verdict
from talecraft.app.text import error_line
from talecraft.config.models import ModelSpec
from talecraft.errors import TalecraftError
from talecraft.library.runs import TrainingRun
from talecraft.studio import Studio

# How often, in looks at the run, it is asked whether another program has started one.
_LOOKS_FOR_OTHERS = 20


class TrainingRuns(Manners, Navigation):
    """The part of the app that follows one training run, whoever started it."""

    studio: Studio
    run_watch: RunWatch | None = None
    _looks = 0

    @property
    def farewell(self) -> str:
        """What is to be known when the program is closed; empty where nothing is."""
        if self.run_watch is None:
            return ""
        return (
            "The training run goes on by itself. Talecraft shows it again when it is opened;"
            " `talecraft train status` tells how far it is."
        )

    def refresh_status(self) -> None:
        """Say on the status line what is true now."""

    @work(thread=True, group="settle")
    def settle_runs(self) -> None:
        """Take in ended runs. In a thread: an adapter's files are read to check them."""
        try:
            self.post_message(messages.RunsSettled(self.studio.training.settle()))
        except TalecraftError as error:
            self.post_message(messages.RunsSettled([], error_line(error)))

    def on_runs_settled(self, message: messages.RunsSettled) -> None:
        runs, watch = message.runs, self.run_watch
        if message.error:
            self.say(message.error, "The training run could not be taken in", "error")
        if watch is not None and not watch.alive:
            self.run_watch = None
            if watch.run.id not in [run.id for run in runs] and not message.error:
                # Another program has settled it.
                runs = [*runs, self.studio.library.runs.get(watch.run.id)]
        for run in runs:
            words, title, severity = verdict(run, self.studio.model.id)
            # Where it is shown a notice would lie over the headline that says it.
            if not any(one.shows_verdict(run) for one in self._screens()[-1:]):
                self.say(words, title, severity)
            if watch is not None and watch.run.id == run.id:
                self.tell_desktop(f"{title}. {words}")
        if any(run.state == "adopted" for run in runs) or self.studio.engine.asleep:
            try:
                self.studio.reload()
            except TalecraftError as error:
                self.tell(error)
        if runs or self.run_watch is not watch:
            self._run_changed()

    def launch(self, launch: Callable[[ModelSpec], TrainingRun]) -> None:
        """Start a run of the model in use and watch it, or say why there is none."""
        try:
            run = launch(self.studio.model)
        except TalecraftError as error:
            self.tell(error)
            return
        self.watch_run(run)

    def watch_run(self, run: TrainingRun) -> None:
        """Watch this run from now on."""
        self.run_watch = RunWatch(self.studio.training, run)
        self.run_watch.read()
        self.studio.make_room()
        self._run_changed()

    def _look_for_run(self) -> None:
        try:
            run = self.studio.training.running()
        except TalecraftError:
            return  # another library's run: none of ours
        if run is not None:
            self.watch_run(run)

    def look_at_run(self) -> None:
        """Take in what the run has said and was asked; settle it where it has ended."""
        watch = self.run_watch
        if watch is None:
            return
        shown = watch.example
        if watch.read():
            if watch.example is not shown:
                where = "It stands under the figures." if self.at("training") else ""
                self.say(where or f"{hint('app.training', 'F3')} shows it.", "The example has come")
            self._run_changed()
        elif not watch.alive and not self._settling:
            self.settle_runs()

    def _watch_run(self) -> None:
        self._looks += 1
        if self.run_watch is None:
            if self._looks % _LOOKS_FOR_OTHERS == 0:
                self._look_for_run()
            return
        self.look_at_run()

    @property
    def _settling(self) -> bool:
        return any(worker.group == "settle" and not worker.is_finished for worker in self.workers)

    def _run_changed(self) -> None:
        self.refresh_status()
        for screen in self._screens():
            screen.run_changed()
