"""What changes the page beside writing on: editing in place, throwing away, undo and redo."""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import Region
from textual.widgets import TextArea

from talecraft.app.keymap import hint
from talecraft.app.live import Live
from talecraft.app.screens.passages import PassageActions
from talecraft.app.widgets.editor import LEAST_ROWS, Editor
from talecraft.app.widgets.outline import OutlinePane
from talecraft.errors import TalecraftError
from talecraft.library.branches import EditDraft
from talecraft.story.clean import clean
from talecraft.story.turns import Step, StepKind, Turn

UNDONE: dict[StepKind, str] = {
    "write": "Your passage is taken back.",
    "continue": "The model's passage is taken back.",
    "version": "The version before is back.",
    "edit": "The edit is taken back.",
    "prune": "What was thrown away is back.",
    "restore": "It is thrown away again.",
}
REDONE: dict[StepKind, str] = {
    "write": "Your passage is back.",
    "continue": "The model's passage is back.",
    "version": "The other version is back.",
    "edit": "The edit is back.",
    "prune": "It is thrown away again.",
    "restore": "What was thrown away is back.",
}


class EditingActions(PassageActions):
    """The part of the writing screen that changes what is there already, and takes it back."""

    @property
    def editor(self) -> Editor:
        return self.query_one(Editor)

    @property
    def _acted_on(self) -> int | None:
        """Where the chosen passage stands in the page's path, else the last one with prose."""
        if self.manuscript.chosen is not None:
            return self.manuscript.chosen
        told = [at for at, turn in enumerate(self.page.path) if turn.prose]
        return told[-1] if told else None

    # ------------------------------------------------------------------ editing in place
    def action_edit(self) -> None:
        """Edit the chosen passage, else the last one."""
        at = self._acted_on
        if at is None:
            self.talecraft.say("There is no passage to edit yet.")
            return
        self.manuscript.choose(at)
        turn = self.page.path[at]
        # Where it was left in the midst of an edit, that goes on.
        kept = self._prose_draft
        text = kept.text if kept is not None and kept.turn_id == turn.id else turn.prose
        self.call_after_refresh(self._open_editor, turn, at, text)

    def resume_edit(self) -> None:
        """Go on with the edit that was not finished when the program was left."""
        kept = self._prose_draft
        path = [turn.id for turn in self.page.path]
        if kept is not None and kept.turn_id in path:
            self.manuscript.choose(path.index(kept.turn_id))
            key = hint("editor.keep", "Esc")
            self.talecraft.say(f"You were editing this passage. {key} keeps the text as it stands.")
            self.action_edit()

    @property
    def _prose_draft(self) -> EditDraft | None:
        kept = self.talecraft.studio.library.branches.edit_draft(self.story_id)
        return kept if kept is not None and kept.part == "prose" else None

    def _open_editor(self, turn: Turn, at: int, text: str) -> None:
        self.editor.open(turn.id, text, self._room_for(at))
        self.refresh_bindings()

    def _room_for(self, at: int) -> Region:
        """The place of a passage on the screen, and what lies under it."""
        manuscript = self.manuscript
        left, row, width = manuscript.place_of(at)
        if manuscript.size.height - row < min(2 * LEAST_ROWS, manuscript.size.height):
            manuscript.scroll_relative(y=row - 1, animate=False, immediate=True, force=True)
            left, row, width = manuscript.place_of(at)
        row = max(0, row)
        x, y = manuscript.region.offset
        return Region(x + left, y + row, width, max(1, manuscript.size.height - row))

    def place_editor(self) -> None:
        """After the page was laid out anew."""
        path = [turn.id for turn in self.page.path]
        if self.editor.part == "outline":
            self.editor.place(self.query_one(OutlinePane).content_region)
        elif self.editor.is_open and self.editor.turn_id in path:
            self.editor.place(self._room_for(path.index(self.editor.turn_id)))

    def on_editor_grown(self) -> None:
        path = [turn.id for turn in self.page.path]
        if self.editor.part == "prose" and self.editor.turn_id in path:
            self.manuscript.make_room((path.index(self.editor.turn_id), self.editor.rows))
            self.call_after_refresh(self.place_editor)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        if event.text_area is self.editor:
            event.stop()
            event.prevent_default()
            if self.editor.is_open:
                self.keep_draft_soon()

    def save_draft(self) -> bool:
        if self.is_mounted and self.editor.is_open:
            try:
                self.talecraft.studio.library.branches.save_edit_draft(
                    self.story_id, self.editor.turn_id, clean(self.editor.text), self.editor.part
                )
            except TalecraftError as error:
                self.talecraft.tell(error)
                return False
        return super().save_draft()

    def on_editor_kept(self, event: Editor.Kept) -> None:
        if self._take_edit(event.turn_id, event.text):
            self._close_editor()

    def on_editor_go_on(self, event: Editor.GoOn) -> None:
        app = self.talecraft
        turn = app.studio.library.stories.turn(event.turn_id)
        if app.live is not None:
            app.say("The model is still writing.")
            return
        if turn.author != "model":
            if self._take_edit(event.turn_id, event.whole):
                self._close_editor()
                key = hint("page.continue", "Enter")
                app.say(f"This passage is your own: {key} lets the model write on after it.")
            return
        if not event.text.strip():
            app.say("Put the cursor after the words that are to stay.")
            return
        at = [one.id for one in self.page.path].index(turn.id)
        try:
            request = app.studio.writing.go_on_from(turn.id, event.text)
        except TalecraftError as error:
            app.tell(error)
            return
        app.studio.library.branches.save_edit_draft(self.story_id, 0)
        self._close_editor()
        self.begin_live(request, at)

    def begin_live(self, request: int, keep: int) -> None:
        """Show what is being written after the first `keep` passages."""
        self.talecraft.live = Live(request, self.story_id, keep)
        self.reload()

    def _take_edit(self, turn_id: int, text: str) -> bool:
        """Keep an edit; False, with a notice, where that cannot be."""
        studio = self.talecraft.studio
        try:
            changed = studio.branching.edit(turn_id, text)
            studio.library.branches.save_edit_draft(self.story_id, 0)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return False
        if changed:
            self.talecraft.say(f"Edited. {hint('story.undo', 'Ctrl+Z')} takes it back.")
        return True

    def _close_editor(self) -> None:
        self.editor.close()
        self.manuscript.make_room(None)
        self.manuscript.focus()
        self.reload()

    # ------------------------------------------------------------------ undo, redo, throwing away
    def action_undo_step(self) -> None:
        step = self._moved(self.talecraft.studio.branching.undo)
        if step is None:
            self.talecraft.say("There is nothing more to take back.")
            return
        if step.kind == "write":
            self._give_back(step)
        self.talecraft.say(f"{UNDONE[step.kind]} {hint('story.redo', 'Ctrl+Y')} does it again.")

    def action_redo_step(self) -> None:
        step = self._moved(self.talecraft.studio.branching.redo)
        if step is None:
            self.talecraft.say("There is nothing to do again.")
            return
        if step.kind == "write":  # its words were given back; sent again they would stand twice
            self._take_from_composer(step)
        self.talecraft.say(f"{REDONE[step.kind]} {hint('story.undo', 'Ctrl+Z')} takes it back.")

    def _moved(self, move: Callable[[int], Step | None]) -> Step | None:
        try:
            step = move(self.story_id)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return None
        if step is not None:
            self.manuscript.choose_none()
            self.reload()
        return step

    def _give_back(self, step: Step) -> None:
        """The words of a passage of the writer's that was taken back stand in the composer."""
        if not self.composer.text.strip():
            self.composer.set_text(self._words_of(step))
            self.keep_draft_soon()

    def _take_from_composer(self, step: Step) -> None:
        if self.composer.text.strip() == self._words_of(step):
            self.composer.set_text("")
            self.keep_draft_soon()

    def _words_of(self, step: Step) -> str:
        written = step.changes[0].after
        return self.talecraft.studio.library.stories.turn(written).prose if written else ""

    def action_throw_away(self) -> None:
        """Throw the chosen passage away, else the last one, with all that follows it."""
        at = self._acted_on
        if at is None:
            self.talecraft.say("There is no passage to throw away.")
            return
        turn = self.page.path[at]
        after = " with all that follows" if at + 1 < len(self.page.path) else ""
        try:
            self.talecraft.studio.branching.prune(turn.id)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        self.manuscript.choose_none()
        self.reload()
        opinion = " That counts as an opinion." if turn.author == "model" else ""
        undo = hint("story.undo", "Ctrl+Z")
        self.talecraft.say(f"Thrown away{after}.{opinion} {undo} brings it back.")
