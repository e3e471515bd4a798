"""Words added: whose they are, and how many. What counts is said at `Words` and `added`."""

from __future__ import annotations

from collections import Counter

import msgspec

from talecraft.story.turns import Author, word_count


class Words(msgspec.Struct, frozen=True):
    """Words added since some moment, as the open branches of the stories read now.

    A passage counts while it stands there: one that was undone, retried, thrown away or is
    another version than the one that is read does not, and counts again when it is back. `yours`
    are the words of the writer's passages and of the first lines that the writer made up, and
    those that an edit brought into any passage (what was taken from a ghost or a proposal, too:
    the writer put it there); `models` what is left of the model's. Words that were taken out of
    older passages take nothing away.
    """

    yours: int = 0
    models: int = 0

    @property
    def together(self) -> int:
        return self.yours + self.models

    def __add__(self, other: Words) -> Words:
        return Words(self.yours + other.yours, self.models + other.models)


class Grown(msgspec.Struct, frozen=True):
    """A passage that was written or edited since: as it reads now, and as it read `before`.

    Before its first edit a passage that is new itself read as it was written; `new` tells which.
    """

    author: Author
    now: str
    before: str
    new: bool


def added(passage: Grown) -> Words:
    """What one passage adds."""
    if passage.author == "writer" and passage.new:
        return Words(yours=word_count(passage.now))
    edited = 0 if passage.now == passage.before else _brought_in(passage.now, passage.before)
    models = word_count(passage.now) - edited if passage.new else 0
    return Words(edited, models)


def _brought_in(now: str, before: str) -> int:
    """How many words of one text the other does not have."""
    return (Counter(now.split()) - Counter(before.split())).total()
