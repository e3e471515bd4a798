"""The tree of a story: editing in place, undo and redo, the trash, bookmarks, going elsewhere.

An edit is a revision of its passage: the texts stand beside each other as versions do, but what
follows stays where it is, in every branch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.story.clean import clean, clean_line
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Change, Revision, Step, StepKind, Tree, Turn

Append = Callable[[list[Feedback]], list[Feedback]]


class Place(msgspec.Struct, frozen=True):
    """One turn in the map of a story. `depth` grows where branches part, not along them."""

    turn: Turn
    depth: int
    open: bool  # it is read now
    pruned: bool  # it lies in the trash itself, or hangs on what does
    versions: int
    bookmark: str | None


class Branching:
    """`append` adds lines to the feedback log (see Writing.score_many)."""

    def __init__(self, library: Library, append: Append) -> None:
        self._library = library
        self._append = append

    # ------------------------------------------------------------------ editing
    def edit(self, turn_id: int, text: str) -> bool:
        """Show `text` in place of a passage; False where it is shown already.

        Of the model's passages this is feedback: the edited text is preferred to the first one.
        Raises UsageError for an empty text.
        """
        text = clean(text).strip()
        if not text:
            raise UsageError("A passage needs at least one letter.", "Throw it away instead.")
        turn = self._library.stories.turn(turn_id)
        branches = self._library.branches
        before = branches.shown(turn_id)
        texts = {0: turn.prose} | {one.id: one.prose for one in branches.revisions(turn_id)}
        if text == texts[before].strip():
            return False
        known = [number for number, one in texts.items() if one.strip() == text]
        with self._library.transaction():
            after = known[0] if known else branches.add_revision(turn_id, text).id
            self._take(turn.story_id, "edit", [Change("text", turn_id, before, after)])
        return True

    def texts(self, turn_id: int) -> Sequence[Revision]:
        """Every text of a passage, oldest first; the one it was written with has the id 0."""
        turn = self._library.stories.turn(turn_id)
        first = Revision(0, turn_id, turn.prose, turn.created_at)
        return [first, *self._library.branches.revisions(turn_id)]

    # ------------------------------------------------------------------ undo and redo
    def undo(self, story_id: int) -> Step | None:
        """Take back the last step that changed what is read; None where there is none."""
        with self._library.transaction():
            step = self._library.branches.undo(story_id)
            if step is not None:
                self._log(step.changes)
        return step

    def redo(self, story_id: int) -> Step | None:
        with self._library.transaction():
            step = self._library.branches.redo(story_id)
            if step is not None:
                self._log(step.changes)
        return step

    # ------------------------------------------------------------------ the trash
    def prune(self, turn_id: int) -> None:
        """Throw a passage away with all that follows it; nothing is deleted.

        Where it is being read, the newest other version is opened, else what it followed.
        """
        turn = self._library.stories.turn(turn_id)
        story = self._library.stories.get(turn.story_id)
        pruned = self._library.branches.pruned(story.id)
        if turn_id in pruned:
            return
        changes = [Change("pruned", turn_id, 0, 1)]
        tree = self._library.stories.tree(story.id, records=False)
        if turn_id in [one.id for one in tree.path(story.leaf_id)]:
            others = [one for one in tree.siblings(turn_id) if one.id not in {*pruned, turn_id}]
            leaf = _end(tree, others[-1], pruned).id if others else turn.parent_id
            changes.append(Change("leaf", 0, story.leaf_id, leaf))
        self._take(story.id, "prune", changes)

    def restore(self, turn_id: int) -> None:
        """Bring back what was thrown away."""
        turn = self._library.stories.turn(turn_id)
        if turn_id in self._library.branches.pruned(turn.story_id):
            self._take(turn.story_id, "restore", [Change("pruned", turn_id, 1, 0)])

    # ------------------------------------------------------------------ going elsewhere
    def go_to(self, turn_id: int) -> None:
        """Read the branch that goes through this turn, to its newest end."""
        turn = self._library.stories.turn(turn_id)
        tree = self._library.stories.tree(turn.story_id, records=False)
        pruned = self._library.branches.pruned(turn.story_id)
        story = self._library.stories.get(turn.story_id)
        if turn_id in [one.id for one in tree.path(story.leaf_id)]:
            return  # it is being read
        self._library.stories.open_leaf(story.id, _end(tree, turn, pruned).id)

    def bookmark(self, turn_id: int, name: str | None) -> None:
        """Mark a passage, with a name or an empty one; None takes the mark away."""
        self._library.branches.bookmark(turn_id, None if name is None else clean_line(name).strip())

    def map(self, story_id: int) -> Sequence[Place]:
        """Every turn, each branch after the one it parts from, the newest last."""
        story = self._library.stories.get(story_id)
        tree = self._library.stories.tree(story_id, records=False)
        pruned = self._library.branches.pruned(story_id)
        marks = self._library.branches.bookmarks(story_id)
        read = {one.id for one in tree.path(story.leaf_id)}
        found: list[Place] = []
        waiting = [(one, 0, False) for one in reversed(tree.children(None))]
        waiting = [(one, 0 if len(waiting) < 2 else 1, gone) for one, _, gone in waiting]
        while waiting:
            turn, depth, gone = waiting.pop()
            gone = gone or turn.id in pruned
            versions = len(tree.siblings(turn.id))
            found.append(Place(turn, depth, turn.id in read, gone, versions, marks.get(turn.id)))
            children = tree.children(turn.id)
            deeper = depth + (len(children) > 1)
            waiting += [(one, deeper, gone) for one in reversed(children)]
        return found

    # ------------------------------------------------------------------ inside
    def _take(self, story_id: int, kind: StepKind, changes: list[Change]) -> None:
        with self._library.transaction():
            self._library.branches.take(story_id, kind, changes)
            self._log(changes)

    def _log(self, changes: Sequence[Change]) -> None:
        """Say in the log what stands now for the model's passages: an edit, a discard, nothing."""
        lines = []
        for change in changes:
            if change.what == "leaf":
                continue
            turn = self._library.stories.turn(change.turn_id)
            if turn.author != "model" or not turn.prose:
                continue
            if change.what == "pruned":
                thrown = turn.id in self._library.branches.pruned(turn.story_id)
                lines.append(Feedback(0, turn.id, "discard", 1 if thrown else None))
            else:
                shown = self._library.branches.shown(turn.id)
                text = next(one.prose for one in self.texts(turn.id) if one.id == shown)
                lines.append(
                    Feedback(0, turn.id, "edit", 1 if shown else None, text=text if shown else "")
                )
        if lines:
            self._append(lines)


def _end(tree: Tree, turn: Turn, pruned: frozenset[int]) -> Turn:
    """The newest end of what follows `turn`."""
    while following := [one for one in tree.children(turn.id) if one.id not in pruned]:
        turn = following[-1]
    return turn
