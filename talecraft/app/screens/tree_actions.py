"""What can be done with the passages of the tree: bookmarks, the trash, undo, comparing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from talecraft.app.keymap import hint
from talecraft.app.screens.base import TalecraftScreen
from talecraft.app.step_words import REDONE, UNDONE, told
from talecraft.app.text import count
from talecraft.app.widgets.tree import TreeList
from talecraft.errors import TalecraftError
from talecraft.story.turns import Step
from talecraft.studio.branching import Place

NAME_LIMIT = 60


class TreeActions(TalecraftScreen):
    """The part of the tree's screen that acts on the chosen passage."""

    def __init__(self, story_id: int) -> None:
        super().__init__()
        self.story_id: int = story_id
        self._places: Sequence[Place] = ()
        self._trash = False
        self._thrown: int | None = None  # what was thrown away here last
        self._names: dict[int, str] = {}  # of bookmarks that were taken away here

    @property
    def _list(self) -> TreeList:
        return self.query_one(TreeList)

    @property
    def _chosen(self) -> Place | None:
        return self._list.chosen

    def show(self, turn_id: int | None) -> None:
        """Read the tree again; this turn is chosen, None: the one that was."""

    def _idle(self) -> bool:
        """May what is read be changed now? Says why not."""
        live = self.talecraft.live
        if live is not None and live.story_id == self.story_id:
            key = hint("page.stop", "Esc")
            self.talecraft.say(f"The model is still writing here. {key} on the page stops it.")
            return False
        return True

    def _done(self, what: Callable[[], object], step: bool = True) -> bool:
        """Do something to the tree, a `step` that can be taken back, or say why it could not be
        done."""
        try:
            what()
        except TalecraftError as error:
            self.talecraft.tell(error)
            return False
        if step:
            self.talecraft.stepped(self.story_id, "new")
        return True

    # ------------------------------------------------------------------ bookmarks
    def action_next_bookmark(self, step: int) -> None:
        tree = self._list
        tree.jump([at for at, one in enumerate(tree.places) if one.bookmark is not None], step)

    def action_bookmark(self) -> None:
        from talecraft.app.screens.dialogs import AskName

        place, branching = self._chosen, self.talecraft.studio.branching
        if place is None:
            return
        turn_id = place.turn.id

        def name(words: str | None) -> None:
            if words is not None and self._done(lambda: branching.bookmark(turn_id, words)):
                self.show(turn_id)

        if place.bookmark is None:
            none = f"{hint('dialog.cancel', 'Esc')} sets none."
            words = f"Enter sets the bookmark, with or without a name. {none}"
            asked = AskName(
                "A name for the bookmark", self._names.get(turn_id, ""), NAME_LIMIT, True, words
            )
            self.app.push_screen(asked, name)
        elif self._done(lambda: branching.bookmark(turn_id, None)):
            self._names[turn_id] = place.bookmark
            key = hint("tree.bookmark", "b")
            self.talecraft.say(f"The bookmark is taken away; {key} sets it again.")
            self.show(turn_id)

    # ------------------------------------------------------------------ the trash
    def action_trash(self) -> None:
        self._trash = not self._trash
        self.show(None)

    def action_prune(self) -> None:
        place = self._chosen
        if place is None or not self._idle():
            return
        gone = {place.turn.id}
        for one in self._places:
            if one.turn.parent_id in gone and not one.pruned:
                gone.add(one.turn.id)
        if not self._done(lambda: self.talecraft.studio.branching.prune(place.turn.id)):
            return
        self._thrown = place.turn.id
        opinion = place.turn.author == "model" and bool(place.turn.prose)
        self.talecraft.say(
            f"{hint('tree.restore', 'r')} or {hint('story.undo', 'Ctrl+Z')} brings it back."
            + (" It counts as an opinion: thrown away." if opinion else ""),
            f"{count(len(gone), 'passage')} in the trash",
        )
        self.show(None)

    def action_restore(self) -> None:
        place = self._chosen
        turn_id = place.turn.id if place is not None and place.pruned else self._thrown
        if turn_id is None or not self._idle():
            return
        if self._done(lambda: self.talecraft.studio.branching.restore(turn_id)):
            self._thrown = None
            self.talecraft.say("It is back in the tree.")
            self.show(turn_id)

    # ------------------------------------------------------------------ undo and redo
    def action_undo(self) -> None:
        self._step(self.talecraft.studio.branching.undo, "undo", "There is nothing to undo.")

    def action_redo(self) -> None:
        self._step(self.talecraft.studio.branching.redo, "redo", "There is nothing to redo.")

    def _step(
        self, take: Callable[[int], Step | None], how: Literal["undo", "redo"], none: str
    ) -> None:
        if not self._idle():
            return
        steps: list[Step | None] = []
        if not self._done(lambda: steps.append(take(self.story_id)), step=False):
            return
        if (step := steps[0]) is None:
            self.talecraft.say(none)
            return
        self.talecraft.stepped(self.story_id, how)
        self.talecraft.say(told(step, UNDONE if how == "undo" else REDONE))
        of_turn = next((change.turn_id for change in step.changes if change.turn_id), None)
        leaf = self.talecraft.studio.library.stories.get(self.story_id).leaf_id
        self.show(of_turn if of_turn is not None else leaf)

    # ------------------------------------------------------------------ comparing
    def action_mark(self) -> None:
        tree = self._list
        if tree.chosen is None:
            return
        turn_id = tree.chosen.turn.id
        tree.marked = None if tree.marked == turn_id else turn_id
        if tree.marked is not None:
            key = hint("tree.compare", "d")
            self.talecraft.say(f"Marked. {key} on another passage compares the two branches.")
        self.show(None)

    def action_compare(self) -> None:
        from talecraft.app.screens.difference import DifferenceScreen

        place, other = self._chosen, self._list.marked
        if place is None:
            return
        studio = self.talecraft.studio
        if other is None:
            other = studio.library.stories.get(self.story_id).leaf_id
            if place.open or other is None:
                key = hint("tree.mark", "m")
                words = f"{key} marks one to compare with, or choose one that is not read now."
                self.talecraft.say(words)
                return
        try:
            parting = studio.branching.parting(other, place.turn.id)
        except TalecraftError as error:
            self.talecraft.tell(error)
            return
        if parting is None:
            self.talecraft.say("Both are on the same branch: there is nothing to compare.")
        else:
            marked = self._list.marked is not None
            self.app.push_screen(DifferenceScreen(parting, marked))
