"""Words added: right under writing, retries, undo, edits, the trash, and a change of story."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from talecraft.library import Library, stories
from talecraft.story.counts import Grown, Words, added
from talecraft.studio import reading
from talecraft.studio.branching import Branching
from talecraft.studio.opening import opening_lines
from talecraft.studio.progress import Progress
from tests.studio.test_branching import MADE

OFFERED = opening_lines(1, seed=3)[0]


class Desk:
    """A library and what a page does to it, over several stories."""

    def __init__(self, path: Path) -> None:
        self.library = Library(path)
        self.branching = Branching(self.library, self.library.feedback.append)
        self.stories = [self.library.stories.create("T", OFFERED).id]
        self.progress = Progress(self.library)

    def write(self, text: str, author: str = "writer", story: int = 0, parent: int = 0) -> int:
        story_id = self.stories[story]
        leaf = parent or self.library.stories.get(story_id).leaf_id
        made = MADE if author == "model" else None
        return self.library.stories.add_turn(story_id, leaf, author, text, "- a plan", made).id  # type: ignore[arg-type]

    def retry(self, text: str, story: int = 0) -> int:
        """Another version of the last passage."""
        leaf = self.library.stories.get(self.stories[story]).leaf_id
        before = None if leaf is None else self.library.stories.turn(leaf).parent_id
        return self.library.stories.add_turn(
            self.stories[story], before, "model", text, "- a plan", MADE
        ).id

    @property
    def now(self) -> tuple[int, int]:
        """Yours, and together."""
        words = self.progress.session()
        return words.yours, words.together

    @property
    def read(self) -> int:
        return sum(reading.page(self.library, one).words for one in self.stories)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "library.db")
    yield made
    made.library.close()


def test_yours_and_the_models_are_told_apart(desk: Desk) -> None:
    assert desk.now == (0, 0)
    desk.write("One two three.")
    desk.write("Four five.", "model")
    assert desk.now == (3, 5)


def test_a_first_line_of_ones_own_is_yours_and_one_that_was_offered_is_not(desk: Desk) -> None:
    desk.stories.append(desk.library.stories.create("U", "The lamp went out at sea.").id)
    assert desk.now == (6, 6)
    desk.library.stories.create("V", OFFERED)
    assert desk.now == (6, 6)
    assert [one.words for one in reading.shelf(desk.library)][1] == 6
    desk.library.stories.trash(desk.stories[1])
    assert desk.now == (0, 0)


def test_what_was_there_before_does_not_count(desk: Desk) -> None:
    desk.write("One two three.")
    desk.write("Four five.", "model")
    desk.progress = Progress(desk.library)  # the program starts again
    assert desk.now == (0, 0)
    desk.write("Six.")
    assert desk.now == (1, 1)


def test_a_retry_counts_once_and_the_version_that_is_read(desk: Desk) -> None:
    desk.write("One two.")
    desk.write("Three four five.", "model")
    desk.retry("Six.")
    assert desk.now == (2, 3)
    desk.branching.undo(desk.stories[0])
    assert desk.now == (2, 5)


def test_an_older_version_opened_again_is_nothing_new(desk: Desk) -> None:
    first = desk.write("One two three.", "model")
    desk.progress = Progress(desk.library)
    desk.retry("Four.")
    assert desk.now == (0, 1)
    desk.library.stories.open_leaf(desk.stories[0], first)
    assert desk.now == (0, 0)


def test_undo_takes_away_and_redo_brings_back(desk: Desk) -> None:
    desk.write("One two.")
    desk.write("Three.", "model")
    desk.branching.undo(desk.stories[0])
    desk.branching.undo(desk.stories[0])
    assert desk.now == (0, 0)
    desk.branching.redo(desk.stories[0])
    desk.branching.redo(desk.stories[0])
    assert desk.now == (2, 3)


def test_what_an_edit_brings_in_is_yours(desk: Desk) -> None:
    old = desk.write("It ran far away.", "model")
    mine = desk.write("Gone it was.")
    desk.progress = Progress(desk.library)
    new = desk.write("The sea slept.", "model")
    desk.branching.edit(new, "The grey sea slept on.")  # "grey", "on." and "slept": as "slept."
    assert desk.now == (3, 5)
    desk.branching.edit(old, "It ran very far away.")
    assert desk.now == (4, 6)
    desk.branching.edit(mine, "Gone.")
    assert desk.now == (5, 7)
    desk.branching.edit(old, "It ran.")  # words taken out take nothing away
    assert desk.now == (5, 7)
    for _ in range(4):
        desk.branching.undo(desk.stories[0])
    assert desk.now == (0, 3)


def test_an_edit_of_an_edited_passage_counts_from_what_stood_there(desk: Desk) -> None:
    old = desk.write("It ran.", "model")
    desk.branching.edit(old, "It walked slowly home.")
    desk.progress = Progress(desk.library)
    desk.branching.edit(old, "It walked slowly home again.")
    assert desk.now == (2, 2)
    desk.branching.edit(old, "It ran.")  # an older text is nothing new
    assert desk.now == (0, 0)


def test_your_own_new_passage_edited_counts_as_it_reads(desk: Desk) -> None:
    turn = desk.write("One two three.")
    desk.branching.edit(turn, "One.")
    assert desk.now == (1, 1)


def test_stories_count_together_but_not_those_in_the_trash(desk: Desk) -> None:
    desk.write("One two.")
    desk.stories.append(desk.library.stories.create("U", "Another.").id)
    desk.write("Three four five.", story=1)
    assert desk.now == (6, 6)
    desk.library.stories.trash(desk.stories[0])
    assert desk.now == (4, 4)
    desk.library.stories.trash(desk.stories[0], False)
    turn = desk.library.stories.get(desk.stories[1]).leaf_id
    assert turn is not None
    desk.branching.prune(turn)
    assert desk.now == (3, 3)


def test_trials_and_plans_are_no_words(desk: Desk) -> None:
    desk.library.stories.add_trials(None, None, "A fox.", [("It ran.", "- p", MADE)])
    desk.library.stories.add_trials(desk.stories[0], None, "", [("It ran.", "- p", MADE)])
    desk.write("", "model")
    assert desk.now == (0, 0)


def test_a_day_begins_at_the_writers_midnight(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = timezone(timedelta(hours=2))
    midnight = datetime(2026, 11, 20, tzinfo=zone)

    def write(at: datetime, text: str) -> None:
        moment = at.astimezone(UTC).isoformat(timespec="milliseconds")
        monkeypatch.setattr(stories, "now", lambda: moment)
        desk.write(text)

    write(midnight - timedelta(milliseconds=1), "Yesterday still.")
    write(midnight, "Today.")
    write(midnight + timedelta(hours=12), "Noon it was.")
    assert desk.progress.today(midnight + timedelta(hours=13)).yours == 4
    assert desk.progress.session().yours == 6
    assert desk.progress.today(midnight + timedelta(days=1)).yours == 0
    again = Progress(desk.library)  # a restart ends the session, not the day
    assert again.today(midnight + timedelta(hours=13)).yours == 4


def test_words_of_one_passage() -> None:
    assert added(Grown("model", "a b c", "a b c", True)) == Words(0, 3)
    assert added(Grown("model", "a b b c", "a b c", True)) == Words(1, 3)
    assert added(Grown("writer", "a", "a b c", False)) == Words(0, 0)


words = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=5).map(" ".join)
deeds = st.tuples(
    st.sampled_from(["write", "model", "retry", "edit", "undo", "redo", "prune"]),
    st.integers(0, 1),
    words,
    st.integers(0, 3),
)


@hypothesis(max_examples=40, deadline=None)
@given(st.lists(deeds, max_size=14))
def test_whatever_is_done_together_is_what_is_read(done: list[tuple[str, int, str, int]]) -> None:
    """All that is read was added in this session; and it is undone and redone like the text."""
    with TemporaryDirectory() as folder:
        desk = Desk(Path(folder) / "library.db")
        desk.stories.append(desk.library.stories.create("U", "Another.").id)
        for what, story, text, at in done:
            path = reading.page(desk.library, desk.stories[story]).path
            match what:
                case "write":
                    desk.write(text, story=story)
                case "model":
                    desk.write(text, "model", story=story)
                case "retry":
                    desk.retry(text, story)
                case "undo":
                    desk.branching.undo(desk.stories[story])
                case "redo":
                    desk.branching.redo(desk.stories[story])
                case "edit" if path:
                    desk.branching.edit(path[at % len(path)].id, text)
                case "prune" if path:
                    desk.branching.prune(path[at % len(path)].id)
            yours, together = desk.now
            assert together == desk.read - len(OFFERED.split()), "nobody's words but the story's"
            assert 0 <= yours <= together
        before = desk.now
        steps = 0
        while desk.branching.undo(desk.stories[0]) is not None:
            steps += 1
        for _ in range(steps):
            desk.branching.redo(desk.stories[0])
        assert desk.now == before
        desk.library.close()
