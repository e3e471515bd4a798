"""What changes the page beside writing on: editing in place, throwing away, undo and redo."""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import Region
from textual.widgets import TextArea

from talecraft.app.keymap import hint
from talecraft.app.live import Live
from talecraft.app.screens.passages import PassageActions
from talecraft.app.step_words import REDONE, UNDONE, told
from talecraft.app.widgets.editor import LEAST_ROWS, Editor
from talecraft.app.widgets.outline import OutlinePane
from talecraft.app.widgets.scoring import StepWay
from talecraft.app.widgets.text_area import PASTE_LIMIT
from talecraft.errors import TalecraftError
from talecraft.library.branches import EditedPart
from talecraft.story.clean import clean
from talecraft.story.turns import Step, Turn


class EditingActions(PassageActions):
    """The part of the writing screen that changes what is there already, and takes it back."""

    def __init__(self, story_id: int) -> None:
        super().__init__(story_id)
        # The request that goes on from a draft of the writer's, and which one.
        self._written_from: tuple[int, int, EditedPart] | None = None

    @property
    def editor(self) -> Editor:
        return self.query_one(Editor)

    @property
    def why_not(self) -> str:
        return super().why_not or (
            "First finish what you are editing." if self.editor.is_open else ""
        )

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
        clicked = self.manuscript.clicked  # which another choice forgets
        self.manuscript.choose(at)
        turn = self.page.path[at]
        # Where it was left in the midst of an edit, that goes on.
        kept = self.talecraft.studio.library.branches.edit_draft(turn.id, "prose")
        # At once: the next key is text already. Its place is found anew when all is laid out.
        text, cursor = (turn.prose, clicked) if kept is None else (kept, None)
        self.editor.open(turn.id, text, self._room_for(at), cursor=cursor)
        self.call_after_refresh(self.place_editor)
        self.refresh_bindings()

    def resume_edit(self) -> None:
        """Go on with an edit that was not finished when the page was left."""
        edited = self.talecraft.studio.library.branches.edited(self.story_id)
        here = [at for at, turn in enumerate(self.page.path) if turn.id in edited]
        if here:
            self.manuscript.choose(here[-1])
            key = hint("editor.keep", "Esc")
            self.talecraft.say(f"You were editing this passage. {key} keeps the text as it stands.")
            self.action_edit()
        elif edited:
            key = hint("story.tree", "F4")
            self.talecraft.say(f"An edit that is not finished waits on another branch: {key}.")

    def _room_for(self, at: int) -> Region:
        """The place of a passage on the screen, and what lies under it."""
        manuscript = self.manuscript
        left, row, width = manuscript.place_of(at)
        if not 0 <= row <= manuscript.size.height - min(2 * LEAST_ROWS, manuscript.size.height):
            manuscript.scroll_relative(y=row - 1, animate=False, immediate=True, force=True)
            left, row, width = manuscript.place_of(at)
        row = max(0, row)
        x, y = manuscript.region.offset
        return Region(x + left, y + row, width, max(1, manuscript.size.height - row))

    def place_editor(self) -> None:
        """After the page was laid out anew."""
        at = self._edited_at
        if self.editor.part == "outline":
            self.editor.place(self.query_one(OutlinePane).content_region)
        elif at is not None:
            self.editor.place(self._room_for(at))

    @property
    def _edited_at(self) -> int | None:
        """Where the passage that is being edited stands in the page's path."""
        path = [turn.id for turn in self.page.path]
        return path.index(self.editor.turn_id) if self.editor.turn_id in path else None

    def on_editor_grown(self) -> None:
        if self.editor.part == "prose" and (at := self._edited_at) is not None:
            self.manuscript.make_room((at, self.editor.rows))
            self.call_after_refresh(self.place_editor)

    def leave_lost_edit(self) -> None:
        """Where the edited passage is not on this branch any more, its edit waits on the other."""
        if self.editor.is_open and self._edited_at is None:
            self.save_draft()
            self.close_editor()
            key = hint("story.tree", "F4")
            self.talecraft.say(f"Your edit is kept with the passage it is of: {key} leads there.")

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        if event.text_area is self.editor:
            event.stop()
            event.prevent_default()
            if self.editor.is_open:
                self.keep_draft_soon()

    def save_draft(self) -> bool:
        if self.is_mounted and self.editor.is_open:
            editor = self.editor
            kept = self._keep_draft(editor.turn_id, editor.part, clean(editor.text))
            if not kept:
                return False
        return super().save_draft()

    def _keep_draft(self, turn_id: int, part: EditedPart, text: str | None) -> bool:
        """On disk, or (None) no more; False, with a notice, where the disk allows neither."""
        branches = self.talecraft.studio.library.branches
        try:
            if text is None:
                branches.drop_edit_draft(turn_id, part)
            else:
                branches.save_edit_draft(turn_id, part, text)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return False
        return True

    def on_editor_kept(self, event: Editor.Kept) -> None:
        if self._take_edit(event.turn_id, event.text):
            self.close_editor()

    def on_editor_go_on(self, event: Editor.GoOn) -> None:
        app, at = self.talecraft, self._edited_at
        if at is None or not self.free():
            return
        turn = self.page.path[at]
        if turn.author != "model":
            if self._take_edit(event.turn_id, event.whole):
                self.close_editor()
                words = "It is kept: this passage is your own."
                if at == len(self.page.path) - 1:
                    words += f" {hint('page.continue', 'Enter')} lets the model write on after it."
                app.say(words)
            return
        if not event.text.strip():
            app.say("Put the cursor after the words that are to stay.")
            return
        if not self._keep_draft(turn.id, "prose", clean(event.whole)):
            return
        try:
            request = app.studio.writing.go_on_from(turn.id, event.text)
        except TalecraftError as error:
            app.tell(error)
            return
        self.close_editor()
        self.begin_live(request, at, (turn.id, "prose"))

    def on_editor_scored(self, event: Editor.Scored) -> None:
        self.rate_words(event.turn_id, event.words, "stars", event.value)

    def begin_live(
        self, request: int, keep: int, draft: tuple[int, EditedPart] | None = None
    ) -> None:
        """Show what is being written after the first `keep` passages. It is written from this
        draft of the writer's, which is kept until that is in the story."""
        self._written_from = (request, *draft) if draft is not None else None
        self.talecraft.live = Live(request, self.story_id, keep)
        self.reload()

    def passage_over(self, request: int, turn: Turn | None) -> None:
        written_from, self._written_from = self._written_from, None
        if written_from is None or written_from[0] != request:
            return
        _, turn_id, part = written_from
        if turn is not None and turn.prose:
            self._keep_draft(turn_id, part, None)
        elif part == "prose":
            key = hint("passage.edit", "e")
            self.talecraft.say(f"Your edit is kept: {key} in the manuscript opens it again.")

    def _take_edit(self, turn_id: int, text: str) -> bool:
        """Keep an edit; False, with a notice, where that cannot be."""
        studio = self.talecraft.studio
        if not clean(text).strip():
            self.talecraft.say("A passage needs at least one letter. Ctrl+Z brings its text back.")
            return False
        try:
            changed = studio.branching.edit(turn_id, text)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return False
        if changed:
            self.stepped(self.story_id)
            self.talecraft.say(f"Edited. {hint('story.undo', 'Ctrl+Z')} takes it back.")
        return self._keep_draft(turn_id, "prose", None)

    def close_editor(self) -> None:
        self.editor.close()
        self.manuscript.make_room(None)
        self.manuscript.focus()
        self.reload()

    # ------------------------------------------------------------------ undo, redo, throwing away
    def action_undo_step(self) -> None:
        step = self._moved(self.talecraft.studio.branching.undo, "undo")
        if step is None:
            self.talecraft.say("There is nothing more to take back.")
            return
        if step.kind == "write":
            self._give_back(step)
        self.talecraft.say(f"{told(step, UNDONE)} {hint('story.redo', 'Ctrl+Y')} does it again.")

    def action_redo_step(self) -> None:
        step = self._moved(self.talecraft.studio.branching.redo, "redo")
        if step is None:
            self.talecraft.say("There is nothing to do again.")
            return
        if step.kind == "write":  # its words were given back; sent again they would stand twice
            self._take_from_composer(step)
        self.talecraft.say(f"{told(step, REDONE)} {hint('story.undo', 'Ctrl+Z')} takes it back.")

    def _moved(self, move: Callable[[int], Step | None], how: StepWay) -> Step | None:
        try:
            step = move(self.story_id)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return None
        if step is not None:
            self.stepped(self.story_id, how)
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
        """What the writer had written in this step; '' where it is more than a composer holds."""
        change = step.changes[0]
        leaf = change.after if isinstance(change.after, int) else None
        path = self.talecraft.studio.library.stories.path(leaf)
        ids = [turn.id for turn in path]
        begin = ids.index(change.before) + 1 if change.before in ids else 0
        words = "\n\n".join(turn.prose for turn in path[begin:] if turn.author == "writer")
        return words if len(words) <= PASTE_LIMIT else ""

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
        self.stepped(self.story_id)
        opinion = " That counts as an opinion." if turn.author == "model" else ""
        undo = hint("story.undo", "Ctrl+Z")
        self.talecraft.say(f"Thrown away{after}.{opinion} {undo} brings it back.")
