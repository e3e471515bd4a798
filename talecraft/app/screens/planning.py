"""What can be done with a passage's plan: score it apart, edit it, draw another, write from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from talecraft.app.live import Live
from talecraft.app.marks import plain
from talecraft.app.screens.focus import FocusMode
from talecraft.app.screens.proposing import ProposingActions
from talecraft.app.widgets.editor import Editor
from talecraft.app.widgets.outline import OutlinePane, Shown, shown_plan
from talecraft.errors import TalecraftError
from talecraft.library.branches import EditedPart
from talecraft.story import feedback
from talecraft.story.clean import clean
from talecraft.story.feedback import Feedback, Score
from talecraft.story.turns import Turn

WIDE = 100  # columns from which the plan stands beside the text


class PlanningActions(ProposingActions, FocusMode):
    """The part of the writing screen that acts on plans. A plan edited by the writer is kept until
    something is written from it, also over the end of the program."""

    _plan_scored = 0  # the passage whose plan was scored last, in the pane

    @property
    def plan_pane(self) -> OutlinePane:
        return self.query_one(OutlinePane)

    @property
    def _planned(self) -> Turn | None:
        """The passage whose plan is meant: the chosen one, else the last; if it has a plan."""
        path, chosen = self.page.path, self.manuscript.chosen
        if chosen is not None:
            turn = path[chosen]
        elif path:
            turn = path[-1]
        else:
            return None
        return turn if turn.author == "model" and turn.outline.strip() else None

    def _edited_plan(self, turn: Turn) -> str | None:
        """What the writer has made of this plan, where nothing is written from it yet."""
        return self.talecraft.studio.library.branches.edit_draft(turn.id, "outline")

    @property
    def live(self) -> Live | None:
        """The passage being written, if it is this story's."""
        live = self.talecraft.live
        return live if live is not None and live.story_id == self.story_id else None

    def shown_plan(self) -> Shown:
        """What the pane is to show now."""
        live = self.live
        if live is not None:
            return shown_plan(live.outline, thinking=not live.prose)
        turn = self._planned
        if turn is None:
            return Shown([])
        edited = self._edited_plan(turn)
        if edited is not None:
            return shown_plan(edited, edited=True)
        return shown_plan(turn.outline, turn.prose, score=self._plan_score(turn))

    def _plan_score(self, turn: Turn) -> Score | None:
        return feedback.score(self.talecraft.studio.writing.opinions(turn.id), outline=True)

    @property
    def _wide(self) -> bool:
        """Is there room for the plan beside the text? On a plain page nothing is side by side."""
        return self.size.width >= WIDE and not plain()

    @property
    def inline_plan(self) -> tuple[str, bool] | None:
        """The plan to show in the manuscript, and whether it is folded; None: the pane has it."""
        if self.plan_pane.display or self._wide or self.alone:
            return None
        last = self.page.path[-1].outline if self.page.path else ""
        return self.live.outline if self.live is not None else last, not self.talecraft.show_outline

    def show_plan(self) -> None:
        """On wide screens beside the text; on others only while the writer is at it."""
        pane = self.plan_pane
        edited = self.editor.part == "outline"
        wanted = pane.has_focus or edited or self._wide
        pane.display = wanted and self.talecraft.show_outline and not self.alone
        pane.set_class(edited, "-edited")
        if pane.display:
            pane.show(self.shown_plan())

    def on_descendant_focus(self) -> None:
        """Where the pane stands under the text, it goes when it is left."""
        if self.plan_pane.display and not self._wide and not self.plan_pane.has_focus:
            self.call_after_refresh(self.reload_if_shown)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "go_to_plan":
                return not self.editor.is_open
            case "edit_plan" | "redraw_plan" | "write_from_plan" | "rate_plan" | "like_plan":
                return self._planned is not None and not self.editor.is_open
            case "take_back_plan":
                turn = self._planned
                return turn is not None and (
                    self._edited_plan(turn) is not None or bool(self._said_of_plan(turn))
                )
            case _:
                return super().check_action(action, parameters)

    # ------------------------------------------------------------------ going there
    def action_go_to_plan(self) -> None:
        """From the text to its plan, and back."""
        if self.alone:
            self.action_show_all()
        self.talecraft.show_outline = True
        self.plan_pane.display = True
        self.plan_pane.focus()
        self.call_after_refresh(self.reload_if_shown)

    def reload_if_shown(self) -> None:
        """What is called later may come when the page has been left."""
        if self.is_attached:
            self.reload()

    # ------------------------------------------------------------------ scoring it apart
    def action_rate_plan(self, value: int) -> None:
        self._say_of_plan("stars", value)

    def action_like_plan(self, value: int) -> None:
        self._say_of_plan("thumb", value)

    def _say_of_plan(self, kind: Literal["stars", "thumb"], value: int) -> None:
        turn = self._planned
        if self.talecraft.live is not None or turn is None:
            self.talecraft.say("The plan can be scored when the passage is finished.")
            return
        line = Feedback(0, turn.id, kind, value, "outline")
        if self._log(self.talecraft.studio.writing.rate_many, [line]):
            self._plan_scored = turn.id

    def _said_of_plan(self, turn: Turn) -> list[Feedback]:
        opinions = self.talecraft.studio.writing.opinions(turn.id)
        return [one for one in opinions if one.aspect == "outline"]

    def _log(self, append: Callable[[list[Feedback]], object], lines: list[Feedback]) -> bool:
        try:
            append(lines)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return False
        self.reload()
        return True

    def action_take_back_plan(self) -> None:
        turn = self._planned
        if turn is None:
            return
        if self._edited_plan(turn) is not None:
            if not self._keep_draft(turn.id, "outline", None):
                return
            self.reload()
            self.talecraft.say("The plan is as the model wrote it.")
        else:
            self._unscore_plan(turn)

    def _unscore_plan(self, turn: Turn) -> None:
        said = self._said_of_plan(turn)
        lines = [Feedback(0, turn.id, one.kind, None, "outline") for one in said]
        if lines and self._log(self.talecraft.studio.writing.score_many, lines):
            self.talecraft.say("The plan's score is taken back.")
        self._plan_scored = 0

    def action_undo_in_plan(self) -> None:
        """The newest thing first: the score that was just given here, else the story's change."""
        turn = self._planned
        if turn is not None and turn.id == self._plan_scored and self._said_of_plan(turn):
            self._unscore_plan(turn)
        elif self.free():
            self._plan_scored = 0
            self.action_undo_step()

    # ------------------------------------------------------------------ changing it
    def action_edit_plan(self) -> None:
        turn = self._planned
        if turn is None:
            return
        if not self.plan_pane.display:
            self.action_go_to_plan()
            self.call_after_refresh(self.action_edit_plan)
            return
        text = self._edited_plan(turn) or "\n".join(shown_plan(turn.outline).beats)
        self.editor.open(turn.id, text, self.plan_pane.content_region, "outline")
        self.show_plan()
        self.refresh_bindings()

    def on_editor_kept(self, event: Editor.Kept) -> None:
        if event.part != "outline":
            return  # Textual calls the base class's handler, too, unless it is prevented
        event.prevent_default()
        turn = self.talecraft.studio.library.stories.turn(event.turn_id)
        found = [f"- {beat}" for beat in shown_plan(clean(event.text)).beats]
        same = found == [f"- {beat}" for beat in shown_plan(turn.outline).beats]
        text = None if same or not found else "\n".join(found)
        if not self._keep_draft(turn.id, "outline", text):
            return
        self.editor.close()
        self.plan_pane.focus()
        self.reload()

    # ------------------------------------------------------------------ writing from it
    def action_redraw_plan(self) -> None:
        """Another plan alone, beside the passage or instead of a plan that waits."""
        turn = self._free_plan()
        if turn is None:
            return
        studio = self.talecraft.studio
        try:
            request = studio.writing.draw_plan(turn.id)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self._show_live(request, turn)

    def action_write_from_plan(self) -> None:
        """The passage from this plan: the first one, or another version."""
        turn = self._free_plan()
        if turn is None:
            return
        studio = self.talecraft.studio
        outline = self._edited_plan(turn) or turn.outline
        try:
            request = studio.writing.write_from_plan(turn.id, outline)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self._show_live(request, turn, (turn.id, "outline"))
        self.composer.focus()

    def _free_plan(self) -> Turn | None:
        """The passage meant, where something can be written beside it now."""
        return self._planned if self.free() else None

    def _show_live(
        self, request: int, turn: Turn, draft: tuple[int, EditedPart] | None = None
    ) -> None:
        """Another version of `turn` comes in its place."""
        path = [one.id for one in self.page.path]
        self.manuscript.choose_none()
        self.begin_live(request, path.index(turn.id) if turn.id in path else len(path), draft)
