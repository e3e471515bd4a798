"""What there is to read: the shelf of stories, and one story's open page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from talecraft.library import Library
from talecraft.story import feedback
from talecraft.story.feedback import Feedback, Score
from talecraft.story.turns import Story, Turn, word_count


class Shelved(msgspec.Struct, frozen=True):
    """A story as the shelf shows it: words of its open branch, and when it last grew."""

    story: Story
    words: int
    passages: int
    changed_at: str


class Page(msgspec.Struct, frozen=True):
    """The open branch of a story, without the generations' records.

    `version` of `versions` is which sibling the last passage is, both 0 for an empty story;
    `scores` is what stands now, by turn.
    """

    story: Story
    path: Sequence[Turn]
    version: int
    versions: int
    scores: Mapping[int, Score]

    @property
    def words(self) -> int:
        return sum(word_count(turn.prose) for turn in self.path)


def shelf(library: Library, trashed: bool = False) -> list[Shelved]:
    """All stories, newest work first, or the trash."""
    shelved = []
    for story in library.stories.list(trashed):
        path = library.stories.path(story.leaf_id)
        words = sum(word_count(turn.prose) for turn in path)
        changed_at = path[-1].created_at if path else story.created_at
        shelved.append(Shelved(story, words, len(path), changed_at))
    return shelved


def page(library: Library, story_id: int) -> Page:
    """Raises UsageError for an unknown story."""
    story = library.stories.get(story_id)
    versions: Sequence[int] = []
    if story.leaf_id is not None:
        versions = library.stories.versions(story.leaf_id)
    return Page(
        story,
        library.stories.path(story.leaf_id),
        versions.index(story.leaf_id) + 1 if story.leaf_id is not None else 0,
        len(versions),
        standing_scores(library.feedback.of_story(story_id)),
    )


def standing_scores(log: Sequence[Feedback]) -> dict[int, Score]:
    """The grade that stands for each turn of `log`, for those that have one."""
    by_turn: dict[int, list[Feedback]] = {}
    for line in feedback.current(log):
        by_turn.setdefault(line.turn_id, []).append(line)
    found = {turn_id: feedback.score(lines) for turn_id, lines in by_turn.items()}
    return {turn_id: score for turn_id, score in found.items() if score is not None}
