"""The tree of a story: editing in place, undo and redo, the trash, bookmarks, going elsewhere,
and what two branches have in common.

An edit is a revision of its passage: the texts stand beside each other as versions do, but what
follows stays where it is, in every branch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import msgspec

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.story import feedback
from talecraft.story.clean import clean, clean_line
from talecraft.story.feedback import Feedback, Score
from talecraft.story.turns import Change, Revision, Step, StepKind, Story, Tree, Turn
from talecraft.studio import reading

Append = Callable[[list[Feedback]], list[Feedback]]


class Place(msgspec.Struct, frozen=True):
    """One turn in the map of a story.

    `depth` is how many branches off the trunk it stands; it grows where branches part, not along
    them. `version` of `versions` is which of those it is that are not in the trash, itself counted.
    """

    turn: Turn
    depth: int
    begins: bool  # it is the first of a branch that parts from the one it follows
    open: bool  # it is read now
    pruned: bool  # it lies in the trash itself, or hangs on what does
    version: int
    versions: int
    bookmark: str | None
    score: Score | None


class Parting(msgspec.Struct, frozen=True):
    """Two branches: how many passages they share, and each one's text from there on."""

    shared: int
    first: str
    second: str


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
                self._log(step.changes, undone=True)
        return step

    def redo(self, story_id: int) -> Step | None:
        with self._library.transaction():
            step = self._library.branches.redo(story_id)
            if step is not None:
                self._log(step.changes)
        return step

    # ------------------------------------------------------------------ choosing
    def choose(self, turns: Sequence[Turn], chosen: Turn) -> None:
        """Go on with `chosen` of `turns`: that is an opinion on all of them, which is taken back
        with the step."""
        others = tuple(one.id for one in turns if one.id != chosen.id)
        leaf = self._library.stories.get(chosen.story_id).leaf_id
        changes = [Change("leaf", 0, leaf, chosen.id)] if leaf != chosen.id else []
        with self._library.transaction():
            if others:
                said = feedback.current(self._library.feedback.of_turn(chosen.id))
                before = next((one.id for one in said if one.kind == "choice"), None)
                (line,) = self._append([Feedback(0, chosen.id, "choice", 1, others=others)])
                changes.append(Change("choice", chosen.id, before, line.id))
            if changes:
                self._library.branches.take(chosen.story_id, "choice", changes)

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
        tree = self._tree(story.id)
        if turn_id in [one.id for one in tree.path(story.leaf_id)]:
            others = [one for one in tree.siblings(turn_id) if one.id not in {*pruned, turn_id}]
            leaf = _end(tree, others[-1], pruned).id if others else turn.parent_id
            changes.append(Change("leaf", 0, story.leaf_id, leaf))
        self._take(story.id, "prune", changes)

    def restore(self, turn_id: int) -> bool:
        """Bring back what was thrown away: the passage, and all it hangs on; False where it was
        not in the trash."""
        turn = self._library.stories.turn(turn_id)
        pruned = self._library.branches.pruned(turn.story_id)
        path = self._library.stories.path(turn_id)
        changes = [Change("pruned", one.id, 1, 0) for one in path if one.id in pruned]
        if changes:
            self._take(turn.story_id, "restore", changes)
        return bool(changes)

    # ------------------------------------------------------------------ going elsewhere
    def go_to(self, turn_id: int) -> None:
        """Read the branch that goes through this turn, to its newest end."""
        story, tree = self._story_of(turn_id)
        self._library.stories.open_leaf(story.id, self._leaf(story, tree, turn_id))

    def parting(self, first_id: int, second_id: int) -> Parting | None:
        """Where the branches through two passages part; None where they are one branch.

        Raises UsageError for passages of different stories.
        """
        story, tree = self._story_of(first_id)
        if self._library.stories.turn(second_id).story_id != story.id:
            raise UsageError("They are passages of different stories.", "Compare within one.")
        one, other = (tree.path(self._leaf(story, tree, at)) for at in (first_id, second_id))
        shared = sum(a.id == b.id for a, b in zip(one, other, strict=False))
        if shared == len(one) == len(other):
            return None
        return Parting(shared, _text(one[shared:]), _text(other[shared:]))

    def bookmark(self, turn_id: int, name: str | None) -> None:
        """Mark a passage, with a name or an empty one; None takes the mark away."""
        story_id = self._library.stories.turn(turn_id).story_id
        words = None if name is None else clean_line(name).strip()
        self._library.branches.bookmark(story_id, turn_id, words)

    def map(self, story_id: int) -> Sequence[Place]:
        """Every turn, each branch right after the passage it parts from.

        Of the versions of a passage the one with most after it is the trunk: it comes last and
        stands where the passage before it stands. So lines run deep only where branches of
        branches have branches, never because each passage was retried once.
        """
        story, tree = self._library.stories.get(story_id), self._tree(story_id)
        pruned = self._library.branches.pruned(story_id)
        marks = self._library.branches.bookmarks(story_id)
        scores = reading.standing_scores(self._library.feedback.of_story(story_id))
        read = {one.id for one in tree.path(story.leaf_id)}
        sizes = _sizes(tree, pruned)

        def after(parent: int | None, depth: int, gone: bool) -> list[Place]:
            """The places of what follows, the one to be shown first at the end."""
            children = tree.children(parent)
            trunk = max((sizes[one.id], one.id) for one in children)[1] if children else None
            kept = sum(one.id not in pruned for one in children)
            places, version = [], 0
            for one in children:
                thrown, side = one.id in pruned, one.id != trunk
                version += not thrown
                places.append(
                    Place(
                        one, depth + side, side, one.id in read, gone or thrown,
                        version + thrown, kept + thrown, marks.get(one.id), scores.get(one.id),
                    )
                )  # fmt: skip
            return sorted(places, key=lambda one: (one.begins, -one.turn.id))

        found: list[Place] = []
        waiting = after(None, 0, False)
        while waiting:
            found.append(place := waiting.pop())
            waiting += after(place.turn.id, place.depth, place.pruned)
        return found

    # ------------------------------------------------------------------ inside
    def _tree(self, story_id: int) -> Tree:
        return self._library.stories.tree(story_id, records=False)

    def _story_of(self, turn_id: int) -> tuple[Story, Tree]:
        story = self._library.stories.get(self._library.stories.turn(turn_id).story_id)
        return story, self._tree(story.id)

    def _leaf(self, story: Story, tree: Tree, turn_id: int) -> int | None:
        """The end of the branch through this turn: what is read now, else the newest."""
        if any(one.id == turn_id for one in tree.path(story.leaf_id)):
            return story.leaf_id
        return _end(tree, tree.turn(turn_id), self._library.branches.pruned(story.id)).id

    def _take(self, story_id: int, kind: StepKind, changes: list[Change]) -> None:
        with self._library.transaction():
            self._library.branches.take(story_id, kind, changes)
            self._log(changes)

    def _log(self, changes: Sequence[Change], undone: bool = False) -> None:
        """Say in the log what stands now for the model's passages: a choice, an edit, a discard,
        nothing."""
        lines = []
        for change in changes:
            if change.what in ("leaf", "bookmark", "title", "note"):
                continue
            if change.what == "choice":
                lines.append(self._chosen(change, undone))
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

    def _chosen(self, change: Change, undone: bool) -> Feedback:
        """The choice that stands now, said once more; that there is none."""
        number = change.before if undone else change.after
        for line in self._library.feedback.of_turn(change.turn_id):
            if line.id == number:
                return msgspec.structs.replace(line, created_at="")
        return Feedback(0, change.turn_id, "choice", None)


def _end(tree: Tree, turn: Turn, pruned: frozenset[int]) -> Turn:
    """The newest end of what follows `turn`."""
    while following := [one for one in tree.children(turn.id) if one.id not in pruned]:
        turn = following[-1]
    return turn


def _text(path: Sequence[Turn]) -> str:
    return "\n\n".join(turn.prose.strip() for turn in path if turn.prose.strip())


def _sizes(tree: Tree, pruned: frozenset[int]) -> dict[int | None, int]:
    """How many turns each one is and has after it, the trash not counted."""
    sizes: dict[int | None, int] = defaultdict(int)
    for turn in reversed(list(tree)):  # what follows has the higher id
        sizes[turn.id] = 0 if turn.id in pruned else sizes[turn.id] + 1
        sizes[turn.parent_id] += sizes[turn.id]
    return sizes
