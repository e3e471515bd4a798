"""What a run learns from (episodes.jsonl): passages with their grades, preferences between them,
the writer's own prose, and prompts to practise on. A line each, tagged with its type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

FROM_ELSEWHERE = 0  # the turn of a passage that is in no story here


class Episode(msgspec.Struct, frozen=True, tag="passage"):
    """One passage as the policy wrote it: ids from the log, never re-tokenised.

    `group` keeps what must not be split between fitting and judging together: the story.
    `stars` 1-5 with their `weight` grade the prose, `outline_stars` the outline; 0 is no grade.
    Of an `edited` passage `prose` is what the writer made of it, and no policy wrote that: its
    `response_ids` end where the prose begins. What was `told` before a passage that came from
    elsewhere is text: it has no ids, and is `edited` in this sense.
    """

    turn_id: int
    group: int
    prompt_ids: list[int]
    response_ids: list[int]
    prose_start: int
    prose_end: int
    prose: str
    stars: int = 0
    weight: float = 0.0
    outline: str = ""
    outline_stars: int = 0
    outline_weight: float = 0.0
    edited: bool = False
    told: str = ""

    @property
    def loved(self) -> bool:
        """Is it what the writer would have: five stars, or their own words?"""
        return self.stars == 5 or (self.edited and self.turn_id != FROM_ELSEWHERE)


class Preference(msgspec.Struct, frozen=True, tag="preference"):
    """Passage `better` above passage `worse`, by their places in the order; with `tie` neither.

    `kind` is what showed it; `outline` where it is the outlines that were compared.
    """

    better: int
    worse: int
    weight: float
    kind: Literal["choice", "edit", "discard"]
    tie: bool = False
    outline: bool = False


class OwnProse(msgspec.Struct, frozen=True, tag="own"):
    """One passage that the writer wrote alone: to stay readable to the model, not to learn."""

    text: str


class Prompt(msgspec.Struct, frozen=True, tag="prompt"):
    """One prompt that the run was given to practise on."""

    text: str


class Evidence(msgspec.Struct, frozen=True):
    """All of it, in the order of its lines."""

    passages: list[Episode]
    preferences: list[Preference] = []
    own: list[str] = []
    prompts: list[str] = []

    @property
    def opinions(self) -> int:
        """How many things were said of prose: a grade counts as one, and so does a choice, an
        edit, and what was thrown away, beside however much that was kept."""
        graded = sum(one.stars > 0 for one in self.passages)
        said = [one for one in self.preferences if not one.outline]
        thrown = {one.worse for one in said if one.kind == "discard"}
        return graded + sum(one.kind != "discard" for one in said) + len(thrown)

    def lines(self) -> bytes:
        every = [
            *self.passages, *self.preferences, *map(OwnProse, self.own), *map(Prompt, self.prompts)
        ]  # fmt: skip
        return b"".join(_encode(one) + b"\n" for one in every)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Episode | Preference | OwnProse | Prompt).decode


def read(lines: Iterable[bytes]) -> Evidence:
    """The inverse of `Evidence.lines`. Raises msgspec.MsgspecError for a line that is none."""
    found = Evidence([], [], [], [])
    for line in lines:
        match _decode(line):
            case Episode() as passage:
                found.passages.append(passage)
            case Preference() as preference:
                found.preferences.append(preference)
            case OwnProse(text):
                found.own.append(text)
            case Prompt(text):
                found.prompts.append(text)
    return found
