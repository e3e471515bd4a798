"""The application: owns the studio, hears the engine, watches the training run."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.screen import Screen
from textual.widgets import Input

from talecraft.app import messages, preferring
from talecraft.app.counts import WordCount
from talecraft.app.fetches import Fetches
from talecraft.app.keymap import hint
from talecraft.app.live import Live, phase_words
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.screens.library import LibraryScreen
from talecraft.app.text import count, in_use
from talecraft.app.themes import THEMES
from talecraft.app.training_runs import TrainingRuns
from talecraft.app.widgets.guide import GuideLine
from talecraft.app.widgets.lines import StatusLine
from talecraft.errors import ConfigError, TalecraftError
from talecraft.process.messages import Phase
from talecraft.story.clean import clean_line
from talecraft.story.turns import Turn
from talecraft.studio import Studio
from talecraft.studio.events import AlternativesFailed, Listener, StudioEvent

if TYPE_CHECKING:
    from talecraft.app.screens.form import Form

WATCH_SECONDS, SETTINGS_SECONDS = 0.25, 1.0
# Garbage that lives long is looked for seldom: a long story is no garbage.
GARBAGE = (1_000, 10, 100)
# Text that comes is shown this often at most, and while the writer types (a key in the last half
# second) less often: to paint it takes the time in which a key would be painted.
TEXT_SECONDS, TEXT_SECONDS_TYPING, TYPING_SECONDS = 0.05, 0.2, 0.5
MOST_PASTED = 2_000  # characters of a paste into one line: a name, a word looked for
WIDE = 100  # columns from which the status line tells all of the words


def _commands() -> type[Provider]:
    from talecraft.app.commands import Commands

    return Commands


class TalecraftApp(TrainingRuns, Fetches):
    """`open_studio` is called at once with the app as listener; its errors are the caller's.

    `now` and `opening_seed` make what is shown repeatable; `plain` tells in words what is drawn.
    """

    TITLE = "Talecraft"
    HELP = "Everywhere"
    CSS_PATH: ClassVar[list[str | PurePath]] = [
        "styles/app.tcss",
        "styles/guide.tcss",
        "styles/writing.tcss",
        "styles/skeleton.tcss",
        "styles/lists.tcss",
        "styles/training.tcss",
        "styles/tasting.tcss",
        "styles/settings.tcss",
        "styles/tree.tcss",
        "styles/tokens.tcss",
        "styles/context.tcss",
        "styles/manners.tcss",
    ]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1", "help", "Help", priority=True,
                tooltip="All keys, and what they do", id="app.help"),
        Binding("f2", "models", "Models", tooltip="Choose the model that writes", id="app.models"),
        Binding("f3", "training", "Train",
                tooltip="Teach the model your scores", id="app.training"),
        Binding("f5", "settings", "Settings",
                tooltip="Look at the settings and change them", id="app.settings"),
        Binding("f8", "guide", "Guide", show=False, id="app.guide",
                tooltip="The guide: what comes next on the first way round; or put it away"),
        Binding("ctrl+p", "command_palette", "All", show=False, priority=True,
                tooltip="Everything that can be done here, by name", id="app.palette"),
        Binding("ctrl+q", "quit", "Quit", priority=True,
                tooltip="Save the draft and quit", id="app.quit"),
    ]  # fmt: skip

    def __init__(
        self,
        open_studio: Callable[[Listener], Studio],
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        opening_seed: int | None = None,
        plain: bool = False,
    ) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.now = now
        self.opening_seed = opening_seed
        self._closing_down = False
        self.live: Live | None = None
        self.phase = Phase("starting")
        self._text_waits, self._text_shown = False, 0.0
        self.key_at = 0.0  # when a key was pressed last, by the monotonic clock
        self.studio = open_studio(self._hear)
        self.show_outline = self.studio.settings.page.show_outline
        self.focus_mode = False  # only the text and the composer on the page
        self.counts = WordCount(
            self.studio.progress, self.now, lambda: self.studio.settings.page.goal
        )
        self._take_theme()
        self.take_manners(self.studio.settings, self.studio.home, plain)

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
        self.set_interval(SETTINGS_SECONDS, self._watch_others)

    def _watch_others(self) -> None:
        """Show what another hand has changed in the settings, or another program in the library;
        this not while a passage comes, which is its turn."""
        if not self.screen_stack:
            return  # it is being closed
        preferring.watch(self)
        # Where it cannot be read, whoever asks for something next is told.
        with contextlib.suppress(TalecraftError):
            if self.live is not None or not self.studio.library.changed_elsewhere():
                return
        for screen in self._screens():
            with contextlib.suppress(TalecraftError):
                screen.library_changed()

    def end(self) -> None:
        """Leave at once, what was typed saved as far as the disk allows."""
        self._save_all()
        for form in self._open_forms():
            with contextlib.suppress(Exception):  # whatever is wrong with it: the page ends
                form.rescue()
        self._closing_down = True
        self.exit(0)

    async def action_quit(self) -> None:
        """Quit, unless there is text that could not be saved."""
        if self._open_forms():
            self.say("First keep what you are writing down, or leave it.")
        elif self._save_all():
            self._closing_down = True
            self.exit(0)

    def _open_forms(self) -> list[Form]:
        """What is being written down and is on no disk yet."""
        from talecraft.app.screens.form import Form

        return [one for one in self.screen_stack if isinstance(one, Form) and one.changed]

    def _save_all(self) -> bool:
        saved = [screen.save_draft() for screen in self._screens()]
        return all(saved)

    def action_guide(self) -> None:
        """Put the guide away, or bring it back."""
        self.studio.guide.show(not self.studio.guide.shown)
        self.refresh_status()

    def action_goal(self) -> None:
        preferring.ask_goal(self)

    @property
    def can_write(self) -> bool:
        """Is there a model that writes, or will soon?"""
        return self.phase.phase != "stopped"

    # ------------------------------------------------------------------ saying things
    def count_words(self) -> None:
        """Words have come or gone: count them again."""
        if words := self.counts.grown():
            self.say(words)

    def refresh_status(self) -> None:
        """Say on the status line what is true now."""
        screen = self.screen_stack[-1] if self.screen_stack else None  # the engine outlives them
        if not isinstance(screen, TalecraftScreen):
            return
        loaded = self.studio.loaded
        wanted = clean_line(self.studio.model.id)
        settled = self.phase.phase not in ("starting", "loading", "asleep", "stopped")
        using = in_use(loaded) if loaded is not None and settled else wanted
        if presets := [one.preset for one in self._screens() if one.preset]:
            using = f"preset {presets[-1]} · {using}"
        right = [self.run_watch.words] if self.run_watch is not None else []
        right += self.fetch_share
        if stories := [one.words for one in self._screens() if one.words is not None]:
            wide, crowded = screen.size.width >= WIDE, bool(right)
            right += [count(stories[-1], "word"), *self.counts.words(wide, crowded)]
        for guide in screen.query(GuideLine):
            guide.look()
        for line in screen.query(StatusLine):
            line.show(phase_words(self.phase, self.live), using, " · ".join(right))
        titles = [one.story_title for one in self._screens() if one.story_title]
        self.show_title(titles[-1] if titles else "", self.live, self.run_watch)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self.key_at = time.monotonic()
        elif isinstance(event, events.Paste) and isinstance(self.focused, Input):
            # Textual would put it in as it is, or, where it is too long, not at all.
            room = (self.focused.max_length or MOST_PASTED) - len(self.focused.value)
            event.text = clean_line(event.text[:MOST_PASTED])[: max(0, room)]
        await super().on_event(event)

    @property
    def typing(self) -> bool:
        """Was a key pressed a moment ago, so that another may be about to come?"""
        return time.monotonic() - self.key_at < TYPING_SECONDS

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
        other = f"choose another model ({hint('app.models', 'F2')}) or see engine.log"
        what = "Starting it again; your text is safe." if stopped.restarting else (
            f"It keeps stopping. Your text is safe; {other}."
        )  # fmt: skip
        if not stopped.restarting:
            self.phase = Phase("stopped")
        self.say(f"{stopped.reason} {what}", "The engine stopped", "warning")
        self._engine_changed()

    def on_text_arrived(self, message: messages.TextArrived) -> None:
        if self.live is not None and message.delta.request == self.live.request:
            self.live.add(message.delta)
            now = time.monotonic()
            pause = TEXT_SECONDS_TYPING if self.typing else TEXT_SECONDS
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
        self._passage_over(written.request, written.turn)
        if not any(screen.story_id == written.story_id for screen in self._screens()):
            self.say("The passage you left is finished and in its story.")

    def on_passage_failed(self, message: messages.PassageFailed) -> None:
        failed = message.failed
        self._passage_over(failed.request, None)
        if failed.message:
            self.say(f"{failed.message} {failed.hint}", "Nothing was written", "error")

    def _passage_over(self, request: int, turn: Turn | None) -> None:
        if self.live is not None and self.live.request == request:
            self.passage_over(self.live)
            self.live = None
        for screen in self._screens():
            screen.passage_over(request, turn)
            screen.reload()
        self._engine_changed()

    def on_versions_came(self, message: messages.VersionsCame) -> None:
        event = message.event
        for screen in self._screens():
            screen.reload()
        if isinstance(event, AlternativesFailed):
            if event.message:
                self.say(f"{event.message} {event.hint}", "No other versions", "error")
        elif isinstance(self.screen, TalecraftScreen) and self.screen.waits_for(event):
            self.show_versions(event.turns)
        else:
            key = hint("version.more", "v")
            self.say(f"{key} in the manuscript shows them.", "The versions are written")
            for screen in self._screens():
                screen.versions_wait(event)

    def on_tokens_came(self, message: messages.TokensCame) -> None:
        for screen in self._screens():
            screen.tokens_came(message.event)

    def on_span_came(self, message: messages.SpanCame) -> None:
        for screen in self._screens():
            screen.span_came(message.event)

    def on_prompt_came(self, message: messages.PromptCame) -> None:
        for screen in self._screens():
            screen.prompt_came(message.event)

    def on_ghost_came(self, message: messages.GhostCame) -> None:
        for screen in self._screens():
            screen.ghost_came(message.event)

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
