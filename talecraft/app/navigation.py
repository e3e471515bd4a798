"""Going places: which screen is shown, over which other, and where one may go from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual.app import App
from textual.command import CommandPalette

from talecraft.app.screens.base import TalecraftScreen
from talecraft.story.turns import Turn

if TYPE_CHECKING:
    from talecraft.app.screens.tasting import TastingScreen
    from talecraft.app.widgets.scoring import StepWay


_PLACES = (
    "help", "models", "training", "settings", "theme", "goal", "new_story", "taste", "compare",
)  # fmt: skip


class Navigation(App[int]):
    """The app's ways between its screens; each is imported when it is first shown."""

    def _screens(self) -> list[TalecraftScreen]:
        return [screen for screen in self.screen_stack if isinstance(screen, TalecraftScreen)]

    def at(self, place: str) -> bool:
        """Is the screen that this action of the app leads to the one that is seen?"""
        return getattr(self.screen, "SHOWN_BY", "") == place

    def stepped(self, story_id: int, how: StepWay) -> None:
        """Tell every screen that the writer has changed this story by a step."""
        for screen in self._screens():
            screen.stepped(story_id, how)

    def open_story(self, story_id: int, begin: bool = False) -> None:
        """Show a story's page over the library; with `begin` the model writes at once."""
        from talecraft.app.screens.writing import WritingScreen

        self.back_to_library()
        self.push_screen(WritingScreen(story_id, begin))

    def back_to_library(self) -> None:
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def show_versions(self, turns: Sequence[Turn]) -> None:
        """Ask which of some versions of a passage the story goes on with."""
        from talecraft.app.screens.choosing import ChoosingScreen

        self.push_screen(ChoosingScreen(turns))

    def action_new_story(self) -> None:
        from talecraft.app.screens.opening import OpeningScreen

        self._show(OpeningScreen)

    def action_help(self) -> None:
        from talecraft.app.screens.help import HelpScreen

        self._show(HelpScreen)

    def action_models(self) -> None:
        from talecraft.app.screens.models import ModelsScreen

        self._show(ModelsScreen)

    def action_training(self) -> None:
        from talecraft.app.screens.training import TrainingScreen

        self._show(TrainingScreen)

    def action_settings(self) -> None:
        from talecraft.app.screens.settings import SettingsScreen

        self._show(SettingsScreen)

    def action_theme(self) -> None:
        """Choose the colours, in the settings."""
        from talecraft.app.screens.settings import SettingsScreen

        if isinstance(self.screen, SettingsScreen):
            self.screen.edit("page.theme")
        else:
            self._show(partial(SettingsScreen, "page.theme"))

    def action_taste(self) -> None:
        """Show the taste round that is going, or begin one from the open story."""
        from talecraft.app.screens.tasting import TastingScreen

        self._show_round(TastingScreen)

    def action_compare(self) -> None:
        """The same with the blind comparison."""
        from talecraft.app.screens.comparing import ComparisonScreen

        self._show_round(ComparisonScreen)

    def _show_round(self, kind: type[TastingScreen]) -> None:
        """One round at a time: one of the other kind gives its place to this one."""
        from talecraft.app.screens.tasting import TastingScreen

        stories = [one.story_id for one in self._screens() if one.story_id is not None]
        screen = kind(stories[-1] if stories else None)
        if not any(isinstance(one, TastingScreen) for one in self.screen_stack):
            if isinstance(self.screen, TalecraftScreen):
                self.push_screen(screen)  # Esc leads back to where one came from
            return
        while not isinstance(self.screen, TastingScreen):
            self.pop_screen()
        if type(self.screen) is not kind:
            self.switch_screen(screen)
        elif self.screen.check_action("new_round", ()):
            self.screen.action_new_round()

    def _show(self, kind: Callable[[], TalecraftScreen]) -> None:
        """Show a screen over the page; over another such screen it takes that one's place."""
        if not isinstance(self.screen, TalecraftScreen):
            return
        shown = kind()
        if not self.screen.gives_way_to(shown):
            self.push_screen(shown)
        elif type(self.screen_stack[-2]) is type(shown):
            self.pop_screen()  # it lies below: one came from there
        else:
            self.switch_screen(shown)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _PLACES:
            # Called from the palette it is the screen below that is left.
            stack = [one for one in self.screen_stack if not isinstance(one, CommandPalette)]
            return isinstance(stack[-1], TalecraftScreen) and action != stack[-1].SHOWN_BY
        return super().check_action(action, parameters)
