"""All stories, passages and opinions in one file, and back into another library: what a run learns
from there is what it learns from here.

A line each, JSON, tagged: stories first, then turns by their number, then what was said of them.
Numbers are given anew where they are taken in, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from talecraft.errors import UsageError
from talecraft.library import Library
from talecraft.story.clean import clean, clean_line
from talecraft.story.feedback import Feedback
from talecraft.story.turns import Generation, Story, Turn
from talecraft.studio import foreign

Count = Annotated[int, Meta(ge=0, lt=2**31)]
VERSION = 1


class Head(msgspec.Struct, frozen=True, tag="talecraft"):
    """The first line."""

    version: int = VERSION


class StoryLine(msgspec.Struct, frozen=True, tag="story", forbid_unknown_fields=True):
    """`leaf` is the turn at its open end; a story of kind `taste` is a round of choices."""

    id: Count
    title: str
    premise: str
    kind: Literal["story", "taste"]
    leaf: Count | None
    created_at: str


class TurnLine(msgspec.Struct, frozen=True, tag="turn", forbid_unknown_fields=True):
    turn: Turn


class OpinionLine(msgspec.Struct, frozen=True, tag="opinion", forbid_unknown_fields=True):
    said: Feedback


Line = Head | StoryLine | TurnLine | OpinionLine
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


class Brought(msgspec.Struct, frozen=True):
    """How much came."""

    stories: int
    turns: int
    opinions: int


def lines(library: Library) -> Iterator[bytes]:
    """The whole library's, passages as they were written; what edits made of them is among the
    opinions."""
    yield _encode(Head())
    for one in library.stories.every():
        kind: Literal["story", "taste"] = "taste" if one.kind == "taste" else "story"
        yield _encode(StoryLine(one.id, one.title, one.premise, kind, one.leaf_id, one.created_at))
    for turn in library.stories.written():
        yield _encode(TurnLine(turn))
    for said in library.feedback.all():
        yield _encode(OpinionLine(said))


def bring_in(library: Library, found: Iterable[bytes], name: str) -> Brought:
    """Add all that `found` holds, or nothing. Raises UsageError, with the line of the file `name`,
    for what is not of this shape or names what is not there."""
    with library.transaction():
        return _Carrier(library).carry(found, name)


class _Carrier:
    def __init__(self, library: Library) -> None:
        self._library = library
        self._stories: dict[int, int] = {}
        self._turns: dict[int, int] = {}
        self._leaves: dict[int, int] = {}
        self._opinions = 0

    def carry(self, found: Iterable[bytes], name: str) -> Brought:
        number = 0
        for number, raw in enumerate(found, 1):
            if not raw.strip():
                continue
            try:
                self._take(_decode(raw), number)
            except (msgspec.MsgspecError, RecursionError) as error:
                raise _wrong(name, number, foreign.why(error)) from error
            except _Odd as odd:
                raise _wrong(name, number, str(odd)) from odd
        if not number:
            raise UsageError(f"There is nothing in {name}.")
        for story, leaf in self._leaves.items():
            if leaf in self._turns:
                self._library.stories.open_leaf(story, self._turns[leaf])
        return Brought(len(self._stories), len(self._turns), self._opinions)

    def _take(self, line: Line, number: int) -> None:
        if (number == 1) != isinstance(line, Head):
            raise _Odd("the first line, and no other, says what file this is")
        match line:
            case Head(version):
                if version != VERSION:
                    raise _Odd(f"it is of version {version}, known is {VERSION}")
            case StoryLine():
                self._take_story(line)
            case TurnLine(turn):
                self._take_turn(turn)
            case OpinionLine(said):
                self._take_opinion(said)

    def _take_story(self, line: StoryLine) -> None:
        if line.id in self._stories:
            raise _Odd(f"story {line.id} comes twice")
        story = Story(
            0, clean_line(line.title), clean(line.premise), None, "", clean_line(line.created_at),
            False, line.kind,
        )  # fmt: skip
        made = self._library.stories.bring_in(story)
        self._stories[line.id] = made
        if line.leaf is not None and line.kind == "story":
            self._leaves[made] = line.leaf

    def _take_turn(self, turn: Turn) -> None:
        if turn.id in self._turns or turn.story_id not in self._stories:
            raise _Odd(f"turn {turn.id} comes twice, or before its story {turn.story_id}")
        parent = None
        if turn.parent_id is not None:
            parent = self._turns.get(turn.parent_id)
            if parent is None:
                raise _Odd(f"turn {turn.id} comes before turn {turn.parent_id}, which it follows")
        if (turn.generation is None) != (turn.author == "writer"):
            raise _Odd(f"turn {turn.id} is not the writer's alone, or has no record")
        made = turn.generation
        clean_turn = msgspec.structs.replace(
            turn, prose=clean(turn.prose), outline=clean(turn.outline),
            generation=None if made is None else _sound(made),
        )  # fmt: skip
        self._turns[turn.id] = self._library.stories.bring_in_turn(
            clean_turn, self._stories[turn.story_id], parent
        )

    def _take_opinion(self, said: Feedback) -> None:
        named = (said.turn_id, *said.others)
        if unknown := [one for one in named if one not in self._turns]:
            raise _Odd(f"it is of turn {unknown[0]}, which is not here")
        if said.value is not None and not _VALUES[said.kind](said.value):
            raise _Odd(f"{said.value:g} says nothing as a {said.kind}")
        self._library.feedback.append(
            [
                msgspec.structs.replace(
                    said, turn_id=self._turns[said.turn_id], note=clean(said.note),
                    others=tuple(self._turns[one] for one in said.others), text=clean(said.text),
                    tags=tuple(map(clean_line, said.tags)), created_at=clean_line(said.created_at),
                )
            ]
        )  # fmt: skip
        self._opinions += 1


_VALUES: dict[str, Callable[[float], bool]] = {
    "stars": lambda value: 1 <= value <= 5,
    "thumb": lambda value: value in (-1, 1),
    "choice": lambda value: value in (0, 1),
    "edit": lambda value: value == 1,
    "discard": lambda value: value == 1,
}


def _sound(made: Generation) -> Generation:
    """The record of a turn, once it proved to fit together."""
    columns = (made.forced, made.raw_logprobs, made.sampled_logprobs)
    count = len(made.response_ids)
    inside = 0 <= made.prose_start <= made.prose_end <= count
    ids = (*made.prompt_ids, *made.response_ids)
    if any(len(one) != count for one in columns) or not inside:
        raise _Odd("the record of its tokens does not fit together")
    if not all(0 <= one < 2**31 for one in ids):
        raise _Odd("an id of its tokens is none")
    return msgspec.structs.replace(
        made, model_id=clean_line(made.model_id), revision=clean_line(made.revision),
        quantisation=clean_line(made.quantisation), engine_mode=clean_line(made.engine_mode),
        adapter_id=None if made.adapter_id is None else clean_line(made.adapter_id),
    )  # fmt: skip


class _Odd(Exception):
    """Why a line cannot be taken in."""


def _wrong(name: str, number: int, why: str) -> UsageError:
    return UsageError(f"{name}:{number}: {why}.", "Nothing was added.")
