"""What is learned from: a premise, and passages, each with the plan that stands before it."""

from __future__ import annotations

import msgspec


class Passage(msgspec.Struct, frozen=True):
    """One turn. `outline` holds its beats in order; () for a passage that has no plan."""

    outline: tuple[str, ...]
    prose: str


class Tale(msgspec.Struct, frozen=True):
    """A story in turns. `source` says where it comes from, for messages."""

    premise: str
    passages: tuple[Passage, ...]
    source: str = ""

    @property
    def prose(self) -> str:
        return "\n\n".join(one.prose for one in self.passages)
