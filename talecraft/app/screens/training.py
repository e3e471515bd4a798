"""Training: what a run would learn from, how it goes, how it ended, and the way back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from talecraft.app.keymap import hint
from talecraft.app.messages import TasteLooked
from talecraft.app.run_watch import RunWatch
from talecraft.app.screens.dialogs import Confirm
from talecraft.app.screens.practised import PractisedScreen
from talecraft.app.screens.reports import ReportsRuns
from talecraft.app.screens.tales import LearnFromTales
from talecraft.app.text import error_line, said
from talecraft.app.widgets.adapters import AdapterList, AdapterPanel
from talecraft.app.widgets.run_plan import RunPlan
from talecraft.app.widgets.running import Running
from talecraft.app.widgets.verdicts import Ended, OutcomeView
from talecraft.errors import TalecraftError
from talecraft.library.runs import TrainingRun
from talecraft.story.clean import clean_line

# What is asked of a run or its adapter, and is not always answered.
_OF_RUNS = {
    "start",
    "learn",
    "resume",
    "pause",
    "example",
    "stop",
    "roll_back",
    "report",
    "practised",
}


class TrainingScreen(LearnFromTales, ReportsRuns):
    """Watches the run that is going; a run never depends on being watched."""

    SHOWN_BY = "training"
    HELP = "Training"
    COMMAND_WIDGETS = ("#adapters",)
    AUTO_FOCUS = "#training"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "start", "Start",
                tooltip="Start a training run on all current scores", id="training.start"),
        Binding("l", "learn", "Learn from tales",
                tooltip="Teach the pattern from a file of tales", id="training.learn"),
        Binding("c", "resume", "Go on",
                tooltip="Go on with the run that is paused or was cut off", id="training.go_on"),
        Binding("p", "pause", "Pause",
                tooltip="Let the run stand still until you let it go on", id="training.pause"),
        Binding("e", "example", "Example",
                tooltip="Show a passage as before and as learned so far", id="training.example"),
        Binding("x", "stop", "Stop the run",
                tooltip="End the run at its next step", id="training.stop"),
        Binding("t", "app.taste", "Taste round",
                tooltip="Choose between pairs of short passages", id="training.taste"),
        Binding("v", "app.compare", "Compare",
                tooltip="Compare the newest adapter, blind", id="training.compare"),
        Binding("b", "roll_back", "Roll back",
                tooltip="Write with what wrote before the adapter", id="training.roll_back"),
        Binding("w", "report", "Report",
                tooltip="Write the run down: a page with its curves", id="training.report"),
        Binding("d", "practised", "Practised",
                tooltip="The passages it practised, and their rewards", id="training.practised"),
        Binding("a", "adapters", "Adapters",
                tooltip="Go to the tree of adapters", id="training.adapters"),
        Binding("escape", "leave", "Back",
                tooltip="Back to where you were; a run goes on", id="app.back"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._resumable: TrainingRun | None = None
        self._asked_from: float | None = (
            None  # where the screen stood when an example was asked for
        )
        self._ended: list[TrainingRun] = []  # that are shown
        self._seen: int | None = None  # how far the log of feedback went when it was shown

    def body(self) -> ComposeResult:
        with VerticalScroll(id="training", can_focus=True):
            yield Static(said(("Training", "bold $text-primary")), classes="heading")
            yield Running()
            yield OutcomeView(id="outcome", classes="section")
            yield RunPlan()
            yield AdapterPanel(id="adapter-panel")

    def on_mount(self) -> None:
        self._show_all()

    def run_changed(self) -> None:
        if self.is_mounted:
            self._show_all()

    def settings_changed(self) -> None:
        self.run_changed()

    def shows_verdict(self, run: TrainingRun) -> bool:
        return self.is_mounted and not self._view.scroll_y

    def on_screen_resume(self) -> None:
        """Back from a taste round or a comparison: there may be more to learn from."""
        super().on_screen_resume()
        if self._seen not in (None, self.talecraft.studio.library.feedback.watermark()):
            self.run_changed()

    def on_resize(self) -> None:
        """Another size has room for other curves."""
        self.call_after_refresh(lambda: self._show_running(self.talecraft.run_watch))

    # ------------------------------------------------------------------ what is shown
    def _show_all(self) -> None:
        watch = self.talecraft.run_watch
        self._show_running(watch)
        try:
            self.query_one(AdapterPanel).show()
            if watch is None:
                self._show_rest()
        except TalecraftError as error:
            self.talecraft.tell(error)
        for name in ("#outcome", "#training-plan"):
            self.query_one(name).display = watch is None
        self.refresh_bindings()
        if self.query_one(AdapterList).has_focus:  # what is above it has another height now
            self.query_one(AdapterPanel).keep_in_view()

    def _show_running(self, watch: RunWatch | None) -> None:
        running = self.query_one(Running)
        running.display = watch is not None
        if watch is not None:
            came = running.show(watch, max(20, self.size.width - 8))
            if came and self._asked_from == self._view.scroll_y:
                self.call_after_refresh(
                    running.query_one("#example").scroll_visible, top=True, animate=False
                )
            if came:
                self._asked_from = None

    @property
    def _view(self) -> VerticalScroll:
        return self.query_one("#training", VerticalScroll)

    def _show_rest(self) -> None:
        studio = self.talecraft.studio
        self._seen = studio.library.feedback.watermark()
        plan = studio.training.plan(studio.model)
        self._resumable = studio.training.resumable(studio.model)
        self.query_one(RunPlan).show(plan, studio.model.title, self._resumable)
        if not plan.refusal:
            self._look()
        ended = [run for run in studio.library.runs.list() if run.state != "running"]
        mine = [run for run in ended if run.model_id == studio.model.id]
        judged = [run for run in mine if run.state in ("adopted", "rejected")]
        heads = ("The last run", "The last run of this model", "The last one that was judged")
        told: dict[str, str] = {}
        for head, found in zip(heads, (ended, mine, judged), strict=True):
            for run in found[:1]:
                told.setdefault(run.id, head)
        shown = [run for run in ended if run.id in told]
        self._ended = shown
        self.query_one(OutcomeView).show(
            [
                Ended(told[run.id], run, self._since(run), run.model_id == studio.model.id)
                for run in shown
            ],
            self.talecraft.now(),
        )

    def _since(self, run: TrainingRun) -> str:
        """What became of the adapter that a run adopted; nothing while it writes."""
        studio = self.talecraft.studio
        if run.model_id != studio.model.id:
            key = hint("app.models", "F2")
            return f"It was a run of {clean_line(run.model_id)}; {key} chooses that model."
        if run.state != "adopted" or not run.adapter_id:
            return ""
        adapter = studio.library.adapters.get(run.adapter_id)
        active = studio.library.adapters.active(studio.model.id)
        if active is not None and active.id == adapter.id:
            return ""
        writes = f"adapter {active.label}" if active is not None else "the bare model"
        ended = "was deleted" if adapter.deleted_at is not None else "is not in use"
        return f"Since then: adapter {adapter.label} {ended}; {writes} writes."

    def _look(self) -> None:
        """Ask what is known of the writer's taste. In a thread that quitting need not wait for."""
        training, model = self.talecraft.studio.training, self.talecraft.studio.model

        def ask() -> None:
            try:
                self.post_message(TasteLooked(training.look(model)))
            except TalecraftError as error:
                self.post_message(TasteLooked(None, error_line(error)))

        self.query_one(RunPlan).looking()
        threading.Thread(target=ask, name="look", daemon=True).start()

    def on_taste_looked(self, message: TasteLooked) -> None:
        if message.error:
            self.talecraft.say(message.error, "Your taste could not be read", "warning")
        self.query_one(RunPlan).show_taste(message.taste)
        if message.taste is not None:
            self.talecraft.studio.guide.looked(message.taste.passed)
            self.talecraft.refresh_status()
        self.refresh_bindings()

    def runs_shown(self) -> list[TrainingRun]:
        watch = self.talecraft.run_watch
        if watch is None:
            return self._ended
        return [watch.run] if watch.steps else []

    # ------------------------------------------------------------------ what can be done
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        watch = self.talecraft.run_watch
        match action:
            case "start":
                plan = self.query_one(RunPlan)
                return watch is None and not plan.refusal and not plan.reading
            case "learn":
                return watch is None and not self._reading
            case "resume":
                return self._resumable is not None if watch is None else watch.paused
            case "pause":
                return watch is not None and not (watch.paused or watch.stopping)
            case "example":
                return watch is not None and watch.learning and not watch.stopping
            case "stop":
                return watch is not None and not watch.stopping
            case "report":
                return not self.why_no_report()
            case "practised":
                return any(run.method != "pattern" for run in self.runs_shown())
            case "adapters":
                return not self.query_one(AdapterList).has_focus
            case "roll_back":
                studio = self.talecraft.studio
                return studio.library.adapters.active(studio.model.id) is not None
            case _:
                return super().check_action(action, parameters)

    def why_not_do(self, action: str) -> str:
        if action not in _OF_RUNS:
            return ""
        watch = self.talecraft.run_watch
        if action == "roll_back":
            return "The bare model writes: there is no adapter to roll back."
        if action == "report":
            return self.why_no_report()
        if action == "practised":
            return "There is no run that has practised yet."
        if watch is None:
            plan = self.query_one(RunPlan)
            waits = f"I am still reading your opinions; then {hint('training.start', 's')} starts."
            return {
                "start": waits if plan.reading else f"Not yet. {plan.refusal}",
                "learn": "The tales are being read.",
                "resume": "There is no run to go on with.",
            }.get(action, "No run is going.")
        if action in ("start", "learn", "resume"):
            return "A run is going."
        if watch.stopping:
            return "The run is about to stop."
        if action == "pause":
            return f"The run is paused. {hint('training.go_on', 'c')} lets it go on."
        if watch.run.method in ("pattern", "style"):
            return "Its verdict shows passages before and after; on its way there are none."
        return "Nothing is learned yet that an example could show."

    def action_start(self) -> None:
        training = self.talecraft.studio.training
        self.talecraft.launch(training.start)

    def action_resume(self) -> None:
        training = self.talecraft.studio.training
        if self.talecraft.run_watch is not None:
            self._asked(training.unpause)
        else:
            self.talecraft.launch(training.resume)

    def action_pause(self) -> None:
        self._asked(self.talecraft.studio.training.pause)

    def action_example(self) -> None:
        watch = self.talecraft.run_watch
        if watch is not None and self._asked(self.talecraft.studio.training.ask_example):
            watch.example_asked = True
            self._asked_from = self._view.scroll_y
            self.run_changed()
            when = "when training goes on" if watch.paused else "after the next step"
            self.talecraft.say(f"It comes {when}.", "An example")

    def _asked(self, ask: Callable[[], TrainingRun]) -> bool:
        """Ask the run for something; where that fails, say why."""
        try:
            ask()
        except TalecraftError as error:
            self.talecraft.tell(error)
            return False
        self.talecraft.look_at_run()
        return True

    def action_stop(self) -> None:
        def stop(yes: bool | None) -> None:
            watch = self.talecraft.run_watch
            if yes and watch is not None and self._asked(self.talecraft.studio.training.stop):
                watch.stopping = True
                self.run_changed()
                self.talecraft.refresh_status()

        question = Confirm(
            "Stop the training run?",
            "It ends at its next step and adopts nothing."
            + (" It can go on from there later." if self._has_steps else ""),
            "Stop",
        )
        self.app.push_screen(question, stop)

    @property
    def _has_steps(self) -> bool:
        watch = self.talecraft.run_watch
        return watch is not None and bool(watch.steps)

    def action_roll_back(self) -> None:
        studio = self.talecraft.studio
        active = studio.library.adapters.active(studio.model.id)
        if active is None:
            return
        back = studio.adapters.before(active)
        before = f"adapter {clean_line(back.label)}" if back is not None else "the bare model"

        def roll_back(yes: bool | None) -> None:
            if not yes:
                return
            try:
                studio.roll_back()
            except TalecraftError as error:
                self.talecraft.tell(error)
                return
            self.talecraft.say(f"From the next passage on {before} writes.", "Rolled back")
            self._show_all()

        question = Confirm(
            f"Roll back to {before}?", "The adapter is kept and can be chosen again.", "Roll back"
        )
        self.app.push_screen(question, roll_back)

    def action_adapters(self) -> None:
        self.query_one(AdapterList).focus(scroll_visible=False)
        self.query_one(AdapterPanel).scroll_visible(top=True, animate=False)

    def action_practised(self) -> None:
        for run in self.runs_shown():
            if updates := self.talecraft.studio.training.practised(run.id):
                self.app.push_screen(PractisedScreen(updates))
                return
        self.talecraft.say("No passages of its updates are kept.", "What was practised")

    def action_leave(self) -> None:
        self.app.pop_screen()
