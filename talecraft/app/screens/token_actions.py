"""From the page to its passages' tokens."""

from __future__ import annotations

from talecraft.app.screens.planning import PlanningActions
from talecraft.errors import TalecraftError
from talecraft.story.turns import Turn


class TokenActions(PlanningActions):
    """The part of the writing screen that opens a passage token by token."""

    @property
    def _looked_at(self) -> Turn | None:
        """The chosen passage, else the model's last one."""
        path, chosen = self.page.path, self.manuscript.chosen
        if chosen is not None:
            return path[chosen]
        return next((turn for turn in reversed(path) if turn.author == "model"), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "tokens":
            app = self.talecraft
            idle = app.live is None and app.studio.alternatives.waiting is None
            return idle and not self.editor.is_open and self._looked_at is not None
        return super().check_action(action, parameters)

    def action_tokens(self) -> None:
        from talecraft.app.screens.tokens import TokensScreen

        turn = self._looked_at
        if turn is None:
            return
        try:
            self.talecraft.studio.tokens.look(turn.id)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self.app.push_screen(TokensScreen(turn, self._show_live))
