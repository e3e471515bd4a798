"""The ghost on the page: asked of the model, shown in the composer."""

from __future__ import annotations

from talecraft.app.screens.taking_in import TakingIn
from talecraft.app.widgets.ghost import GhostComposer, GhostLine
from talecraft.errors import TalecraftError
from talecraft.studio.events import GhostFailed, GhostReady


class GhostActions(TakingIn):
    """The part of the writing screen that lets the model go on with the writer's sentence."""

    def __init__(self, story_id: int) -> None:
        super().__init__(story_id)
        self._ghost_asked: int | None = None  # the request that is waited for
        self._ghost_by_itself = False

    @property
    def _haunted(self) -> GhostComposer:
        return self.query_one(GhostComposer)

    def let_ghosts_come(self) -> None:
        """As the settings have it."""
        self._haunted.ghost_after = self.talecraft.studio.settings.page.ghost_after

    def no_ghost(self) -> None:
        """Something else is going on."""
        self._haunted.action_drop_ghost()

    def on_ghost_composer_asked(self, event: GhostComposer.Asked) -> None:
        app = self.talecraft
        if event.by_itself and (app.phase.phase != "ready" or not self.check_action("ghost", ())):
            return
        try:
            self._ghost_asked = app.studio.ghosts.ask(self.story_id, event.before, event.after)
        except TalecraftError as error:
            if not event.by_itself:
                app.tell(error)
            return
        self._ghost_by_itself = event.by_itself
        self._haunted.ghost_waits()

    def on_ghost_composer_haunted(self, event: GhostComposer.Haunted) -> None:
        if not event.there and self._ghost_asked is not None:
            self._ghost_asked = None
            self.talecraft.studio.ghosts.stop()
        self.query_one(GhostLine).show(event)
        self.refresh_bindings()

    def ghost_came(self, event: GhostReady | GhostFailed) -> None:
        if event.request != self._ghost_asked:
            return
        self._ghost_asked = None
        self._haunted.show_ghost(event.text if isinstance(event, GhostReady) else "")
        if isinstance(event, GhostFailed) and not self._ghost_by_itself:
            self.talecraft.say(f"{event.message} {event.hint}", "Nothing to show")
