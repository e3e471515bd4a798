"""What of a story and its notes fits a model's window, in tokens.

The text goes on until its window is full; beside it stand premise, memory, lore, the story so far
and the author's note, each with a share of its own. What is reserved for them does not depend on
which entries are called: the text's beginning moves only where text leaves, in steps of a quarter,
so that between two steps the prefix, and with it the engine's cache, stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from talecraft.story import sofar
from talecraft.story.context import Block
from talecraft.story.notes import NOT_CALLED
from talecraft.story.turns import LeftOut, Shown, Source

# The most of a window that each may take where not all fits; together at most BESIDE of it.
PREMISE, MEMORY, LORE, SUMMARY, NOTE = 1 / 2, 1 / 4, 1 / 4, 1 / 8, 1 / 8
BESIDE = 3 / 4
NO_ROOM, ALL_SHOWN = "no room", "nothing has left yet"
NO_END, NO_BEGINNING = "no room for its end", "no room for its beginning"
LIMIT = "longer than its limit"
MOST_NAMED = 20  # entries that are not called, each by itself
OWN = 3 / 4  # the most of the story so far that is the writer's, where beats follow


class Piece(msgspec.Struct, frozen=True):
    """A stretch of the prompt, in ids."""

    source: Source
    name: str
    ids: list[int]


class Window(msgspec.Struct, frozen=True):
    """The prompt, piece by piece, and what is not in it."""

    pieces: list[Piece]
    left_out: list[LeftOut]

    @property
    def ids(self) -> list[int]:
        return [token for piece in self.pieces for token in piece.ids]

    @property
    def shown(self) -> list[Shown]:
        return [Shown(one.source, one.name, len(one.ids)) for one in self.pieces]


class Encoder(Protocol):
    """A model's way from text to ids."""

    def encode(self, text: str) -> list[int]: ...

    def count(self, text: str) -> int:
        """How many ids `encode` gives."""

    def block(self, block: Block) -> list[int]:
        """The ids of a block of text."""

    def head(self, blocks: Sequence[Block]) -> list[Piece]:
        """What stands before the first passage, in the model's form."""

    def cut(self, text: str, most: int) -> str:
        """The beginning of `text`, at most `most` tokens of it."""


def fit(lengths: Sequence[int], room: int) -> int:
    """How many of the oldest passages leave so that the rest fit `room` tokens.

    They leave in steps of a quarter of the room. The newest always stays, even alone too long: its
    beginning is cut then.
    """
    over = sum(lengths) - room
    if over <= 0:
        return 0
    step = max(1, room // 4)
    must_leave = -(-over // step) * step
    gone = count = 0
    for length in lengths[:-1]:
        if gone >= must_leave:
            break
        gone += length
        count += 1
    return count


def assemble(blocks: Sequence[Block], encoder: Encoder, budget: int) -> Window:
    """The prompt, at most `budget` tokens of it. The first of `blocks` is the premise."""
    return _Fitting(blocks, encoder, budget).window()


def recorded(ids: Sequence[int], shown: Sequence[Shown]) -> Window:
    """A prompt of old, piece by piece; as one where it was not recorded what it is from."""
    pieces, at = [], 0
    for one in shown or [Shown("text", "", len(ids))]:
        pieces.append(Piece(one.source, one.name, list(ids[at : at + one.tokens])))
        at += one.tokens
    return Window(pieces, [])


class _Fitting:
    """One prompt being made: what each source takes, in the order in which they have their say."""

    def __init__(self, blocks: Sequence[Block], encoder: Encoder, budget: int) -> None:
        blocks = _with_summary(blocks)
        self._encoder = encoder
        self._budget = budget
        self._form = sum(len(piece.ids) for piece in encoder.head([]))
        self._room = max(0, budget - self._form)
        self._blocks = blocks
        self._texts = [encoder.block(one) if one.source == "text" else [] for one in blocks]
        self._whole = [
            len(ids) if one.source == "text" else self._count(one.text)
            for one, ids in zip(blocks, self._texts, strict=True)
        ]
        self._lengths = [
            min(length, one.limit) if one.limit else length
            for one, length in zip(blocks, self._whole, strict=True)
        ]
        self._tight = sum(self._lengths) > self._room
        self._beside = int(self._room * BESIDE)
        self._spent = 0
        self._left: list[LeftOut] = []

    def window(self) -> Window:
        kept = dict[int, Block]()
        for source, share in (("premise", PREMISE), ("note", NOTE), ("memory", MEMORY)):
            for at in self._of(source):
                alone = source == "premise" and not self._of("text")
                kept[at] = self._cut(at, 1.0 if alone else share)
        self._entries(kept)
        self._passages(kept)
        order = [(kept[at], self._texts[at]) for at in sorted(kept)]
        first = [one for one, _ in order if one.source not in ("text", "note") and not one.late]
        pieces = self._encoder.head(first)
        for one, ids in order:
            if one.source == "text":
                pieces.append(Piece("text", one.name, ids))
            elif one.late or one.source == "note":
                pieces.append(Piece(one.source, one.name, self._encoder.encode(one.text)))
        return Window(self._within(pieces), _grouped(self._left))

    def _of(self, *sources: str) -> list[int]:
        return [at for at, one in enumerate(self._blocks) if one.source in sources]

    def _count(self, text: str) -> int:
        return self._encoder.count(text) if text else 0

    def _shortened(self, at: int, most: int, why: str) -> Block:
        """At most `most` tokens of it, its end as before; how many are missing is noted."""
        block = self._blocks[at]
        begin = block.text.removesuffix(block.end)
        text = self._encoder.cut(begin, max(0, most - self._count(block.end)))
        text += block.end if text else ""
        missing = self._whole[at] - self._count(text)
        self._left.append(LeftOut(block.source, block.name, missing, why))
        self._lengths[at] = self._whole[at] - missing
        return msgspec.structs.replace(block, text=text)

    def _cut(self, at: int, share: float) -> Block:
        """As much of it as it may have, which is spent."""
        block = self._blocks[at]
        if self._tight:
            most = self._room
            if share < 1:
                most = min(int(self._room * share), max(0, self._beside - self._spent))
            if self._lengths[at] > most:
                block = self._shortened(at, most, NO_END)
        self._spent += self._lengths[at]
        return block

    def _entries(self, kept: dict[int, Block]) -> None:
        """Those that are called, the weightiest first, as far as there is room for them; room is
        kept for all, so that the text stays where it is while they come and go."""
        entries = self._of("lore", "character")
        most = min(int(self._room * LORE), max(0, self._beside - self._spent))
        if not self._tight:
            most = self._room
        free = most
        for at in sorted(entries, key=lambda at: -self._blocks[at].priority):
            block, length = self._blocks[at], self._lengths[at]
            why = block.left or (NO_ROOM if length > free else "")
            if why:
                self._left.append(LeftOut(block.source, block.name, self._whole[at], why))
                continue
            free -= length
            kept[at] = block if length == self._whole[at] else self._shortened(at, length, LIMIT)
        self._spent += min(most, sum(self._lengths[at] for at in entries))

    def _passages(self, kept: dict[int, Block]) -> None:
        """The newest passages, and the story so far where any have left."""
        texts = self._of("text")
        lengths = [self._lengths[at] for at in texts]
        (story,) = self._of("summary")
        summary = self._blocks[story]
        room = self._room - self._spent
        dropped, most = fit(lengths, room), 0
        gone = bool(dropped or summary.earlier)
        if gone:
            most = min(int(self._room * SUMMARY), max(0, self._beside - self._spent))
            dropped = fit(lengths, room - most)
        for at in texts[dropped:]:
            kept[at] = self._blocks[at]
        self._left += _passages_left([self._blocks[at] for at in texts], lengths, dropped)
        if not gone:
            if summary.text:
                self._left.append(LeftOut("summary", "", self._lengths[story], ALL_SHOWN))
            return
        told = [*summary.earlier, *(self._blocks[at].beat for at in texts[:dropped])]
        lines = [one for one in told if one]
        most = max(0, most - 1)  # it ends with its line
        own = summary.text
        room = int(most * OWN) if lines else most
        if self._count(own) > room:
            own = self._encoder.cut(own, room)
            missing = self._whole[story] - self._count(own)
            self._left.append(LeftOut("summary", "", missing, NO_END))
        if text := sofar.fitted(own, lines, most, self._count):
            kept[story] = msgspec.structs.replace(summary, text=f"{text}\n")

    def _within(self, pieces: list[Piece]) -> list[Piece]:
        """Where it is still too long, the oldest of the text is cut at its beginning; without any
        text what stands there at its end."""
        over = sum(len(one.ids) for one in pieces) - self._budget
        texts = [at for at, one in enumerate(pieces) if one.source == "text"]
        for at in texts or range(len(pieces) - 1, -1, -1):
            if over <= 0:
                break
            ids = pieces[at].ids
            cut = min(over, len(ids))
            why = NO_BEGINNING if texts else NO_END
            self._left.append(LeftOut(pieces[at].source, pieces[at].name, cut, why))
            ids = ids[cut:] if texts else ids[: len(ids) - cut]
            pieces[at] = msgspec.structs.replace(pieces[at], ids=ids)
            over -= cut
        return [one for one in pieces if one.ids]


def _grouped(left: Sequence[LeftOut]) -> list[LeftOut]:
    """The same, with entries that nobody spoke of as one where they are many: it is kept with each
    turn."""
    idle = [one for one in left if one.why == NOT_CALLED]
    if len(idle) <= MOST_NAMED:
        return list(left)
    tokens = sum(one.tokens for one in idle)
    rest = [one for one in left if one.why != NOT_CALLED]
    return [*rest, LeftOut("lore", f"{len(idle)} entries", tokens, NOT_CALLED)]


def _with_summary(blocks: Sequence[Block]) -> list[Block]:
    """The same with a place for the story so far, where nothing of it is known yet: after what
    stands before the text."""
    if any(one.source == "summary" for one in blocks):
        return list(blocks)
    text = (at for at, one in enumerate(blocks) if one.source in ("text", "note") or one.late)
    at = next((at for at in text if not blocks[at].left), len(blocks))
    return [*blocks[:at], Block("", source="summary"), *blocks[at:]]


def _passages_left(texts: Sequence[Block], lengths: Sequence[int], dropped: int) -> list[LeftOut]:
    """All that left as one: the oldest always go first."""
    if not texts:
        return []
    first = texts[0].name
    earlier = int(first) - 1 if first.isdigit() else 0
    if not dropped and not earlier:
        return []
    last = texts[dropped - 1].name if dropped else str(earlier)
    name = last if last == "1" else f"1-{last}"
    return [LeftOut("text", name, 0 if earlier else sum(lengths[:dropped]), NO_ROOM)]
