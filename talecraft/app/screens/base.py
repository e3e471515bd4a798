"""What every screen has: the status line, a true footer, a word when the window is small."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from talecraft.app import keymap
from talecraft.app.widgets.guide import GuideLine
from talecraft.app.widgets.keyline import KeyLine
from talecraft.app.widgets.lines import StatusLine
from talecraft.story.turns import Turn
from talecraft.studio.events import (
    AlternativesReady,
    GhostFailed,
    GhostReady,
    PromptFailed,
    PromptRead,
    SpanFailed,
    SpanReady,
    TokensFailed,
    TokensRead,
)

if TYPE_CHECKING:
    from talecraft.app.app import TalecraftApp
    from talecraft.app.widgets.scoring import StepWay
    from talecraft.library.runs import TrainingRun


class TalecraftScreen(Screen[None]):
    """Subclasses give their widgets in `body`; HELP is their heading in the help.

    Over a PAGE other screens are pushed; any other screen gives its place to the next one
    (`gives_way_to`).
    SHOWN_BY is the app's action that leads here; COMMAND_WIDGETS are the widgets whose commands
    the palette offers. PLACE is what the guide calls a screen that no action leads to.
    """

    PAGE: ClassVar[bool] = False
    SHOWN_BY: ClassVar[str] = ""
    PLACE: ClassVar[str] = ""
    HELP: ClassVar[str] = ""
    COMMAND_WIDGETS: ClassVar[tuple[str, ...]] = ()
    BINDINGS: ClassVar[list[BindingType]] = []
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares the type
        (0, "-tiny"),
        (60, "-narrow"),
        (100, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-tall"), (36, "-high")]  # noqa: RUF012

    @property
    def talecraft(self) -> TalecraftApp:
        return cast("TalecraftApp", self.app)

    def compose(self) -> ComposeResult:
        yield from self.body()
        yield GuideLine()
        yield StatusLine()
        yield KeyLine()
        yield Static(
            "Talecraft needs a window of 60 × 16. Make it larger; nothing is lost.",
            id="too-small",
            markup=False,
        )

    def body(self) -> ComposeResult:
        """The screen's own widgets."""
        yield from ()

    def on_screen_resume(self) -> None:
        self.query_one(KeyLine).visible = True
        self.talecraft.refresh_status()

    def on_screen_suspend(self) -> None:
        """Under a question none of these keys works."""
        self.query_one(KeyLine).visible = False

    def gives_way_to(self, screen: TalecraftScreen) -> bool:
        """Does this one take its place, and not lie over it?"""
        return not self.PAGE

    # ------------------------------------------------------------------ keys that do nothing now
    def why_not_do(self, action: str) -> str:
        """Why this action of the screen's keys can do nothing now; empty where that goes without
        saying."""
        return ""

    def on_key(self, event: events.Key) -> None:
        """A key of this screen that does nothing now says why. Called before the binding."""
        asked = keymap.actions(self, event.key)
        why = next(filter(None, map(self.why_not_do, asked)), "")
        if why and not any(self.check_action(action, ()) for action in asked):
            event.stop()
            self.talecraft.say(why)

    # ------------------------------------------------------------------ what a screen may hear
    story_id: int | None = None

    @property
    def story_title(self) -> str:
        """The open story's title; empty where no story is open."""
        return ""

    @property
    def preset(self) -> str:
        """By which preset words are drawn in the open story; empty where by none."""
        return ""

    @property
    def words(self) -> int | None:
        """How many words the open story has; None where no story is open."""
        return None

    def waits_for(self, versions: AlternativesReady) -> bool:
        """Does the writer do nothing here but wait for these versions?"""
        return False

    def versions_wait(self, versions: AlternativesReady) -> None:
        """They are there to be chosen from when the writer has time."""

    def reload(self) -> None:
        """A passage is over: what the library holds has changed."""

    def library_changed(self) -> None:
        """Another program has written into the library."""

    def passage_over(self, request: int, turn: Turn | None) -> None:
        """What was asked for is written, and `turn` is new in the library; or nothing is."""

    def text_came(self) -> None:
        """More of the passage being written has come."""

    def stepped(self, story_id: int, how: StepWay = "new") -> None:
        """The writer has changed this story, or taken a change back, or done it again."""

    def engine_changed(self) -> None:
        """The engine is in another phase."""

    def span_came(self, event: SpanReady | SpanFailed) -> None:
        """Texts for a span have come, or none do."""

    def ghost_came(self, event: GhostReady | GhostFailed) -> None:
        """How the text in the composer may go on has come, or nothing does."""

    def pair_came(self) -> None:
        """The taste round has one pair more, or gets none for now."""

    def tokens_came(self, event: TokensRead | TokensFailed) -> None:
        """The tokens of a passage are there, or cannot be read."""

    def prompt_came(self, event: PromptRead | PromptFailed) -> None:
        """What the model is shown is known, or cannot be said."""

    def run_changed(self) -> None:
        """The training run that is watched has said something, or has ended."""

    def shows_verdict(self, run: TrainingRun) -> bool:
        """Will the verdict of this run, which has just ended, stand here, and in sight?"""
        return False

    def fetch_changed(self) -> None:
        """The model that is being fetched has come further, or nothing is any more."""

    def settings_changed(self) -> None:
        """Other settings hold now."""

    def save_draft(self) -> bool:
        """Put what was typed on disk; False, with a notice, where that fails."""
        return True
