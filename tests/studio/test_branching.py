"""The tree: nothing that was written is ever lost, whatever is done and undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.story import context
from talecraft.story.context import PromptStyle
from talecraft.story.feedback import Feedback, Score
from talecraft.story.turns import Generation, Sampling, Turn
from talecraft.studio import reading
from talecraft.studio.branching import Branching, Parting
from talecraft.studio.notebook import Notebook

MADE = Generation(
    "m",
    "r",
    "none",
    None,
    "e",
    Sampling(),
    [1],
    [2, 3],
    [True, False],
    1,
    2,
    [0.0],
    [0.0],
    "end",
    1,
)


class Shelf:
    """A library with one story, and what a page would do to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.library = Library(path)
        self.branching = Branching(self.library, self.library.feedback.append)
        self.story = self.library.stories.create("T", "A fox.").id

    def reopen(self) -> None:
        self.library.close()
        self.library = Library(self.path)
        self.branching = Branching(self.library, self.library.feedback.append)

    def write(self, text: str, author: str = "model") -> Turn:
        leaf = self.library.stories.get(self.story).leaf_id
        return self.add(leaf, text, author)

    def add(self, parent: int | None, text: str, author: str = "model") -> Turn:
        made = MADE if author == "model" else None
        return self.library.stories.add_turn(self.story, parent, author, text, "- p", made)  # type: ignore[arg-type]

    @property
    def read(self) -> list[str]:
        return [turn.prose for turn in reading.page(self.library, self.story).path]

    @property
    def said(self) -> list[tuple[int, str, float | None, str]]:
        return [(one.turn_id, one.kind, one.value, one.text) for one in self.library.feedback.all()]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "library.db")
    yield made
    made.library.close()


def test_an_edit_is_shown_in_every_branch_and_what_follows_stays(shelf: Shelf) -> None:
    first = shelf.write("It ran.")
    shelf.write("Far.", "writer")
    assert shelf.branching.edit(first.id, "  It walked.\x1b[2J ")
    assert shelf.read == ["It walked.", "Far."]
    assert shelf.library.stories.turn(first.id) == first
    assert shelf.said == [(first.id, "edit", 1, "It walked.")]
    assert not shelf.branching.edit(first.id, "It walked.")
    shelf.add(first.id, "Near.")
    assert shelf.read == ["It walked.", "Near."]
    assert [one.prose for one in shelf.branching.texts(first.id)] == ["It ran.", "It walked."]


def test_an_edited_passage_is_shown_to_the_model_as_it_reads_now(shelf: Shelf) -> None:
    first = shelf.write("It ran.")
    story = shelf.library.stories.get(shelf.story)

    def shown() -> tuple[str, list[int]]:
        path = shelf.library.stories.tree(shelf.story).path(first.id)
        block = context.blocks(story, path, PromptStyle(), "m@r")[1]
        return block.text, block.ids

    assert shown()[1] == [2, 3]
    shelf.branching.edit(first.id, "It walked.")
    assert shown() == ("<think>\n- p\n<story>\nIt walked.\n", [])
    shelf.branching.undo(shelf.story)
    assert shown()[1] == [2, 3]


def test_an_edit_taken_back_is_withdrawn_from_the_log(shelf: Shelf) -> None:
    turn = shelf.write("It ran.")
    shelf.branching.edit(turn.id, "It walked.")
    step = shelf.branching.undo(shelf.story)
    assert step is not None
    assert (step.kind, shelf.read) == ("edit", ["It ran."])
    shelf.branching.redo(shelf.story)
    assert shelf.read == ["It walked."]
    shelf.branching.edit(turn.id, "It ran.")  # by hand, back to the first text
    assert [one[2:] for one in shelf.said] == [
        (1, "It walked."), (None, ""), (1, "It walked."), (None, ""),
    ]  # fmt: skip
    assert len(shelf.branching.texts(turn.id)) == 2


def test_the_writers_own_words_are_edited_without_an_opinion(shelf: Shelf) -> None:
    turn = shelf.write("teh fox", "writer")
    shelf.branching.edit(turn.id, "the fox")
    assert shelf.read == ["the fox"]
    assert shelf.said == []
    with pytest.raises(UsageError, match="at least one letter"):
        shelf.branching.edit(turn.id, " \n ")


def test_undo_and_redo_go_through_everything_also_after_a_restart(shelf: Shelf) -> None:
    first = shelf.write("one")
    shelf.write("two", "writer")
    shelf.branching.edit(first.id, "ONE")
    seen = [shelf.read]
    while shelf.branching.undo(shelf.story) is not None:
        seen.append(shelf.read)
        shelf.reopen()
    assert seen == [["ONE", "two"], ["one", "two"], ["one"], []]
    back = [shelf.read]
    while shelf.branching.redo(shelf.story) is not None:
        back.append(shelf.read)
        shelf.reopen()
    assert back == seen[::-1]


def test_what_is_done_after_an_undo_takes_the_redo_away_but_not_the_text(shelf: Shelf) -> None:
    shelf.write("one")
    gone = shelf.write("two")
    shelf.branching.undo(shelf.story)
    shelf.write("other")
    assert shelf.branching.redo(shelf.story) is None
    shelf.branching.go_to(gone.id)
    assert shelf.read == ["one", "two"]


def test_a_pruned_passage_gives_its_place_to_another_version(shelf: Shelf) -> None:
    root = shelf.write("root", "writer")
    kept = shelf.add(root.id, "kept")
    after = shelf.add(kept.id, "after")
    thrown = shelf.add(root.id, "thrown")
    shelf.branching.prune(thrown.id)
    assert shelf.read == ["root", "kept", "after"]
    assert shelf.said == [(thrown.id, "discard", 1, "")]
    assert shelf.library.stories.versions(kept.id) == [kept.id]
    shelf.branching.prune(after.id)
    assert shelf.read == ["root", "kept"]
    shelf.branching.prune(kept.id)
    assert shelf.read == ["root"]  # no other version is left
    shelf.branching.restore(thrown.id)
    assert shelf.said[-1] == (thrown.id, "discard", None, "")
    assert shelf.read == ["root"]
    for _ in range(4):
        shelf.branching.undo(shelf.story)
    assert shelf.read == ["root", "thrown"]


def test_the_map_shows_every_branch_where_it_parts(shelf: Shelf) -> None:
    root = shelf.write("root", "writer")
    one = shelf.add(root.id, "one")
    shelf.add(one.id, "one more")
    two = shelf.add(root.id, "two")
    shelf.branching.bookmark(one.id, " the good\none ")
    assert seen_map(shelf) == [
        ("root", 0, False, True, False, "1/1"),
        ("two", 1, True, True, False, "2/2"),
        ("one", 0, False, False, False, "1/2"),  # more stands after it: it is the trunk
        ("one more", 0, False, False, False, "1/1"),
    ]
    shelf.branching.prune(one.id)
    assert seen_map(shelf) == [
        ("root", 0, False, True, False, "1/1"),
        ("one", 1, True, False, True, "1/2"),
        ("one more", 1, False, False, True, "1/1"),
        ("two", 0, False, True, False, "1/1"),
    ]
    assert [place.bookmark for place in shelf.branching.map(shelf.story)][1] == "the good one"
    shelf.branching.bookmark(one.id, None)
    assert {place.bookmark for place in shelf.branching.map(shelf.story)} == {None}
    shelf.branching.go_to(two.id)
    taken = [shelf.branching.undo(shelf.story) for _ in range(3)]
    assert [one.kind for one in taken if one] == ["bookmark", "prune", "bookmark"]
    assert {place.bookmark for place in shelf.branching.map(shelf.story)} == {None}


def test_a_title_is_taken_back(shelf: Shelf) -> None:
    before = shelf.library.stories.get(shelf.story).title
    shelf.library.stories.rename(shelf.story, "Another")
    shelf.library.stories.rename(shelf.story, "Another")
    assert shelf.branching.undo(shelf.story).kind == "title"  # type: ignore[union-attr]
    assert shelf.library.stories.get(shelf.story).title == before
    assert shelf.branching.undo(shelf.story) is None
    shelf.branching.redo(shelf.story)
    assert shelf.library.stories.get(shelf.story).title == "Another"


def seen_map(shelf: Shelf) -> list[tuple[str, int, bool, bool, bool, str]]:
    return [
        (
            place.turn.prose, place.depth, place.begins, place.open, place.pruned,
            f"{place.version}/{place.versions}",
        )
        for place in shelf.branching.map(shelf.story)
    ]  # fmt: skip


def test_a_story_retried_at_every_passage_stays_at_the_left(shelf: Shelf) -> None:
    parent = None
    for at in range(40):
        first = shelf.add(parent, f"first {at}")
        shelf.add(parent, f"second {at}")
        parent = first.id
    assert max(place.depth for place in shelf.branching.map(shelf.story)) == 1


def test_a_score_is_on_the_map(shelf: Shelf) -> None:
    turn = shelf.write("one")
    shelf.library.feedback.append([Feedback(0, turn.id, "stars", 4)])
    assert shelf.branching.map(shelf.story)[0].score == Score(4, 1.0)


def test_what_hangs_on_the_trash_is_restored_with_what_it_hangs_on(shelf: Shelf) -> None:
    first = shelf.write("one")
    second = shelf.add(first.id, "two")
    shelf.branching.prune(second.id)
    shelf.branching.prune(first.id)
    assert shelf.branching.restore(second.id)
    assert not shelf.library.branches.pruned(shelf.story)
    assert [one[2] for one in shelf.said] == [1, 1, None, None]
    assert not shelf.branching.restore(second.id)
    shelf.branching.undo(shelf.story)  # one step
    assert shelf.library.branches.pruned(shelf.story) == {first.id, second.id}


def test_two_branches_are_compared_from_where_they_part(shelf: Shelf) -> None:
    root = shelf.write("root", "writer")
    old = shelf.add(root.id, "old")
    shelf.add(old.id, "older end")
    new = shelf.add(root.id, "new")
    shelf.branching.edit(new.id, "newer")
    assert shelf.branching.parting(old.id, new.id) == Parting(1, "old\n\nolder end", "newer")
    assert shelf.branching.parting(root.id, old.id) == Parting(1, "newer", "old\n\nolder end")
    assert shelf.branching.parting(root.id, new.id) is None
    more = shelf.add(new.id, "more")
    end = shelf.add(more.id, "end")
    shelf.library.stories.open_leaf(shelf.story, more.id)
    assert shelf.branching.parting(more.id, end.id) == Parting(3, "", "end")
    other = shelf.library.stories.create("U", "A bear.")
    strange = shelf.library.stories.add_turn(other.id, None, "writer", "x")
    with pytest.raises(UsageError, match="different stories"):
        shelf.branching.parting(root.id, strange.id)


class Telling(RuleBasedStateMachine):
    """Any order of writing, retrying, editing, undoing, redoing, pruning, restoring, marking,
    naming, noting."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.shelf = Shelf(Path(self.folder.name) / "library.db")
        self.turns: dict[int, Turn] = {}
        self.edited: set[str] = set()
        self.log: list[object] = []
        self.count = 0

    def teardown(self) -> None:
        self.shelf.library.close()
        self.folder.cleanup()

    def _keep(self, turn: Turn) -> None:
        self.turns[turn.id] = turn

    def _some(self, at: int) -> int:
        return sorted(self.turns)[at % len(self.turns)]

    @rule(author=st.sampled_from(["writer", "model"]))
    def write(self, author: str) -> None:
        self.count += 1
        self._keep(self.shelf.write(f"text {self.count}", author))

    @precondition(lambda self: self.turns)
    @rule(at=st.integers(0, 99))
    def retry(self, at: int) -> None:
        self.count += 1
        parent = self.turns[self._some(at)].parent_id
        self._keep(self.shelf.add(parent, f"text {self.count}"))

    @precondition(lambda self: self.turns)
    @rule(at=st.integers(0, 99), text=st.sampled_from(["a", "b", "text 1"]))
    def edit(self, at: int, text: str) -> None:
        self.shelf.branching.edit(self._some(at), text)
        self.edited.add(text)

    @precondition(lambda self: self.turns)
    @rule(at=st.integers(0, 99), name=st.sampled_from(["", "good", None]))
    def bookmark(self, at: int, name: str | None) -> None:
        self.shelf.branching.bookmark(self._some(at), name)

    @rule(title=st.sampled_from(["A", "B"]))
    def rename(self, title: str) -> None:
        self.shelf.library.stories.rename(self.shelf.story, title)

    @rule(text=st.sampled_from(["", "x", "y"]), here=st.booleans())
    def note(self, text: str, here: bool) -> None:
        notebook = Notebook(self.shelf.library)
        notebook.remember(self.shelf.story, text, here)
        assert notebook.of(self.shelf.story).memory == text

    @property
    def _state(self) -> object:
        library, story = self.shelf.library, self.shelf.story
        leaf = library.stories.get(story).leaf_id
        return (
            self.shelf.read, library.stories.get(story).title, library.branches.bookmarks(story),
            library.notes.at(story, leaf),
        )  # fmt: skip

    @rule()
    def undo(self) -> None:
        before = self._state
        if self.shelf.branching.undo(self.shelf.story) is not None:
            after = self._state
            self.shelf.branching.redo(self.shelf.story)
            assert self._state == before
            self.shelf.branching.undo(self.shelf.story)
            assert self._state == after

    @rule()
    def redo(self) -> None:
        self.shelf.branching.redo(self.shelf.story)

    @precondition(lambda self: self.turns)
    @rule(at=st.integers(0, 99))
    def prune(self, at: int) -> None:
        self.shelf.branching.prune(self._some(at))

    @precondition(lambda self: self.turns)
    @rule(at=st.integers(0, 99))
    def restore(self, at: int) -> None:
        self.shelf.branching.restore(self._some(at))

    @precondition(lambda self: self.turns)
    @rule(at=st.integers(0, 99))
    def go_to(self, at: int) -> None:
        self.shelf.branching.go_to(self._some(at))
        assert self._some(at) in [
            turn.id for turn in reading.page(self.shelf.library, self.shelf.story).path
        ]

    @rule()
    def restart(self) -> None:
        self.shelf.reopen()

    @invariant()
    def every_text_is_reachable(self) -> None:
        places = {one.turn.id: one for one in self.shelf.branching.map(self.shelf.story)}
        assert places.keys() == self.turns.keys()
        for turn in self.turns.values():
            assert self.shelf.library.stories.turn(turn.id) == turn
        texts = {one.prose for turn in self.turns for one in self.shelf.branching.texts(turn)}
        assert texts >= self.edited

    @invariant()
    def the_log_only_grows(self) -> None:
        now = self.shelf.library.feedback.all()
        assert now[: len(self.log)] == self.log
        self.log = list(now)

    @invariant()
    def what_is_read_is_a_path_of_shown_texts(self) -> None:
        page = reading.page(self.shelf.library, self.shelf.story)
        parents = [turn.parent_id for turn in page.path]
        assert parents == [None, *(turn.id for turn in page.path)][: len(parents)]
        for turn in page.path:
            texts = {one.id: one.prose for one in self.shelf.branching.texts(turn.id)}
            assert texts[turn.revision] == turn.prose


TestTelling = Telling.TestCase
TestTelling.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


def test_steps_survive_as_they_were_taken(shelf: Shelf) -> None:
    """A step is stored as what it changed, not as what it meant."""
    shelf.write("one")
    step = shelf.library.branches.last(shelf.story)
    assert step is not None
    assert msgspec.to_builtins(step.changes) == [
        {"what": "leaf", "turn_id": 0, "before": None, "after": 1}
    ]
