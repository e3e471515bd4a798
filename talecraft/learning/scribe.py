"""A tale as sequences of a model's ids: what is read, what is learned, and what weighs more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from talecraft.corpus.rendering import render
from talecraft.corpus.tales import Passage, Tale
from talecraft.engine.codec import Codec
from talecraft.errors import EngineError
from talecraft.story.context import Block


@dataclass(frozen=True, slots=True)
class Lesson:
    """One sequence: its ids, for each whether it is learned (or only read), whether it ends a line
    of a plan or closes it, and whether it ends a turn."""

    ids: Sequence[int]
    learned: Sequence[bool]
    planning: Sequence[bool]
    ending: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Piece:
    """As much of a tale as fits a sequence: the passages before `first` are read only; `ends` where
    the tale ends with it."""

    tale: Tale
    first: int = 0
    ends: bool = True


@dataclass(frozen=True, slots=True)
class Scribe:
    """Puts tales into a model's ids, as its page would show them; `end` is the id with which it
    ends a text."""

    codec: Codec
    end: int
    room: int  # tokens of the longest sequence
    tags: frozenset[str] = frozenset()  # what a tale's own words must not hold

    @classmethod
    def of(cls, codec: Codec, tokenizer: Any, room: int) -> Scribe:
        """What is learned is to do without the style's example. Raises EngineError for a model that
        has no end of text."""
        codec = codec.styled(msgspec.structs.replace(codec.style, example=""))
        own = tokenizer.eos_token_id
        ends = sorted(codec.end_ids)
        if not ends:
            raise EngineError(
                "This model has no token that ends a text, so it cannot learn to end one.",
                "Give its config.json an eos_token_id.",
            )
        tags = {*codec.style.stops, codec.style.prose_tag, *tokenizer.all_special_tokens}
        return cls(codec, own if own in ends else ends[0], room, frozenset(tags))

    def untagged(self, tale: Tale) -> Tale:
        """The tale without what this model would take for the end of a plan or a turn."""

        def plain(text: str) -> str:
            for tag in self.tags:
                text = text.replace(tag, "")
            return text

        passages = tuple(
            Passage(tuple(plain(beat) for beat in one.outline), plain(one.prose))
            for one in tale.passages
        )
        return Tale(plain(tale.premise), passages, tale.source)

    def encode(self, piece: Piece, shown: Tale | None = None) -> Lesson:
        """A piece as a sequence, after the example `shown` where there is one."""
        ids: list[int] = []
        learned: list[bool] = []
        planning: list[bool] = []
        ending: list[bool] = []
        end = self.codec.decode([self.end])
        style = self.codec.style
        spans = render(piece.tale, style, shown, piece.first, end, piece.ends)
        for at, span in enumerate(spans):
            if at == 0 and style.chat:  # the user's message of its own template
                part = self.codec.premise(Block(span.text))
            elif piece.ends and span.text == end:
                part = [self.end]
            else:
                part = self.codec.encode(span.text)
            ids += part
            learned += [span.learned] * len(part)
            closing = span.learned and span.text in (style.think_open, end)
            inside = span.learned and not closing
            planning += self._planning(span.text, len(part)) if inside else [False] * len(part)
            # A turn ends with its prose's last token, and the tag after it.
            ending += [closing or (inside and one == len(part) - 1) for one in range(len(part))]
        room = slice(self.room)
        return Lesson(ids[room], learned[room], planning[room], ending[room])

    def _planning(self, turn: str, tokens: int) -> list[bool]:
        """Which of a turn's tokens end a line of its plan, or are of the tag that closes it."""
        tag = self.codec.style.prose_tag
        plan = turn[: turn.index(tag)]
        begun, closed = (len(self.codec.encode(text)) for text in (plan, plan + tag))
        lines = {
            len(self.codec.encode(plan[: found.end()])) - 1 for found in re.finditer(r"\n", plan)
        }
        return [at in lines or begun <= at < closed for at in range(tokens)]

    def premise(self, text: str) -> list[int]:
        """The prompt of a new story, as the engine encodes it."""
        return self.codec.premise(Block(f"{self.codec.style.premise_open}{text.strip()}\n"))

    def pieces(self, tale: Tale) -> Iterator[Piece]:
        """The tale in pieces of whole passages, each after the premise, as a page shows them whose
        beginning has left the window; each but the first after the passage before it.

        The last plan of a tale of several passages says that it is the last, as the page makes it
        say where the writer asks for an end.
        """
        tale = self._ending(tale)
        sizes = [self._size(tale, (passage,)) for passage in tale.passages]
        base = self._size(tale, ())
        begun, used = 0, base
        for at, size in enumerate(sizes):
            own = size - base
            if at > begun and used + own > self.room:
                yield self._piece(tale, begun, at)
                read = sizes[at - 1] - base
                begun, used = at, base + (read if base + read + own <= self.room else 0)
            used += own
        yield self._piece(tale, begun, len(sizes))

    def _ending(self, tale: Tale) -> Tale:
        *others, last = tale.passages
        if not others or not last.outline:
            return tale
        beat = self.codec.style.last_beat
        if last.outline[-1] == beat:
            return tale
        last = msgspec.structs.replace(last, outline=(*last.outline, beat))
        return msgspec.structs.replace(tale, passages=(*others, last))

    def _piece(self, tale: Tale, begun: int, end: int) -> Piece:
        before = tale.passages[begun - 1 : end] if begun else tale.passages[:end]
        with_one_before = Piece(
            msgspec.structs.replace(tale, passages=before),
            int(begun > 0),
            end == len(tale.passages),
        )
        if not begun or self._whole(with_one_before) <= self.room:
            return with_one_before
        return Piece(
            msgspec.structs.replace(tale, passages=tale.passages[begun:end]),
            0,
            end == len(tale.passages),
        )

    def _whole(self, piece: Piece) -> int:
        return self._size(piece.tale, piece.tale.passages)

    def _size(self, tale: Tale, passages: tuple[Passage, ...]) -> int:
        spans = render(msgspec.structs.replace(tale, passages=passages), self.codec.style)
        return sum(len(self.codec.encode(span.text)) for span in spans)
