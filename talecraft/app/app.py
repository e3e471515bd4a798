"""The application: owns the studio, hears the engine, watches the training run."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePath
from typing import Any, ClassVar

from textual import events, work
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.screen import Screen

from talecraft.app import messages
from talecraft.app.live import Live, phase_words
from talecraft.app.navigation import Navigation
from talecraft.app.run_watch import RunWatch, verdict
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.screens.library import LibraryScreen
from talecraft.app.text import count, error_line, in_use
from talecraft.app.themes import THEMES
from talecraft.app.widgets.lines import StatusLine
from talecraft.config.models import ModelSpec
from talecraft.errors import ConfigError, TalecraftError
from talecraft.library.runs import TrainingRun
from talecraft.process.messages import Phase
from talecraft.story.clean import clean_line
from talecraft.studio import Studio
from talecraft.studio.events import Listener, StudioEvent

WATCH_SECONDS = 0.25
# Garbage that lives long is looked for seldom: a long story is no garbage.
GARBAGE = (1_000, 10, 100)
# Text that comes is shown this often at most, and while the writer types (a key in the last half
# second) less often: to paint it takes the time in which a key would be painted.
TEXT_SECONDS, TEXT_SECONDS_TYPING, TYPING_SECONDS = 0.05, 0.2, 0.5
# How often, in looks at the run, it is asked whether another program has started one.
_LOOKS_FOR_OTHERS = 20


def _commands() -> type[Provider]:
    from talecraft.app.commands import Commands

    return Commands


class TalecraftApp(Navigation):
    """`open_studio` is called at once with the app as listener; its errors are the caller's.

    `now` and `opening_seed` make what is shown repeatable.
    """

    TITLE = "Talecraft"
    HELP = "Everywhere"
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        "styles/app.tcss",
        "styles/writing.tcss",
        "styles/lists.tcss",
        "styles/training.tcss",
        "styles/tasting.tcss",
    ]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", priority=True, tooltip="All keys, and what they do"),
        Binding("f2", "models", "Models", tooltip="Choose the model that writes"),
        Binding("f3", "training", "Train", tooltip="Teach the model your scores"),
        Binding("ctrl+p", "command_palette", "All", show=False, priority=True,
                tooltip="Everything that can be done here, by name"),
        Binding("ctrl+q", "quit", "Quit", priority=True, tooltip="Save the draft and quit"),
    ]  # fmt: skip

    def __init__(
        self,
        open_studio: Callable[[Listener], Studio],
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        opening_seed: int | None = None,
    ) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.now = now
        self.opening_seed = opening_seed
        self._closing_down = False
        self.live: Live | None = None
        self.run_watch: RunWatch | None = None
        self.phase = Phase("starting")
        self._looks = 0
        self._text_waits, self._text_shown, self._key_at = False, 0.0, 0.0
        self.studio = open_studio(self._hear)
        self.show_outline = self.studio.settings.page.show_outline
        self._take_theme()

    def _take_theme(self) -> None:
        name = self.studio.settings.page.theme
        if name not in self.available_themes:
            self.studio.close()
            raise ConfigError(
                f"{self.studio.home.settings_file}: there is no theme '{name}'.",
                f"Themes: {', '.join(sorted(self.available_themes))}.",
            )
        self.theme = name

    # ------------------------------------------------------------------ start and end
    def get_default_screen(self) -> Screen[Any]:
        return LibraryScreen()

    def on_mount(self) -> None:
        if not self.studio.library.stories.list():
            self.action_new_story()
        if not self.is_headless:
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self.end)

    def on_ready(self) -> None:
        """What the first frame need not wait for.

        `call_after_refresh` would not do: its callback stays with the screen of that moment, and
        is not called while another one lies over it.
        """
        if not gc.isenabled():  # see __main__
            # To look through all that was imported, every second, holds up the keys.
            gc.freeze()
            gc.set_threshold(*GARBAGE)
            gc.enable()
        if self._closing_down:
            return
        try:
            self.studio.start_engine(beside_run=False)
        except TalecraftError as error:
            self.phase = Phase("stopped", "no model")
            self.tell(error)
        self.refresh_status()
        self.settle_runs()
        self._look_for_run()
        self.set_interval(WATCH_SECONDS, self._watch_run)
        self.theme_changed_signal.subscribe(self, self._theme_chosen)

    def end(self) -> None:
        """Leave at once, what was typed saved as far as the disk allows."""
        self._save_all()
        self._closing_down = True
        self.exit(0)

    async def action_quit(self) -> None:
        """Quit, unless there is text that could not be saved."""
        if self._save_all():
            self._closing_down = True
            self.exit(0)

    def _save_all(self) -> bool:
        saved = [screen.save_draft() for screen in self._screens()]
        return all(saved)

    def _theme_chosen(self, theme: Any) -> None:
        self.say(f'To keep it, put  theme = "{theme.name}"  under [page] in config.toml.', "Theme")

    @property
    def can_write(self) -> bool:
        """Is there a model that writes, or will soon?"""
        return self.phase.phase != "stopped"

    # ------------------------------------------------------------------ saying things
    def say(self, text: str, title: str = "", severity: Any = "information") -> None:
        """A notice of literal text; one that can still be read is not said again."""
        if any(one.message == clean_line(text) for one in self._notifications):
            return
        self.notify(clean_line(text), title=clean_line(title), severity=severity, markup=False)

    def tell(self, error: TalecraftError) -> None:
        """An error as a notice."""
        self.notify(error_line(error), severity="error", markup=False, timeout=10)

    def refresh_status(self) -> None:
        """Say on the status line what is true now."""
        screen = self.screen
        if not isinstance(screen, TalecraftScreen):
            return
        loaded = self.studio.loaded
        wanted = clean_line(self.studio.model.id)
        settled = self.phase.phase not in ("starting", "loading", "asleep", "stopped")
        using = in_use(loaded) if loaded is not None and settled else wanted
        right = [self.run_watch.words] if self.run_watch is not None else []
        right += [
            count(screen.words, "word") for screen in self._screens() if screen.words is not None
        ]
        for line in screen.query(StatusLine):
            line.show(phase_words(self.phase, self.live), using, " · ".join(right))

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self._key_at = time.monotonic()
        await super().on_event(event)

    # ------------------------------------------------------------------ what the engine says
    def _hear(self, event: StudioEvent) -> None:
        """Called on the engine's reading thread; hands the event over and returns."""
        if self.is_running and not self._closing_down:
            self.post_message(messages.message_for(event))

    def on_engine_phase(self, message: messages.EnginePhase) -> None:
        self.phase = message.phase
        self._engine_changed()

    def on_engine_loaded(self, message: messages.EngineLoaded) -> None:
        self._engine_changed()

    def on_engine_stopped(self, message: messages.EngineStopped) -> None:
        stopped = message.stopped
        what = "Starting it again; your text is safe." if stopped.restarting else (
            "It keeps stopping. Your text is safe; choose another model (F2) or see engine.log."
        )  # fmt: skip
        if not stopped.restarting:
            self.phase = Phase("stopped")
        self.say(f"{stopped.reason} {what}", "The engine stopped", "warning")
        self._engine_changed()

    def on_text_arrived(self, message: messages.TextArrived) -> None:
        if self.live is not None and message.delta.request == self.live.request:
            self.live.add(message.delta)
            now = time.monotonic()
            typing = now - self._key_at < TYPING_SECONDS
            pause = TEXT_SECONDS_TYPING if typing else TEXT_SECONDS
            wait = self._text_shown + pause - now
            if wait <= 0:
                self._show_text()
            elif not self._text_waits:
                self._text_waits = True
                self.set_timer(wait, self._show_text)

    def _show_text(self) -> None:
        self._text_waits, self._text_shown = False, time.monotonic()
        for screen in self._screens():
            screen.text_came()

    def on_passage_written(self, message: messages.PassageWritten) -> None:
        written = message.written
        self._passage_over(written.request)
        if not any(screen.story_id == written.story_id for screen in self._screens()):
            self.say("The passage you left is finished and in its story.")

    def on_passage_failed(self, message: messages.PassageFailed) -> None:
        failed = message.failed
        self._passage_over(failed.request)
        if failed.message:
            self.say(f"{failed.message} {failed.hint}", "Nothing was written", "error")

    def _passage_over(self, request: int) -> None:
        if self.live is not None and self.live.request == request:
            self.live = None
        for screen in self._screens():
            screen.reload()
        self._engine_changed()

    def on_pair_came(self, message: messages.PairCame) -> None:
        if message.failed is not None:
            failed = message.failed
            self.say(f"{failed.message} {failed.hint}", "No more pairs for now", "error")
        for screen in self._screens():
            screen.pair_came()

    def on_studio_notice(self, message: messages.StudioNotice) -> None:
        notice = message.notice
        if self.studio.loaded is None:
            self.phase = Phase("stopped", "no model")
        self.say(f"{notice.message} {notice.hint}", severity="error")
        self._engine_changed()

    def _engine_changed(self) -> None:
        self.refresh_status()
        for screen in self._screens():
            screen.engine_changed()

    # ------------------------------------------------------------------ training
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
            self.say(*verdict(run))
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
            if watch.example is not shown and getattr(self.screen, "SHOWN_BY", "") != "training":
                self.say("F3 shows it.", "The example has come")
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
