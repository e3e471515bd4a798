"""The skeleton beside the page: all plans of the open branch, and the text follows."""

from __future__ import annotations

from talecraft.app.screens.planning import PlanningActions
from talecraft.app.widgets.blocks import Place
from talecraft.app.widgets.skeleton import Skeleton
from talecraft.studio.reading import Page


class SkeletonActions(PlanningActions):
    """The part of the writing screen that jumps by plans. While the skeleton is open it has the
    place of the plan; who leaves it by Esc reads where they had read before."""

    def __init__(self, story_id: int) -> None:
        super().__init__(story_id)
        self._read_at: Place | None = None
        self._chosen_then: int | None = None
        self._bones_of: Page | None = None

    @property
    def skeleton(self) -> Skeleton:
        return self.query_one(Skeleton)

    def show_plan(self) -> None:
        super().show_plan()
        if self.skeleton.display:
            self.plan_pane.display = False
            if self._bones_of is not self.page:
                self._show_bones(self.skeleton.list.went_to)

    def _show_bones(self, passage: int) -> None:
        self._bones_of = self.page
        keep = self.live.keep if self.live is not None else len(self.page.path)
        self.skeleton.show(self.page.path[:keep], passage)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "skeleton":
                return bool(self.page.path) and not self.editor.is_open
            case "end_find_bones":
                return self.skeleton.finding
            case "find_bones" | "close_skeleton":
                return self.skeleton.display and not self.skeleton.finding
            case "jump":
                return self.skeleton.display and self.skeleton.list.chosen is not None
            case "turn_page":
                return not self.skeleton.has_focus_within
            case _:
                return super().check_action(action, parameters)

    # ------------------------------------------------------------------ opening
    def action_skeleton(self) -> None:
        manuscript = self.manuscript
        self._read_at, self._chosen_then = manuscript.reading, manuscript.chosen
        here = manuscript.chosen if manuscript.chosen is not None else manuscript.passage_in_sight
        self.skeleton.display = True
        self._show_bones(len(self.page.path) if here is None else here)
        self.skeleton.list.focus()
        self.show_plan()

    # ------------------------------------------------------------------ moving
    def on_skeleton_list_moved(self) -> None:
        chosen = self.skeleton.list.chosen
        if chosen is not None and self.skeleton.display:
            self.manuscript.choose(chosen.passage)

    def on_skeleton_list_opened(self) -> None:
        self.action_jump()

    def action_find_bones(self) -> None:
        self.skeleton.find(True)
        self.refresh_bindings()

    def action_end_find_bones(self) -> None:
        self.skeleton.find(False)
        self.refresh_bindings()

    # ------------------------------------------------------------------ leaving
    def action_jump(self) -> None:
        """Read on at the chosen passage; at the last one the composer is next."""
        chosen = self.skeleton.list.chosen
        if chosen is not None:
            self._close_skeleton()
            self.back_at(chosen.turn.id)

    def action_close_skeleton(self) -> None:
        self._close_skeleton()
        self.manuscript.focus()
        if self._chosen_then is None or not self.manuscript.choose(self._chosen_then):
            self.manuscript.choose_none()
        # After the layout, which gives the text its room back.
        self.call_after_refresh(self.manuscript.go_back_to, self._read_at)

    def _close_skeleton(self) -> None:
        self.skeleton.close()
        self._bones_of = None
        self.reload()

    def on_descendant_focus(self) -> None:
        """Who clicks beside it, or goes on with Tab, has found the place."""
        if self.skeleton.display and not self.skeleton.has_focus_within:
            self._close_skeleton()
