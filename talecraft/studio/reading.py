"""What there is to read: the shelf of stories, and one story's open page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from talecraft.library import Library
from talecraft.library.lengths import Length
from talecraft.story import feedback
from talecraft.story.feedback import Feedback, Score
from talecraft.story.turns import Story, Turn, word_count


class Shelved(msgspec.Struct, frozen=True):
    """A story as the shelf shows it: words of its first line and open branch, when it last grew."""

    story: Story
    words: int
    passages: int
    changed_at: str


class Page(msgspec.Struct, frozen=True):
    """The open branch of a story, without the generations' records.

    `version` of `versions` is which sibling the last passage is, both 0 for an empty story;
    `scores` is what stands now, by turn; `words` has those of the first line in it.
    """

    story: Story
    path: Sequence[Turn]
    version: int
    versions: int
    scores: Mapping[int, Score]
    words: int


def shelf(library: Library, trashed: bool = False) -> list[Shelved]:
    """All stories, newest work first, or the trash."""
    stories = library.stories.list(trashed)
    lengths = library.lengths.of([one.leaf_id for one in stories if one.leaf_id is not None])
    shelved = []
    for story in stories:
        empty = Length(0, 0, story.created_at)
        long = lengths[story.leaf_id] if story.leaf_id is not None else empty
        words = word_count(story.premise) + long.words
        shelved.append(Shelved(story, words, long.passages, long.written_at))
    return shelved


def page(library: Library, story_id: int) -> Page:
    """Raises UsageError for an unknown story."""
    story = library.stories.get(story_id)
    leaf = story.leaf_id
    words = library.lengths.of([leaf])[leaf].words if leaf is not None else 0
    return Page(
        story,
        library.stories.path(leaf),
        *(version(library, leaf) if leaf is not None else (0, 0)),
        standing_scores(library.feedback.of_story(story_id)),
        word_count(story.premise) + words,
    )


def version(library: Library, turn_id: int) -> tuple[int, int]:
    """Which version of its passage a turn is, and of how many."""
    versions = library.stories.versions(turn_id)
    return versions.index(turn_id) + 1, len(versions)


def standing_scores(log: Sequence[Feedback]) -> dict[int, Score]:
    """The grade that stands for each turn of `log`, for those that have one."""
    lines = feedback.by_turn(feedback.current(log))
    found = {turn_id: feedback.score(said) for turn_id, said in lines.items()}
    return {turn_id: score for turn_id, score in found.items() if score is not None}
